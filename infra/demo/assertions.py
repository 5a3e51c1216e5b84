"""Compares the events and responses of a run with the expected story. Each deviation is a sentence."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from infra.demo.expectations import CONFIRMED_AFTER, EXPECTED, RESPONSES, TIMES
from infra.demo.observe import ObservedEvent
from shared.clock import LONDON


def deviations(events: Sequence[ObservedEvent], seen: Mapping[str, Any]) -> list[str]:
    """The deviations of a run; none when it matches. `seen` has responses of the API by name."""
    return [*_counts(events), *_times(events), *_confirmation(events), *_responses(seen)]


def _counts(events: Sequence[ObservedEvent]) -> list[str]:
    counts = Counter(event.type for event in events)
    return [f"{kind} happened {counts[kind]} times, not {times}" for kind, times in EXPECTED.items() if counts[kind] != times]


def _times(events: Sequence[ObservedEvent]) -> list[str]:
    expected = {kind: [f"{instant:%a %d %H:%M}" for instant in instants] for kind, instants in TIMES.items()}
    actual = {kind: [f"{event.occurred_at.astimezone(LONDON):%a %d %H:%M}" for event in events if event.type == kind] for kind in TIMES}
    return [
        f"{kind} happened at {', '.join(actual[kind])}, not at {', '.join(expected[kind])}"
        for kind in TIMES
        if actual[kind] != expected[kind]
    ]


def _confirmation(events: Sequence[ObservedEvent]) -> list[str]:
    at = {event.type: event.occurred_at for event in events}
    closed, confirmed = (at.get(f"rapid-care.response.{verb}.v1") for verb in ("closed", "avoidance-confirmed"))
    if closed and confirmed and (confirmed - closed).days != CONFIRMED_AFTER.days:
        return [f"the avoided admission was confirmed after {(confirmed - closed).days} days, not {CONFIRMED_AFTER.days}"]
    return []


def _responses(seen: Mapping[str, Any]) -> list[str]:
    return [f"{name} was {seen.get(name)}, not {expected}" for name, expected in RESPONSES.items() if seen.get(name) != expected]
