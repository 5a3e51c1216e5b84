"""Navigators: registration, absence and return."""

from datetime import timedelta

import pytest

from services.navigation.commands import DeclareAvailability, RegisterNavigator
from services.navigation.domain import navigator as navigators
from services.navigation.domain.navigator import NavigatorDeadline, Presence, ReturnTimePassed, id_of
from shared.contracts.codes import Locality, Role
from shared.contracts.navigation import NavigatorAvailabilityDeclared
from shared.kernel.decision import Deadline
from tests.builders.navigation import NAVIGATOR, a_navigator, at


def test_registered_navigator_is_available() -> None:
    decision = navigators.register(NAVIGATOR, RegisterNavigator(Locality.WEST, Role.CASE_MANAGER), "CLCH")

    assert (decision.state.id, decision.state.presence, decision.state.organisation) == (id_of(NAVIGATOR), Presence.AVAILABLE, "CLCH")
    assert decision.events == [NavigatorAvailabilityDeclared(is_available=True, locality=Locality.WEST, role=Role.CASE_MANAGER)]


def test_absence_with_end_sets_return_deadline() -> None:
    until = at("14:00") + timedelta(days=3)

    away = navigators.declare_availability(a_navigator(), DeclareAvailability(is_available=False, until=until), at("14:00"))

    assert (away.state.presence, away.state.away_until) == (Presence.AWAY, until)
    assert (list(away.cancels), list(away.deadlines)) == ([NavigatorDeadline.RETURN], [Deadline(NavigatorDeadline.RETURN, until)])
    assert navigators.return_to_work(away.state).state == a_navigator()


def test_absence_without_end_has_no_deadline() -> None:
    away = navigators.declare_availability(a_navigator(), DeclareAvailability(is_available=False), at("14:00"))

    assert list(away.deadlines) == []


def test_early_return_cancels_deadline() -> None:
    away = a_navigator(presence=Presence.AWAY, away_until=at("16:00"))

    back = navigators.declare_availability(away, DeclareAvailability(is_available=True), at("15:00"))

    assert (back.state.presence, back.state.away_until, list(back.cancels)) == (Presence.AVAILABLE, None, [NavigatorDeadline.RETURN])


@pytest.mark.parametrize("minutes", [0, 1])
def test_return_in_the_past_is_refused(minutes: int) -> None:
    until = at("14:00") - timedelta(minutes=minutes)

    with pytest.raises(ReturnTimePassed):
        navigators.declare_availability(a_navigator(), DeclareAvailability(is_available=False, until=until), at("14:00"))
