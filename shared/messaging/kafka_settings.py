"""Addresses and names for Kafka's clients."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class KafkaSettings:
    """`prefix` precedes every topic name; `instance` makes the worker a static member of its consumer group.

    A static member keeps its partitions through a restart, and then asks once for a rebalance. Its name must be unique. Without one Kafka
    names the member.
    """

    bootstrap: str
    prefix: str = ""
    instance: str | None = None
