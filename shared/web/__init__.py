"""HTTP: tokens, problems, one transaction per command, and the factory of the four applications."""
