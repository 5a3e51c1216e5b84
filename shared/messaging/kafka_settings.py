"""Where Kafka is."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class KafkaSettings:
    """Where Kafka is, what goes before every topic name, and which member of its consumer group this process is.

    A named instance keeps its partitions through a restart; the name must be this process's alone. Without one Kafka names the member.
    """

    bootstrap: str
    prefix: str = ""
    instance: str | None = None
