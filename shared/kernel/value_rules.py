"""The permitted values of a policy's fields, as annotations: `Annotated[int, Range(1, 100)]`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import time, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any, Protocol, get_type_hints, runtime_checkable


@runtime_checkable
class Rule(Protocol):
    """The text of a rule completes the sentence "The field must be …"."""

    def allows(self, value: Any) -> bool: ...

    def __str__(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Range:
    """Numbers or durations from `ge` to `le`, both permitted; not a number (NaN) is outside."""

    ge: Any
    le: Any

    def allows(self, value: Any) -> bool:
        return bool(self.ge <= value <= self.le)

    def __str__(self) -> str:
        return f"from {written(self.ge)} to {written(self.le)}"


@dataclass(frozen=True, slots=True)
class EachEntry:
    """Every entry of a list, or every value of a mapping, meets `rule`."""

    rule: Rule

    def allows(self, value: Sequence[Any] | Mapping[Any, Any]) -> bool:
        return all(self.rule.allows(each) for each in (value.values() if isinstance(value, Mapping) else value))

    def __str__(self) -> str:
        return f"{self.rule} in each entry"


class DistinctEntries:
    def allows(self, value: Sequence[Any]) -> bool:
        return 0 < len(value) == len(set(value))

    def __str__(self) -> str:
        return "a list of at least one entry without repetition"


class RisingOrder:
    def allows(self, value: Sequence[Any]) -> bool:
        return all(one < other for one, other in pairwise(value))

    def __str__(self) -> str:
        return "in rising order"


class WholeDays:
    def allows(self, value: timedelta) -> bool:
        return value == timedelta(days=value.days)

    def __str__(self) -> str:
        return "in whole days"


@dataclass(frozen=True, slots=True)
class Decimals:
    """At most `places` decimal places, written without an exponent."""

    places: int

    def allows(self, value: Decimal) -> bool:
        exponent = value.as_tuple().exponent
        return isinstance(exponent, int) and -self.places <= exponent <= 0

    def __str__(self) -> str:
        return f"written with at most {self.places} decimal places"


class WithoutOffset:
    def allows(self, value: time) -> bool:
        return value.tzinfo is None

    def __str__(self) -> str:
        return "a time of day without an offset, such as 09:00"


def require_permitted(policy: Any) -> None:
    """Raises ValueError, which names each field with a value outside its rules, and the rule."""
    found = ((name, rule) for name, rules in rules_of(type(policy)).items() for rule in rules if not rule.allows(getattr(policy, name)))
    if wrong := [f"{name} must be {rule}" for name, rule in found]:
        raise ValueError("; ".join(wrong))


def rules_of(policy: type[Any]) -> Mapping[str, Sequence[Rule]]:
    """The rules of each annotated field."""
    hints = get_type_hints(policy, include_extras=True)
    return {name: [each for each in getattr(hint, "__metadata__", ()) if isinstance(each, Rule)] for name, hint in hints.items()}


def written(value: object) -> str:
    """A value as an operator writes it: a duration in ISO 8601, with days as its largest unit."""
    return _iso_8601(value) if isinstance(value, timedelta) else str(value)


def _iso_8601(duration: timedelta) -> str:
    if duration < timedelta():
        return f"-{_iso_8601(-duration)}"
    minutes, seconds = divmod(duration.seconds, 60)
    parts = [(duration.days, "D"), (minutes // 60, "H"), (minutes % 60, "M")]
    days, *clock = [f"{count}{unit}" if count else "" for count, unit in parts]
    fraction = f"{seconds + duration.microseconds / 1_000_000:.6f}".rstrip("0").rstrip(".")
    clock.append("" if fraction == "0" else f"{fraction}S")
    return f"P{days}{'T' if any(clock) else ''}{''.join(clock)}" if duration else "PT0S"
