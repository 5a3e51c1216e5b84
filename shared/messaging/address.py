"""Where Kafka is."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Kafka:
    """Where Kafka is, what goes before every topic name, and which instance of its consumer group this process is."""

    bootstrap: str
    prefix: str = ""
    instance: str = "0"
