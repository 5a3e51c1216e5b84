"""Operation of the product: the command line, the embedded stack, migrations, topics, the demo."""
