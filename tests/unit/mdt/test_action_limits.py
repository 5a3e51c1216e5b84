"""An action of a plan is due within the period that the policy states."""

from datetime import timedelta

import pytest

from services.mdt.domain import case as domain
from services.mdt.domain.meeting import Status
from shared.kernel.date_limits import DateOutOfLimits
from tests.builders.mdt_states import POLICY, STARTS_AT, a_case, a_discussion_command, a_meeting, an_agreed_action

HELD = a_meeting(status=Status.HELD, attended=POLICY.quorum)
TODAY = POLICY.day_of(STARTS_AT)
LAST = TODAY + POLICY.actions_due_within


def _agree(*days: timedelta) -> domain.Agreement:
    command = a_discussion_command(actions=tuple(an_agreed_action(due_on=TODAY + each) for each in days))
    return domain.require_agreed(a_case(), command, HELD, has_lead=True, now=STARTS_AT, policy=POLICY)


def test_action_of_last_permitted_day_is_agreed() -> None:
    agreed = _agree(timedelta(), POLICY.actions_due_within)

    assert [action.due_on for action in agreed.actions] == [TODAY, LAST]


@pytest.mark.parametrize("late", [POLICY.actions_due_within + timedelta(days=1), timedelta(weeks=52 * 180)])
def test_action_in_another_century_is_refused(late: timedelta) -> None:
    with pytest.raises(DateOutOfLimits) as refusal:
        _agree(timedelta(), late)

    assert refusal.value.field == "actions.1.due_on"
    assert refusal.value.detail == f"The value must be from {TODAY} to {LAST}."
