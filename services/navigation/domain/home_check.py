"""The check, 91 days after a discharge from hospital, whether the person is still at home.

The check becomes a task on its day, so that it counts towards no caseload before. Until then it is the coordinators', who may cancel it.
Pure: values in, a Decision without events out. Sources: T11, navigation-5.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from services.navigation.commands import CancelHomeCheck
from services.navigation.domain.access import COORDINATE
from services.navigation.domain.closure import REASON_OF, require_coordinators_reason
from services.navigation.domain.policy import Policy
from shared.contracts.event import Day
from shared.contracts.navigation import CancelReason
from shared.contracts.persons import RecordedChange
from shared.kernel.decision import Deadline, Decision
from shared.kernel.errors import InvalidField, NotFound
from shared.kernel.ids import PersonId, derived_id
from shared.kernel.ownership import Desk, Owners, owned
from shared.kernel.state_table import Transitions, require_transition, state_table, transition
from shared.kernel.totality import total


class Status(StrEnum):
    EXPECTED = "expected"
    DUE = "due"
    CANCELLED = "cancelled"


class HomeCheckDeadline(StrEnum):
    """The deadline of a home check."""

    DUE = "home-check"


class Occurrence(StrEnum):
    """The person died or moved away; that was a mistake; or the same discharge is recorded again."""

    PERSON_GONE = "person-gone"
    PERSON_RESTORED = "person-restored"
    DISCHARGE_RECORDED = "discharge-recorded"


@dataclass(frozen=True, slots=True)
class HomeCheck:
    """One check for each person and day of discharge. `person_gone_at` is the record of the death or move that ended it."""

    id: UUID
    person_id: PersonId
    discharged_on: Day
    due_at: datetime
    status: Status = Status.EXPECTED
    cancel_reason: CancelReason | None = None
    person_gone_at: datetime | None = None
    ended_at: datetime | None = None
    version: int = 0


class HomeCheckNotFound(NotFound):
    """The person has no home check with this id."""

    code = "home-check-not-found"


class DischargeInFuture(InvalidField):
    """The day of discharge lies in the future."""

    code = "discharge-in-future"
    advice = "State the day of discharge after the person has left hospital."
    field = "discharged_on"


class HomeCheckInPast(InvalidField):
    """The 91st day after the discharge has passed (T11)."""

    code = "home-check-in-past"
    advice = "Create a task for a visit now, if it still helps."
    field = "discharged_on"


#: Guards the commands, answers `GET .../actions`, and is printed (and tested) as docs/states/navigation.md.
HOME_CHECK: Transitions = state_table(
    {
        CancelHomeCheck: transition(Status.EXPECTED, Status.CANCELLED),
        HomeCheckDeadline.DUE: transition(Status.EXPECTED, Status.DUE),
        Occurrence.PERSON_GONE: transition(Status.EXPECTED, Status.CANCELLED),
        Occurrence.PERSON_RESTORED: transition(Status.CANCELLED, Status.EXPECTED),
        Occurrence.DISCHARGE_RECORDED: transition(Status.CANCELLED, Status.EXPECTED),
    },
    HomeCheckDeadline,
    Occurrence,
)
#: The task of a check that is due has an owner of its own.
HOME_CHECK_OWNERS: Owners = total(
    Status,
    {
        Status.EXPECTED: owned(Desk("coordinator of care navigation", "list_home_checks", COORDINATE), HomeCheckDeadline.DUE),
        Status.DUE: None,
        Status.CANCELLED: None,
    },
)


def expect(person_id: PersonId, discharged_on: Day, now: datetime, policy: Policy) -> Decision[HomeCheck]:
    """A new check. Raises DischargeInFuture, HomeCheckInPast."""
    if discharged_on > policy.day_of(now):
        raise DischargeInFuture("The day of discharge is in the future.")
    due_at = policy.home_check_at(discharged_on)
    if due_at <= now:
        raise HomeCheckInPast("The day of the home check has passed.")
    check = HomeCheck(derived_id("home-check", person_id, discharged_on), person_id, discharged_on, due_at)
    return Decision(check, [], [_due(check)])


def expect_again(check: HomeCheck) -> Decision[HomeCheck]:
    """The discharge of a cancelled check is recorded again."""
    require_transition(check.status, Occurrence.DISCHARGE_RECORDED, HOME_CHECK)
    return _expected(check)


def restore(check: HomeCheck) -> Decision[HomeCheck]:
    """The death or move that ended the check was a mistake."""
    require_transition(check.status, Occurrence.PERSON_RESTORED, HOME_CHECK)
    return _expected(check)


def cancel(check: HomeCheck, command: CancelHomeCheck, now: datetime) -> Decision[HomeCheck]:
    """Raises IllegalTransition, CancelReasonNotYours."""
    require_transition(check.status, CancelHomeCheck, HOME_CHECK)
    require_coordinators_reason(command.reason)
    return _ended(check, Status.CANCELLED, command.reason, now)


def end(check: HomeCheck, recorded: RecordedChange, now: datetime) -> Decision[HomeCheck]:
    """The person died or moved away."""
    require_transition(check.status, Occurrence.PERSON_GONE, HOME_CHECK)
    return _ended(replace(check, person_gone_at=recorded.recorded_at), Status.CANCELLED, REASON_OF[recorded.change], now)


def is_ended_by(check: HomeCheck, recorded: RecordedChange) -> bool:
    """Whether this death or move has ended the check, and no earlier one."""
    return check.cancel_reason is REASON_OF[recorded.change] and check.person_gone_at == recorded.recorded_at


def fall_due(check: HomeCheck, now: datetime) -> Decision[HomeCheck]:
    """The day of the check: it becomes a task."""
    require_transition(check.status, HomeCheckDeadline.DUE, HOME_CHECK)
    return _ended(check, Status.DUE, None, now)


def is_repeated(check: HomeCheck, command: CancelHomeCheck) -> bool:
    """Whether the check is cancelled for this reason already."""
    return check.status is Status.CANCELLED and check.cancel_reason is command.reason


def _expected(check: HomeCheck) -> Decision[HomeCheck]:
    expected = replace(check, status=Status.EXPECTED, cancel_reason=None, person_gone_at=None, ended_at=None)
    return Decision(expected, [], [_due(expected)])


def _ended(check: HomeCheck, status: Status, reason: CancelReason | None, now: datetime) -> Decision[HomeCheck]:
    ended = replace(check, status=status, cancel_reason=reason, ended_at=now)
    return Decision(ended, [], cancels=list(HomeCheckDeadline))


def _due(check: HomeCheck) -> Deadline:
    return Deadline(HomeCheckDeadline.DUE, check.due_at)
