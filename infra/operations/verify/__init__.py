"""Looks from outside at everything the services promised: the four schemas and Kafka's topics, never a service's own word.

One module per kind of evidence. A check is a sentence, how much was looked at, and what contradicts it.
"""
