"""Tests read as specifications. Behaviour is tested on real PostgreSQL and real Apache Kafka, and commits for real."""
