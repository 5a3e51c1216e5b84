"""The demo lists no effect before its cause (D10)."""

from datetime import UTC, datetime, timedelta
from itertools import permutations
from uuid import UUID

from infra.demo.observe import ObservedEvent, causes_first
from shared.kernel.ids import new_id

_AT = datetime(2026, 9, 14, 21, 12, tzinfo=UTC)


def test_effect_follows_its_cause_whatever_the_commit_times() -> None:
    first = _event(0)
    second = _event(5, cause=first.id)
    third = _event(3, cause=second.id)  # the clock of the machine stepped back
    unrelated = _event(4)

    for events in permutations([first, second, third, unrelated]):
        assert causes_first(events) == [first, unrelated, second, third]


def test_cause_of_an_earlier_chapter_delays_no_effect() -> None:
    effect, later = _event(1, cause=new_id()), _event(2)

    assert causes_first([later, effect]) == [effect, later]


def _event(milliseconds: int, cause: UUID | None = None) -> ObservedEvent:
    at = _AT + timedelta(milliseconds=milliseconds)
    return ObservedEvent("referrals.referral.received.v1", at, at, [], new_id(), cause)
