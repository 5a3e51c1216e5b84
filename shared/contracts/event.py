"""The base of every event, and the field types that events are made of."""

from datetime import UTC, date, datetime
from typing import Annotated, ClassVar
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, StringConstraints

_NHS_DIGITS = 10


def _utc(instant: datetime) -> datetime:
    try:
        return instant.astimezone(UTC)
    except OverflowError as problem:
        raise ValueError("the time lies outside the calendar") from problem


def _no_nhs_number(code: str) -> str:
    if len(code) == _NHS_DIGITS and code.isdigit():
        raise ValueError("a code cannot be ten digits")
    return code


#: A point in time, in UTC.
Instant = Annotated[AwareDatetime, AfterValidator(_utc)]
#: A calendar day in Europe/London.
Day = date
CODE_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$"
#: A code of a code list, or of an organisation: capitals, digits and hyphens; never prose, never an NHS number.
Code = Annotated[str, StringConstraints(pattern=CODE_PATTERN), AfterValidator(_no_nhs_number)]


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


__all__ = ["UUID", "Code", "Day", "Event", "Instant", "Value", "producer", "producer_of"]
