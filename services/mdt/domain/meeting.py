"""The weekly meeting: exactly one for each ISO week, closed to ordinary cases at its cut-off, held with a quorum.

Sources: domain.md §5.4, T3, G14, G45; 001:6503-6504.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from uuid import UUID

from services.mdt.commands import CancelMeeting, HoldMeeting
from services.mdt.domain import working_days
from services.mdt.domain.policy import Policy
from services.mdt.domain.working_days import Holidays
from shared.contracts.codes import Role
from shared.contracts.mdt import MeetingCancelled, MeetingCutOff, MeetingHeld, MeetingScheduled
from shared.kernel.decision import Deadline, Decision
from shared.kernel.errors import NotFound, RuleBroken
from shared.kernel.ids import derived_id
from shared.kernel.transitions import Transitions, require, transition


class Status(StrEnum):
    SCHEDULED = "scheduled"
    CUT_OFF = "cut-off"
    HELD = "held"
    CANCELLED = "cancelled"


class Due(StrEnum):
    """Deadlines of a meeting."""

    CUT_OFF = "cut-off"
    ROLL_OVER = "roll-over"


class Slot(StrEnum):
    """Which kind of place a case takes on the agenda."""

    ORDINARY = "ordinary"
    URGENT = "urgent"


@dataclass(frozen=True, slots=True)
class Meeting:
    """One meeting. `week` is the Monday of the ISO week that it belongs to."""

    id: UUID
    correlation_id: UUID
    status: Status
    week: date
    starts_at: datetime
    cut_off_at: datetime
    attended: tuple[Role, ...] = ()
    cancelled_because: str | None = None
    version: int = 0


@dataclass(frozen=True, slots=True)
class Taken:
    """How many places of a meeting are taken."""

    ordinary: int = 0
    urgent: int = 0


@dataclass(frozen=True, slots=True)
class Discussed:
    """What was discussed at a meeting: how many cases, and whether one of them is flagged for mental health."""

    cases: int = 0
    needs_mental_health: bool = False


@dataclass(frozen=True, slots=True)
class Place:
    """A place on the agenda of a meeting."""

    meeting_id: UUID
    starts_at: datetime
    slot: Slot


class MeetingNotFound(NotFound):
    code = "meeting-not-found"


class MeetingNotBegun(RuleBroken):
    code = "meeting-not-begun"
    advice = "Wait for the meeting; what it decides can be recorded from its start on."


class QuorumMissing(RuleBroken):
    code = "quorum-missing"
    advice = "Record everybody who attended; without these roles the meeting was not quorate: cancel it, and its cases roll on."


_OPEN = (Status.SCHEDULED, Status.CUT_OFF)

#: Who may follow what. Guards the commands, answers `GET .../actions`, and is printed (and tested) as docs/states/mdt.md.
MEETING: Transitions = {
    HoldMeeting: transition(_OPEN, Status.HELD, MeetingHeld),
    CancelMeeting: transition(_OPEN, Status.CANCELLED, MeetingCancelled),
    Due.CUT_OFF: transition(Status.SCHEDULED, Status.CUT_OFF, MeetingCutOff),
    Due.ROLL_OVER: transition(_OPEN, ()),
}


def week_of(day: date) -> date:
    """The Monday of its ISO week."""
    return day - timedelta(days=day.weekday())


def meeting_id(week: date) -> UUID:
    """The same week gives the same id, so a second meeting of one week cannot exist (T3)."""
    year, number, _ = week.isocalendar()
    return derived_id("mdt-meeting", f"{year}-W{number:02}")


def meeting_day(week: date, *, holidays: Holidays, policy: Policy) -> date:
    """Its weekday, or the next working day of the week (G45); a week that has none left meets on the last one before."""
    day = week + timedelta(days=policy.meets_on_weekday)
    if working_days.is_working(day, holidays):
        return day
    later = working_days.shift(day, 1, holidays)
    return later if week_of(later) == week else working_days.shift(day, -1, holidays)


def schedule(week: date, *, holidays: Holidays, policy: Policy) -> Decision[Meeting]:
    """Puts the meeting of a week into the diary, with the cut-off two working days before at the same hour (G14)."""
    day = meeting_day(week, holidays=holidays, policy=policy)
    cut_off_day = working_days.shift(day, -policy.cut_off_working_days, holidays)
    starts_at = working_days.instant(day, policy.meets_at, policy.timezone)
    cut_off_at = working_days.instant(cut_off_day, policy.meets_at, policy.timezone)
    roll_over_day = working_days.shift(day, policy.roll_over_working_days, holidays)
    identity = meeting_id(week)
    meeting = Meeting(identity, identity, Status.SCHEDULED, week, starts_at, cut_off_at)
    deadlines = [
        Deadline(Due.CUT_OFF, cut_off_at + timedelta(microseconds=1)),
        Deadline(Due.ROLL_OVER, working_days.instant(roll_over_day, policy.meets_at, policy.timezone)),
    ]
    return Decision(meeting, [MeetingScheduled(starts_at=starts_at, cut_off_at=cut_off_at)], deadlines)


def cut_off(meeting: Meeting, *, listed: int) -> Decision[Meeting]:
    """The agenda is closed to ordinary cases."""
    require(meeting.status, Due.CUT_OFF, MEETING)
    return Decision(replace(meeting, status=Status.CUT_OFF), [MeetingCutOff(listed=listed)])


def hold(meeting: Meeting, command: HoldMeeting, *, discussed: Discussed, now: datetime, policy: Policy) -> Decision[Meeting]:
    """Records that it took place, quorate: GP, social care, community health, and mental health when a case needs it (§5.4).

    Raises IllegalTransition, MeetingNotBegun, QuorumMissing.
    """
    require(meeting.status, HoldMeeting, MEETING)
    require_begun(meeting.starts_at, now)
    missing = missing_roles(command.attended, discussed, policy)
    if missing:
        raise QuorumMissing(f"Not there: {', '.join(missing)}.")
    held = replace(meeting, status=Status.HELD, attended=command.attended)
    return Decision(held, [MeetingHeld(attended=command.attended, discussed=discussed.cases)], cancels=list(Due))


def cancel(meeting: Meeting, command: CancelMeeting, *, next_meeting_id: UUID) -> Decision[Meeting]:
    """Calls it off; its cases roll to the next one, their order kept (mdt-8)."""
    require(meeting.status, CancelMeeting, MEETING)
    cancelled = replace(meeting, status=Status.CANCELLED, cancelled_because=command.reason)
    return Decision(cancelled, [MeetingCancelled(reason=command.reason, next_meeting_id=next_meeting_id)], cancels=list(Due))


def require_begun(starts_at: datetime, now: datetime) -> None:
    """Raises MeetingNotBegun."""
    if now < starts_at:
        raise MeetingNotBegun("The meeting has not begun.")


def require_unrecorded(meeting: Meeting) -> None:
    """Raises IllegalTransition."""
    require(meeting.status, Due.ROLL_OVER, MEETING)


def missing_roles(attended: Sequence[Role], discussed: Discussed, policy: Policy) -> list[Role]:
    needed = [*policy.quorum, *([Role.MENTAL_HEALTH] if discussed.needs_mental_health else [])]
    return [role for role in needed if role not in attended]


def is_coming(meeting: Meeting, after: datetime) -> bool:
    return meeting.status in _OPEN and meeting.starts_at > after


def free_slot(meeting: Meeting, taken: Taken, *, is_urgent: bool, now: datetime, policy: Policy) -> Slot | None:
    """The place that a case can have at this meeting, if any (mdt-2).

    Up to the cut-off an ordinary place while there are any; an urgent case, late or not, may take an urgent one.
    """
    if not is_coming(meeting, now):
        return None
    if now <= meeting.cut_off_at and taken.ordinary < policy.capacity:
        return Slot.ORDINARY
    return Slot.URGENT if is_urgent and taken.urgent < policy.urgent_places else None
