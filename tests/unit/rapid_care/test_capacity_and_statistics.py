"""The month's referrals against what is commissioned, and the rates that are made of the counts."""

from dataclasses import fields
from datetime import date

import pytest

from services.rapid_care.domain.capacity import Capacity, level_of, warn
from services.rapid_care.domain.monthly_statistics import Figures
from services.rapid_care.domain.policy import Policy
from shared.contracts.rapid_care import CapacityLevel, CapacityWarned
from shared.kernel.decision import Fact
from shared.kernel.ids import new_id

POLICY = Policy()
MARCH = date(2015, 3, 1)


def _figures(**counts: int) -> Figures:
    return Figures(**(dict.fromkeys((each.name for each in fields(Figures)), 0) | counts))


@pytest.mark.acceptance("rapid_care-5")
@pytest.mark.parametrize(
    ("referrals", "level"),
    [(1, None), (180, None), (181, CapacityLevel.WARNING), (200, CapacityLevel.WARNING), (201, CapacityLevel.ALERT)],
)
def test_181_is_a_warning_and_201_an_alert(referrals: int, level: CapacityLevel | None) -> None:
    assert level_of(referrals, POLICY) is level


def test_each_level_of_a_month_is_told_once() -> None:
    capacity, told = Capacity(new_id(), MARCH), list[Fact]()
    for referrals in range(1, 260):
        decision = warn(capacity, referrals, POLICY)
        if decision:
            capacity = decision.state
            told += decision.events

    assert told == [
        CapacityWarned(month=MARCH, referrals=181, level=CapacityLevel.WARNING),
        CapacityWarned(month=MARCH, referrals=201, level=CapacityLevel.ALERT),
    ]


def test_an_alert_is_not_taken_back_by_a_higher_limit() -> None:
    assert warn(Capacity(new_id(), MARCH, CapacityLevel.ALERT), 202, Policy(capacity_high=210)) is None


@pytest.mark.acceptance("rapid_care-9")
def test_72_of_180_is_the_assumed_rate() -> None:
    assert _figures(referrals=180, avoided=72).avoided_rate == POLICY.avoided_rate_assumption


def test_what_is_due_is_met_or_breached() -> None:
    figures = _figures(referrals=9, met=2, breached=1, by_telephone=1, no_access=1)

    assert (figures.due, figures.met_rate) == (3, 0.6667)


def test_of_nothing_there_is_no_rate() -> None:
    assert (_figures().met_rate, _figures().avoided_rate) == (None, None)
