"""Kafka to handlers: the consumer, its offsets, and the check that no record is missed."""
