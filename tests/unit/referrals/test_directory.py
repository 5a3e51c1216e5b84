"""Eligibility for the services of the directory."""

from datetime import date

import pytest

from services.referrals.domain.directory import (
    Applicant,
    BelowMinimumAge,
    LocalityNotCovered,
    PracticeNotCovered,
    ResidenceElsewhere,
    Serves,
    age_on,
    eligibility_failures,
)
from shared.contracts.codes import Locality
from shared.kernel.errors import RuleBroken
from tests.builders.referrals import a_service


@pytest.mark.parametrize(
    ("serves", "is_practice_covered", "is_resident", "expected"),
    [
        pytest.param(Serves.REGISTERED, True, False, [], id="registered here, lives in Enfield: health care goes by registration (E8)"),
        pytest.param(Serves.REGISTERED, False, True, [PracticeNotCovered], id="lives here, registered elsewhere (G13)"),
        pytest.param(Serves.RESIDENT, False, True, [], id="lives here: social care goes by residence (G13)"),
        pytest.param(Serves.RESIDENT, True, False, [ResidenceElsewhere], id="lives in Enfield: its council cares"),
        pytest.param(Serves.ANYBODY, False, False, [], id="a visitor"),
    ],
)
def test_eligibility_follows_registration_or_residence(
    *, serves: Serves, is_practice_covered: bool, is_resident: bool, expected: list[type[RuleBroken]]
) -> None:
    applicant = _applicant(is_practice_covered=is_practice_covered, is_resident=is_resident)

    assert [type(found) for found in eligibility_failures(a_service(serves=serves), applicant)] == expected


def test_locality_team_serves_own_locality_only() -> None:
    team = a_service("integrated-locality-team", localities=(Locality.WEST,))

    assert eligibility_failures(team, _applicant(locality=Locality.WEST)) == []
    assert [type(found) for found in eligibility_failures(team, _applicant(locality=Locality.LOCALITY_B))] == [LocalityNotCovered]


@pytest.mark.parametrize(("age", "expected"), [(64, [BelowMinimumAge]), (65, []), (66, [])])
def test_rapid_care_needs_age_of_65(age: int, expected: list[type[RuleBroken]]) -> None:
    assert [type(found) for found in eligibility_failures(a_service("rapid-care"), _applicant(age=age))] == expected


@pytest.mark.parametrize(("day", "age"), [("2015-05-01", 82), ("2015-05-02", 83), ("2015-12-31", 83), ("1932-05-02", 0)])
def test_age_is_in_completed_years(day: str, age: int) -> None:
    assert age_on(date(1932, 5, 2), date.fromisoformat(day)) == age


def test_leap_day_birthday_falls_on_first_of_march() -> None:
    assert age_on(date(1948, 2, 29), date(2013, 2, 28)) == 64
    assert age_on(date(1948, 2, 29), date(2013, 3, 1)) == 65


def _applicant(
    *, age: int = 82, locality: Locality = Locality.WEST, is_practice_covered: bool = True, is_resident: bool = True
) -> Applicant:
    return Applicant(age, locality, is_practice_covered, is_resident)
