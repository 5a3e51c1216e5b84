"""Checks the product's invariants from outside: reads the four schemas and Kafka's topics, and calls no service.

Each module reads one kind of evidence. A check has a sentence, the number of checked items, and the contradictions.
"""
