"""Meetings: one for each ISO week at 13:00 London time, its slots and its quorum."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.mdt.commands import CancelMeeting, HoldMeeting
from services.mdt.domain import meeting as domain
from services.mdt.domain.meeting import AgendaUsage, MeetingDeadline, MeetingNotStarted, NotQuorate, Slot, Status
from services.mdt.domain.policy import Policy
from shared.clock import LONDON
from shared.contracts.codes import Role
from shared.contracts.mdt import MeetingCancelled, MeetingHeld, MeetingScheduled
from shared.contracts.meeting_reasons import MeetingCancelReason
from shared.kernel.decision import Deadline
from shared.kernel.ids import new_id
from shared.kernel.working_days import is_working_day
from tests.builders.mdt_states import CUT_OFF_AT, POLICY, STARTS_AT, a_meeting

MONDAYS = [date(2011, 1, 3) + timedelta(weeks=week) for week in range(30 * 52)]


def scheduled(week: date, policy: Policy = POLICY) -> domain.Meeting:
    return domain.schedule(week, policy=policy).state


@pytest.mark.acceptance("mdt-1")
def test_thirty_years_have_one_meeting_per_iso_week() -> None:
    meetings = [scheduled(week) for week in MONDAYS]

    weeks = [meeting.starts_at.astimezone(LONDON).isocalendar()[:2] for meeting in meetings]
    assert weeks == [week.isocalendar()[:2] for week in MONDAYS]
    assert len({meeting.id for meeting in meetings}) == len(MONDAYS)


@given(st.dates(date(2011, 1, 1), date(2040, 12, 31)), st.integers(0, 4))
def test_week_has_one_meeting_for_any_day_and_weekday(day: date, weekday: int) -> None:
    policy = Policy(meets_on_weekday=weekday)
    meeting = scheduled(domain.week_of(day), policy)

    local = meeting.starts_at.astimezone(LONDON)
    assert local.isocalendar()[:2] == day.isocalendar()[:2]
    assert (local.hour, local.minute) == (13, 0)
    assert is_working_day(local.date())
    assert meeting.id == scheduled(domain.week_of(day), policy).id


@given(st.sampled_from(MONDAYS))
def test_cut_off_is_two_working_days_before(week: date) -> None:
    meeting = scheduled(week)

    cut_off, start = meeting.cut_off_at.astimezone(LONDON), meeting.starts_at.astimezone(LONDON)
    between = [cut_off.date() + timedelta(days=days) for days in range(1, (start.date() - cut_off.date()).days + 1)]
    assert meeting.cut_off_at < meeting.starts_at
    assert cut_off.time() == start.time()
    assert sum(map(is_working_day, between)) == 2


@pytest.mark.acceptance("mdt-1")
@pytest.mark.parametrize(
    ("week", "meets_on", "cut_off_on"),
    [
        (date(2015, 3, 2), date(2015, 3, 4), date(2015, 3, 2)),
        (date(2013, 12, 23), date(2013, 12, 27), date(2013, 12, 23)),  # Christmas and Boxing Day: Friday
        (date(2014, 12, 29), date(2014, 12, 31), date(2014, 12, 29)),
        (date(2019, 12, 30), date(2020, 1, 2), date(2019, 12, 30)),  # New Year's Day: Thursday
        (date(2015, 4, 6), date(2015, 4, 8), date(2015, 4, 2)),  # after Good Friday and Easter Monday
    ],
)
def test_bank_holiday_moves_meeting_to_next_working_day(week: date, meets_on: date, cut_off_on: date) -> None:
    meeting = scheduled(week)

    assert meeting.starts_at.astimezone(LONDON).date() == meets_on
    assert meeting.cut_off_at.astimezone(LONDON).date() == cut_off_on


def test_meeting_moves_earlier_without_later_working_day() -> None:
    fridays = Policy(meets_on_weekday=4)

    meeting = scheduled(date(2015, 3, 30), fridays)  # Good Friday 3 April

    assert meeting.starts_at.astimezone(LONDON).date() == date(2015, 4, 2)


@pytest.mark.parametrize(
    ("week", "starts_at"),
    [
        (date(2015, 3, 23), datetime(2015, 3, 25, 13, tzinfo=UTC)),
        (date(2015, 3, 30), datetime(2015, 4, 1, 12, tzinfo=UTC)),  # summer time began on Sunday 29 March
        (date(2015, 10, 19), datetime(2015, 10, 21, 12, tzinfo=UTC)),
        (date(2015, 10, 26), datetime(2015, 10, 28, 13, tzinfo=UTC)),  # summer time ended on Sunday 25 October
    ],
)
def test_meeting_stays_at_one_across_clock_changes(week: date, starts_at: datetime) -> None:
    assert scheduled(week).starts_at == starts_at


def test_cut_off_stays_at_one_across_clock_change() -> None:
    mondays = Policy(meets_on_weekday=0)

    meeting = scheduled(date(2015, 3, 30), mondays)

    assert (meeting.starts_at, meeting.cut_off_at) == (datetime(2015, 3, 30, 12, tzinfo=UTC), datetime(2015, 3, 26, 13, tzinfo=UTC))


def test_scheduled_meeting_sets_its_deadlines() -> None:
    decision = domain.schedule(date(2015, 3, 2), policy=POLICY)

    assert decision.events == [MeetingScheduled(starts_at=STARTS_AT, cut_off_at=CUT_OFF_AT)]
    assert [(deadline.kind, deadline.due_at.date()) for deadline in decision.deadlines] == [
        (MeetingDeadline.CUT_OFF, date(2015, 3, 2)),
        (MeetingDeadline.ROLL_OVER, date(2015, 3, 6)),
    ]


@pytest.mark.acceptance("mdt-2")
@pytest.mark.parametrize(
    ("usage", "is_urgent", "at", "slot"),
    [
        (AgendaUsage(0, 0), False, CUT_OFF_AT, Slot.ORDINARY),
        (AgendaUsage(9, 0), False, CUT_OFF_AT, Slot.ORDINARY),
        (AgendaUsage(10, 0), False, CUT_OFF_AT, Slot.ORDINARY),
        (AgendaUsage(0, 0), False, CUT_OFF_AT + timedelta(seconds=1), None),
        (AgendaUsage(9, 0), True, CUT_OFF_AT, Slot.ORDINARY),
        (AgendaUsage(10, 2), True, CUT_OFF_AT, Slot.ORDINARY),
        (AgendaUsage(10, 1), True, CUT_OFF_AT + timedelta(days=1), Slot.URGENT),
        (AgendaUsage(10, 2), True, CUT_OFF_AT + timedelta(days=1), None),
        (AgendaUsage(0, 0), True, STARTS_AT, None),
    ],
)
def test_urgent_slots_stay_open_after_the_cut_off(*, usage: AgendaUsage, is_urgent: bool, at: datetime, slot: Slot | None) -> None:
    assert domain.free_slot(a_meeting(), usage, is_urgent=is_urgent, now=at, policy=POLICY) is slot


@pytest.mark.parametrize("status", [Status.HELD, Status.CANCELLED])
def test_ended_meeting_has_no_slots(status: Status) -> None:
    meeting = a_meeting(status=status)

    assert domain.free_slot(meeting, AgendaUsage(), is_urgent=True, now=CUT_OFF_AT, policy=POLICY) is None


def test_quorate_meeting_is_held() -> None:
    command = HoldMeeting((Role.GP, Role.SOCIAL_WORKER, Role.COMMUNITY_NURSE))

    decision = domain.hold(a_meeting(), command, now=STARTS_AT, policy=POLICY)

    assert decision.events == [MeetingHeld(attended=command.attended)]
    assert MeetingDeadline.ROLL_OVER not in decision.cancels  # undiscussed cases still roll over


def test_unrecorded_meeting_has_another_deadline_after_its_roll_over() -> None:
    meeting = a_meeting(status=Status.CUT_OFF)

    again = domain.until_recorded(meeting, datetime(2015, 3, 6, 13, tzinfo=UTC), POLICY)

    assert again == Deadline(MeetingDeadline.ROLL_OVER, datetime(2015, 3, 10, 13, tzinfo=UTC))


def test_held_meeting_has_no_deadline_after_its_roll_over() -> None:
    assert domain.until_recorded(a_meeting(status=Status.HELD), STARTS_AT, POLICY) is None


def test_late_attendee_is_added() -> None:
    held = domain.hold(a_meeting(), HoldMeeting(POLICY.quorum), now=STARTS_AT, policy=POLICY).state

    later = domain.hold(held, HoldMeeting((*POLICY.quorum, Role.MENTAL_HEALTH)), now=STARTS_AT, policy=POLICY).state

    assert later.attended == (*POLICY.quorum, Role.MENTAL_HEALTH)


@pytest.mark.parametrize("absent", POLICY.quorum)
def test_meeting_without_quorum_role_is_refused(absent: Role) -> None:
    command = HoldMeeting(tuple(role for role in Role if role is not absent))

    with pytest.raises(NotQuorate, match=absent):
        domain.hold(a_meeting(), command, now=STARTS_AT, policy=POLICY)


@pytest.mark.parametrize("status", [status for status in Status if status is not Status.HELD])
def test_meeting_without_attendance_is_not_quorate(status: Status) -> None:
    with pytest.raises(MeetingNotStarted):
        domain.require_quorate(a_meeting(status=status), needs_mental_health=False)


def test_mental_health_case_needs_mental_health_present() -> None:
    without = a_meeting(status=Status.HELD, attended=POLICY.quorum)

    with pytest.raises(NotQuorate, match="mental-health"):
        domain.require_quorate(without, needs_mental_health=True)
    domain.require_quorate(without, needs_mental_health=False)


def test_meeting_cannot_be_held_before_start() -> None:
    with pytest.raises(MeetingNotStarted):
        domain.hold(a_meeting(), HoldMeeting(POLICY.quorum), now=STARTS_AT - timedelta(seconds=1), policy=POLICY)


def test_capacity_of_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="capacity must be from 1 to 1000"):
        Policy(capacity=0)


def test_cancelled_meeting_names_next_one() -> None:
    following = new_id()

    decision = domain.cancel(a_meeting(), CancelMeeting(MeetingCancelReason.NO_CHAIR), next_meeting_id=following)

    assert decision.events == [MeetingCancelled(reason="no-chair", next_meeting_id=following)]
    assert (decision.state.status, decision.state.cancelled_because) == (Status.CANCELLED, "no-chair")
