"""How the product is run: the command line, the embedded stack, migrations, topics, the demo."""
