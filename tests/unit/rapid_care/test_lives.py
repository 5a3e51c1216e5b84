"""Invariants of the clock in any sequence of commands on a response, with deadlines firing late or on time."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from services.rapid_care.domain.clock import ClockState, clock_of
from shared.contracts.rapid_care import (
    ResponseAtRisk,
    ResponseBreachCleared,
    ResponseBreached,
    ResponseCancelled,
    ResponseClosed,
    ResponseContacted,
    ResponseDeclined,
)
from tests.builders.rapid_care import at
from tests.builders.rapid_care_lives import ACTS, Life

_ENDS = {ResponseDeclined, ResponseCancelled, ResponseClosed}
#: A restored response continues after its end; `test_person_change` has its clock.
_NAMES = sorted(set(ACTS) - {"restored"})

Step = tuple[int, str, bool]

minutes = st.sampled_from([0, 1, 29, 30, 59, 60, 61, 119, 120, 121, 600])
steps = st.tuples(minutes, st.sampled_from(_NAMES), st.booleans())
_USUAL = ["AcceptResponse", "AssignClinician", "Depart"]
beginnings = st.integers(0, len(_USUAL)).map(lambda count: _USUAL[:count])


def _simulate(received_at: datetime, acts: Sequence[Step]) -> Life:
    """A step is the minutes since the previous one, the command, and whether the scheduler runs before it."""
    life, now = Life.of_referral(received_at), received_at
    for minutes, act, is_scheduler_up in acts:
        now += timedelta(minutes=minutes)
        if is_scheduler_up:
            life.fire_due(now)
        life.run(ACTS[act], now)
    life.fire_due(now + timedelta(days=1))
    return life


@st.composite
def courses(draw: st.DrawFn) -> tuple[datetime, list[Step]]:
    """Some usual commands in order, then any commands."""
    usual = [(draw(st.integers(0, 40)), act, draw(st.booleans())) for act in draw(beginnings)]
    return at(draw(st.sampled_from(["06:30", "14:00", "21:30", "22:00"]))), [*usual, *draw(st.lists(steps, max_size=4))]


@settings(max_examples=2 * settings().max_examples, deadline=None)
@given(courses())
def test_any_path_ends_clock_once_and_silences_it(course: tuple[datetime, list[Step]]) -> None:
    life = _simulate(*course)

    _assert_clock_agrees_with_events(life)
    _assert_silence_after_contact_or_end(life)


def _assert_clock_agrees_with_events(life: Life) -> None:
    final = clock_of(life.response, life.response.due_at + timedelta(days=2))
    breaches, cleared = life.events(ResponseBreached), life.events(ResponseBreachCleared)
    contacts = [event for event in life.events(ResponseContacted) if isinstance(event, ResponseContacted)]

    assert len(breaches) <= 1
    assert (
        (len(breaches) - len(cleared) == 1)
        is (life.response.breached_at is not None)
        is (final in {ClockState.BREACHED, ClockState.OVERDUE})
    )
    assert {contact.is_met for contact in contacts} == ({final is ClockState.MET} if life.response.contacted_at else set())
    if final is ClockState.RELEASED:
        assert life.response.ended_at is not None
        assert life.response.ended_at <= life.response.due_at
    assert final not in {ClockState.HELD, ClockState.RUNNING}


def _assert_silence_after_contact_or_end(life: Life) -> None:
    """No warning and no breach, but that of a late contact which crossed the end."""
    kinds = [type(event) for event in life.published]
    over = next((number for number, kind in enumerate(kinds) if kind in {ResponseContacted, *_ENDS}), len(kinds))
    visited = kinds.index(ResponseContacted) if ResponseContacted in kinds else len(kinds)

    assert ResponseAtRisk not in kinds[over:]
    assert ResponseBreached not in kinds[over : visited - 1] + kinds[visited:]
    assert kinds.count(ResponseAtRisk) <= 3
