"""Kafka: the relay publishes committed events, the consumer applies received events, the deadline scheduler fires deadlines."""
