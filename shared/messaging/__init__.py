"""Kafka: the relay sends what was committed, the consumer applies what arrives, the timekeeper acts on deadlines."""
