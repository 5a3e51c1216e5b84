"""The embedded stack: PostgreSQL, Apache Kafka and the processes of the product on one machine."""
