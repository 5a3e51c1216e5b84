"""The month's referrals against the commissioned capacity, and the rates computed from its counts."""

from dataclasses import fields
from datetime import date

import pytest

from services.rapid_care.domain.capacity import Capacity, level_of, warn
from services.rapid_care.domain.monthly_statistics import MonthlyStatistics
from services.rapid_care.domain.policy import Policy
from shared.contracts.rapid_care import CapacityLevel, CapacityWarned
from shared.kernel.decision import Fact
from shared.kernel.ids import new_id

POLICY = Policy()
MARCH = date(2015, 3, 1)


def _statistics(**counts: int) -> MonthlyStatistics:
    return MonthlyStatistics(**(dict.fromkeys((each.name for each in fields(MonthlyStatistics)), 0) | counts))


@pytest.mark.acceptance("rapid_care-5")
@pytest.mark.parametrize(
    ("referrals", "level"),
    [(1, None), (180, None), (181, CapacityLevel.WARNING), (200, CapacityLevel.WARNING), (201, CapacityLevel.ALERT)],
)
def test_capacity_warns_at_181_and_alerts_at_201(referrals: int, level: CapacityLevel | None) -> None:
    assert level_of(referrals, POLICY) is level


def test_capacity_level_is_published_once_per_month() -> None:
    capacity, events = Capacity(new_id(), MARCH), list[Fact]()
    for referrals in range(1, 260):
        decision = warn(capacity, referrals, POLICY)
        if decision:
            capacity = decision.state
            events += decision.events

    assert events == [
        CapacityWarned(month=MARCH, referrals=181, level=CapacityLevel.WARNING),
        CapacityWarned(month=MARCH, referrals=201, level=CapacityLevel.ALERT),
    ]


def test_alert_stays_when_limit_is_raised() -> None:
    assert warn(Capacity(new_id(), MARCH, CapacityLevel.ALERT), 202, Policy(capacity_high=210)) is None


@pytest.mark.acceptance("rapid_care-9")
def test_72_of_180_is_assumed_rate() -> None:
    assert _statistics(referrals=180, avoided=72).avoided_rate == POLICY.avoided_rate_assumption


def test_due_responses_are_met_or_breached() -> None:
    statistics = _statistics(referrals=9, met=2, breached=1, by_telephone=1, no_access=1)

    assert (statistics.due, statistics.met_rate) == (3, 0.6667)


def test_empty_month_has_no_rates() -> None:
    assert (_statistics().met_rate, _statistics().avoided_rate) == (None, None)
