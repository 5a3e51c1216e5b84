"""Due times and absences lie within the period of planning."""

from datetime import timedelta

import pytest

from services.navigation.commands import DeclareAvailability, RescheduleTask
from services.navigation.domain import due_time
from services.navigation.domain.due_time import DueTimePassed
from services.navigation.domain.navigator import declare_availability
from shared.contracts.navigation import RescheduleReason
from shared.kernel.date_limits import DateOutOfLimits
from tests.builders.navigation import POLICY, a_navigator, a_task, at

NOW = at("15:00")
REASON = next(iter(RescheduleReason))


def test_coordinator_may_use_the_whole_period() -> None:
    latest = NOW + POLICY.planned_within

    assert due_time.set_by_coordinator(a_task(), RescheduleTask(latest, REASON), NOW, POLICY).state.due_at == latest
    assert declare_availability(a_navigator(), DeclareAvailability(False, latest), NOW, POLICY).state.away_until == latest


@pytest.mark.parametrize("late", [POLICY.planned_within + timedelta(seconds=1), timedelta(weeks=52 * 180)])
def test_time_in_another_century_is_refused(late: timedelta) -> None:
    with pytest.raises(DateOutOfLimits) as due:
        due_time.set_by_coordinator(a_task(), RescheduleTask(NOW + late, REASON), NOW, POLICY)
    with pytest.raises(DateOutOfLimits) as away:
        declare_availability(a_navigator(), DeclareAvailability(False, NOW + late), NOW, POLICY)

    assert (due.value.field, away.value.field) == ("due_at", "until")


def test_past_due_time_keeps_its_own_refusal() -> None:
    with pytest.raises(DueTimePassed):
        due_time.set_by_coordinator(a_task(), RescheduleTask(NOW, REASON), NOW, POLICY)
