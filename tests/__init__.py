"""Tests read as specifications. They run on real PostgreSQL and Apache Kafka, and commit their transactions."""
