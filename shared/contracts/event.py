"""The base of every event, and the field types that events are made of."""

from typing import ClassVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from shared.contracts.input_types import CODE_PATTERN, Code, Day, Instant


class Value(BaseModel):
    """A frozen part of an event."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Event(Value):
    """One fact. A writer may not add fields; a reader ignores unknown fields.

    TYPE is `<context>.<aggregate>.<verb>.v<N>`, TOPIC `<context>.<aggregate>`. A RESTRICTED event travels encrypted.
    A PUBLIC event needs no consumer here: it is made for subscribers outside.
    """

    TYPE: ClassVar[str]
    TOPIC: ClassVar[str]
    RESTRICTED: ClassVar[bool] = False
    PUBLIC: ClassVar[bool] = False


def producer(event: type[Event]) -> str:
    """The context that emits it, as its Python package: `rapid_care`."""
    return producer_of(event.TOPIC)


def producer_of(topic: str) -> str:
    """The context that owns a topic, from the topic's name without prefix."""
    return topic.partition(".")[0].replace("-", "_")


__all__ = ["CODE_PATTERN", "UUID", "Code", "Day", "Event", "Instant", "Value", "producer", "producer_of"]
