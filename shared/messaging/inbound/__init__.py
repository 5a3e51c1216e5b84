"""From Kafka to the handlers: the consumer, its offsets, and the detection of skipped records."""
