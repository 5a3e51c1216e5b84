"""The weekly meeting: one for each ISO week, closed to ordinary cases at its cut-off, with decisions only when quorate.

Sources: T3, G14, G45; 001:6503-6504.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from uuid import UUID

from services.mdt.commands import CancelMeeting, HoldMeeting
from services.mdt.domain.desks import DIARY
from services.mdt.domain.policy import Policy
from shared.contracts.codes import Role
from shared.contracts.mdt import MeetingCancelled, MeetingCutOff, MeetingHeld, MeetingScheduled
from shared.kernel.decision import JUST_AFTER, Deadline, Decision
from shared.kernel.errors import NotFound, RuleBroken
from shared.kernel.ids import derived_id
from shared.kernel.ownership import Owners, owned
from shared.kernel.state_table import Transitions, require_transition, state_table, transition
from shared.kernel.totality import total
from shared.kernel.working_days import is_working_day, working_days_later


class Status(StrEnum):
    SCHEDULED = "scheduled"
    CUT_OFF = "cut-off"
    HELD = "held"
    CANCELLED = "cancelled"


class MeetingDeadline(StrEnum):
    """Deadlines of a meeting."""

    CUT_OFF = "cut-off"
    ROLL_OVER = "roll-over"


class Slot(StrEnum):
    """The kind of a slot on the agenda."""

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
class AgendaUsage:
    """Numbers of slots in use at a meeting."""

    ordinary: int = 0
    urgent: int = 0


@dataclass(frozen=True, slots=True)
class AgendaSlot:
    """A slot on the agenda of a meeting."""

    meeting_id: UUID
    starts_at: datetime
    slot: Slot


class MeetingNotFound(NotFound):
    """No meeting has this id."""

    code = "meeting-not-found"


class MeetingNotStarted(RuleBroken):
    """The meeting has not begun, or its attendance is not recorded."""

    code = "meeting-not-started"
    advice = "Wait for the start of the meeting and record the attendance first; decisions follow."


class NotQuorate(RuleBroken):
    """A role that the quorum requires does not attend (G14)."""

    code = "not-quorate"
    advice = "Record all roles that attend. Without the missing roles, cancel the meeting or defer the case that needs them."


_OPEN = (Status.SCHEDULED, Status.CUT_OFF)

#: State table: guards the commands, answers `GET .../actions`, and is printed (and tested) as docs/states/mdt.md.
MEETING: Transitions = state_table(
    {
        HoldMeeting: transition((*_OPEN, Status.HELD), Status.HELD, MeetingHeld),
        CancelMeeting: transition(_OPEN, Status.CANCELLED, MeetingCancelled),
        MeetingDeadline.CUT_OFF: transition(Status.SCHEDULED, Status.CUT_OFF, MeetingCutOff),
        MeetingDeadline.ROLL_OVER: transition((*_OPEN, Status.HELD), ()),
    },
    MeetingDeadline,
)


#: The owner of each state. The discussions of a held meeting may still be recorded.
MEETING_OWNERS: Owners = total(
    Status,
    {
        Status.SCHEDULED: owned(DIARY, MeetingDeadline.CUT_OFF),
        Status.CUT_OFF: owned(DIARY, MeetingDeadline.ROLL_OVER),
        Status.HELD: None,
        Status.CANCELLED: None,
    },
)
#: Whether the meeting is recorded neither as held nor as cancelled: a past one stays in the diary, also while its cut-off is late.
_IS_UNRECORDED = total(Status, {Status.SCHEDULED: True, Status.CUT_OFF: True, Status.HELD: False, Status.CANCELLED: False})
UNRECORDED = tuple(status for status, is_unrecorded in _IS_UNRECORDED.items() if is_unrecorded)


def week_of(day: date) -> date:
    """The Monday of its ISO week."""
    return day - timedelta(days=day.weekday())


def meeting_id(week: date) -> UUID:
    """Derived from the week, so that a week has one meeting only (T3)."""
    year, number, _ = week.isocalendar()
    return derived_id("mdt-meeting", f"{year}-W{number:02}")


def starts_at(week: date, policy: Policy) -> datetime:
    """On its weekday, else the next working day of that week (G45), else the last working day before."""
    day = week + timedelta(days=policy.meets_on_weekday)
    usual = policy.instant(day, policy.meets_at)
    if is_working_day(day):
        return usual
    later = working_days_later(usual, 1, policy.zone)
    return later if week_of(policy.day_of(later)) == week else working_days_later(usual, -1, policy.zone)


def cut_off_at(starts_at: datetime, policy: Policy) -> datetime:
    """Two working days before the meeting, at the same hour (G14)."""
    return working_days_later(starts_at, -policy.cut_off_working_days, policy.zone)


def schedule(week: date, *, policy: Policy) -> Decision[Meeting]:
    """Schedules the meeting of a week."""
    start, identity = starts_at(week, policy), meeting_id(week)
    closes = cut_off_at(start, policy)
    meeting = Meeting(identity, identity, Status.SCHEDULED, week, start, closes)
    deadlines = [
        Deadline(MeetingDeadline.CUT_OFF, closes + JUST_AFTER),
        Deadline(MeetingDeadline.ROLL_OVER, working_days_later(start, policy.roll_over_working_days, policy.zone)),
    ]
    return Decision(meeting, [MeetingScheduled(starts_at=start, cut_off_at=closes)], deadlines)


def require_open_agenda(meeting: Meeting) -> None:
    """Raises IllegalTransition."""
    require_transition(meeting.status, MeetingDeadline.CUT_OFF, MEETING)


def cut_off(meeting: Meeting, *, listed: int) -> Decision[Meeting]:
    """The agenda is closed to ordinary cases."""
    require_open_agenda(meeting)
    return Decision(replace(meeting, status=Status.CUT_OFF), [MeetingCutOff(listed=listed)])


def hold(meeting: Meeting, command: HoldMeeting, *, now: datetime, policy: Policy) -> Decision[Meeting]:
    """Records the roles that attend; the quorum (G14: GP, social care, community health) is required. Later arrivals are added.

    Raises IllegalTransition, MeetingNotStarted, NotQuorate.
    """
    require_transition(meeting.status, HoldMeeting, MEETING)
    require_begun(meeting, now)
    _require_roles(policy.quorum, command.attended)
    attended = tuple(dict.fromkeys((*meeting.attended, *command.attended)))
    held = replace(meeting, status=Status.HELD, attended=attended)
    return Decision(held, [MeetingHeld(attended=attended)], cancels=[MeetingDeadline.CUT_OFF])


def require_begun(meeting: Meeting, now: datetime) -> None:
    """Raises MeetingNotStarted."""
    if now < meeting.starts_at:
        raise MeetingNotStarted("The meeting has not begun.")


def is_quorate(meeting: Meeting, *, needs_mental_health: bool) -> bool:
    """Whether the meeting may decide; `require_quorate` gives the reason why not."""
    return meeting.status is Status.HELD and set(roles_for_case(needs_mental_health=needs_mental_health)) <= set(meeting.attended)


def require_quorate(meeting: Meeting, *, needs_mental_health: bool) -> None:
    """Decisions require a quorate meeting, with mental health where the case needs it (G14).

    Raises MeetingNotStarted, NotQuorate.
    """
    if meeting.status is not Status.HELD:
        raise MeetingNotStarted("The attendance of this meeting is not recorded.")
    _require_roles(roles_for_case(needs_mental_health=needs_mental_health), meeting.attended)


def roles_for_case(*, needs_mental_health: bool) -> tuple[Role, ...]:
    """The roles that a case requires in addition to the quorum (G14)."""
    return (Role.MENTAL_HEALTH,) if needs_mental_health else ()


def cancel(meeting: Meeting, command: CancelMeeting, *, next_meeting_id: UUID) -> Decision[Meeting]:
    """Cancels the meeting; its cases roll over to the next one in their order (mdt-8)."""
    require_transition(meeting.status, CancelMeeting, MEETING)
    cancelled = replace(meeting, status=Status.CANCELLED, cancelled_because=command.reason)
    return Decision(cancelled, [MeetingCancelled(reason=command.reason, next_meeting_id=next_meeting_id)], cancels=list(MeetingDeadline))


def end(meeting: Meeting) -> str:
    """The reason with which undiscussed cases roll over. Raises IllegalTransition."""
    require_transition(meeting.status, MeetingDeadline.ROLL_OVER, MEETING)
    return "not-reached" if meeting.status is Status.HELD else "meeting-not-recorded"


def until_recorded(meeting: Meeting, now: datetime, policy: Policy) -> Deadline | None:
    """The next look at a meeting whose attendance is not recorded, until a coordinator records or cancels it; None for a held one."""
    if meeting.status is Status.HELD:
        return None
    return Deadline(MeetingDeadline.ROLL_OVER, working_days_later(now, policy.roll_over_working_days, policy.zone))


def is_upcoming(meeting: Meeting, after: datetime) -> bool:
    return meeting.status in _OPEN and meeting.starts_at > after


def free_slot(meeting: Meeting, usage: AgendaUsage, *, is_urgent: bool, now: datetime, policy: Policy) -> Slot | None:
    """The slot for another case at this meeting, if any (mdt-2).

    Until the cut-off every case is listed, and rank decides at the cut-off (G54). Afterwards urgent cases may take an urgent slot.
    """
    if not is_upcoming(meeting, now):
        return None
    if now <= meeting.cut_off_at:
        return Slot.ORDINARY
    return Slot.URGENT if is_urgent and usage.urgent < policy.urgent_slots else None


def _require_roles(needed: Sequence[Role], attended: Sequence[Role]) -> None:
    missing = [role for role in needed if role not in attended]
    if missing:
        raise NotQuorate(f"Missing roles: {', '.join(missing)}.")
