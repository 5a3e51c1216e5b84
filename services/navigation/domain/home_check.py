"""The check, 91 days after a discharge from hospital, whether the person is still at home.

The check becomes a task on its day, so that it counts towards no caseload before.
Sources: T11, navigation-5.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.navigation.domain.policy import Policy
from shared.contracts.event import Day
from shared.kernel.decision import Deadline
from shared.kernel.errors import RuleBroken
from shared.kernel.ids import PersonId, derived_id

#: The kind of its deadline.
DUE = "home-check"


@dataclass(frozen=True, slots=True)
class HomeCheck:
    """One check for each person and day of discharge."""

    id: UUID
    person_id: PersonId
    discharged_on: Day
    due_at: datetime

    @property
    def deadline(self) -> Deadline:
        return Deadline(DUE, self.due_at)


class DischargeInFuture(RuleBroken):
    """The day of discharge lies in the future."""

    code = "discharge-in-future"
    advice = "State the day of discharge after the person has left hospital."


class HomeCheckInPast(RuleBroken):
    """The 91st day after the discharge has passed (T11)."""

    code = "home-check-in-past"
    advice = "Create a task for a visit now, if it still helps."


def expect(person_id: PersonId, discharged_on: Day, now: datetime, policy: Policy) -> HomeCheck:
    """Raises DischargeInFuture, HomeCheckInPast."""
    if discharged_on > policy.day_of(now):
        raise DischargeInFuture("The day of discharge is in the future.")
    due_at = policy.home_check_at(discharged_on)
    if due_at <= now:
        raise HomeCheckInPast("The day of the home check has passed.")
    return HomeCheck(derived_id("home-check", person_id, discharged_on), person_id, discharged_on, due_at)
