"""No response is without an owner: in any unfinished state it has a work list, a live deadline and a command that leads on."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.rapid_care.commands import CloseResponse, DeclineResponse
from services.rapid_care.domain.duties import DEADLINE_OF, Owner, awaited, owner_of
from services.rapid_care.domain.response import IN_CARE, RESPONSE, UNFINISHED, Status, permitted_commands
from shared.contracts.rapid_care import ResponseOverdue
from shared.kernel.errors import DomainError
from tests.builders.rapid_care import at
from tests.builders.rapid_care_lives import ACTS, COMMANDS, POLICY, Life

Step = tuple[int, str, bool]

#: A course of days fires many deadlines.
_UNTIMED = settings(deadline=None)

minutes = st.sampled_from([0, 1, 14, 15, 16, 60, 61, 120, 121, 600, 1441])
steps = st.tuples(minutes, st.sampled_from(sorted(ACTS)), st.booleans())
#: Commands that reach each phase, so that the random acts begin there.
_PATH = ["AcceptResponse", "AssignClinician", "Depart", "RecordFirstContact", "RecordAssessment", "AgreePackage", "StepDownResponse"]
#: The longest time until something becomes visible or moves.
_LONGEST = max(POLICY.care_continued_within, POLICY.reassigned_in_care_within, timedelta(hours=24))


@dataclass(frozen=True)
class Course:
    """When the referral arrives, the minutes between the first commands of `_PATH`, and what happens then."""

    received_at: datetime
    beginning: list[int]
    steps: list[Step]


courses = st.builds(
    Course,
    st.sampled_from([at(hour) for hour in ("03:11", "14:00", "21:30", "22:00")]),
    st.lists(st.integers(0, 20), max_size=len(_PATH)),
    st.lists(steps, max_size=8),
)


def test_courses_reach_every_unfinished_state() -> None:
    beginnings = (Course(at(hour), [1] * length, []) for hour in ("03:11", "14:00") for length in range(len(_PATH) + 1))

    assert {_begun(course)[0].response.status for course in beginnings} == set(UNFINISHED)


@settings(_UNTIMED, max_examples=2 * settings().max_examples)
@given(courses)
def test_unfinished_response_always_has_owner_deadline_and_command(course: Course) -> None:
    for life, now in _moments(course):
        if life.response.status in UNFINISHED:
            assert owner_of(life.response) is (Owner.CLINICIAN if life.response.clinician_id else Owner.COORDINATOR)
            assert _live_deadlines(life, now)
            assert _commands_that_lead_on(life, now)
        else:
            assert awaited(life.response) == []
            assert owner_of(life.response) is None


@_UNTIMED
@given(courses)
def test_actions_are_exactly_the_commands_not_refused(course: Course) -> None:
    for life, now in _moments(course):
        accepted = {command for command, act in COMMANDS.items() if replace(life).run(act, now)}

        assert accepted == set(permitted_commands(life.response))


@_UNTIMED
@given(courses)
def test_each_awaited_step_has_one_deadline(course: Course) -> None:
    for life, _ in _moments(course):
        steps_with_deadline = sorted(each.kind for each in life.pending if each.kind in set(DEADLINE_OF.values()))

        assert steps_with_deadline == sorted(DEADLINE_OF[step] for step in awaited(life.response))


@_UNTIMED
@given(courses)
def test_no_deadline_of_response_is_refused(course: Course) -> None:
    """A deadline that its handler refuses would end in silence."""
    life, now = _begun(course)
    for minutes_later, act, _ in course.steps:
        now += timedelta(minutes=minutes_later)
        assert life.fire_due(now) == []
        life.run(ACTS[act], now)


@_UNTIMED
@given(courses)
def test_neglected_response_is_overdue_until_step_is_taken(course: Course) -> None:
    life, now = _begun(course)
    before = len(life.events(ResponseOverdue))

    life.fire_due(now + 2 * _LONGEST)

    assert life.response.overdue_step in awaited(life.response)
    assert len(life.events(ResponseOverdue)) > before + 1


@pytest.mark.parametrize("status", UNFINISHED)
def test_true_statement_can_end_every_unfinished_state(status: Status) -> None:
    """Before the acceptance Rapid Care declines, which needs no outcome."""
    by_decline, by_closure = (status in RESPONSE[command].sources for command in (DeclineResponse, CloseResponse))

    assert by_closure if status in IN_CARE else by_decline


def _begun(course: Course) -> tuple[Life, datetime]:
    life, now = Life.of_referral(course.received_at), course.received_at
    for minutes_later, act in zip(course.beginning, _PATH, strict=False):
        now += timedelta(minutes=minutes_later)
        life.fire_due(now)
        life.run(ACTS[act], now)
    return life, now


def _moments(course: Course) -> Iterator[tuple[Life, datetime]]:
    """The life after its beginning and after each step; the deadline scheduler runs or does not."""
    life, now = _begun(course)
    yield life, now
    for minutes_later, act, is_scheduler_up in course.steps:
        now += timedelta(minutes=minutes_later)
        if is_scheduler_up:
            life.fire_due(now)
        life.run(ACTS[act], now)
        yield life, now


def _live_deadlines(life: Life, now: datetime) -> list[str]:
    """Pending deadlines that the state accepts, none of which lies further ahead than a day."""
    latest = max(now, life.response.clock_starts_at) + _LONGEST
    return [each.kind for each in life.pending if life.response.status in RESPONSE[each.kind].sources and each.due_at <= latest]


def _commands_that_lead_on(life: Life, now: datetime) -> list[type]:
    """Commands after which the response is in another state, or has another clinician or mode of contact."""
    return [command for command in permitted_commands(life.response) if _leads_on(life, command, now)]


def _leads_on(life: Life, command: type, now: datetime) -> bool:
    try:
        after = COMMANDS[command](life.response, now).state
    except DomainError:
        return False
    return (after.status, after.clinician_id, after.contact_mode) != (
        life.response.status,
        life.response.clinician_id,
        life.response.contact_mode,
    )
