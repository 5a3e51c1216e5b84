"""Navigators: registration, absence and return."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from services.navigation.commands import DeclareAvailability, RegisterNavigator
from services.navigation.domain import navigator as navigators
from services.navigation.domain.navigator import Navigator, NavigatorDeadline, Presence, ReturnTimePassed, id_of
from services.navigation.domain.repetition import is_declared
from shared.contracts.codes import Locality, Role
from shared.contracts.navigation import NavigatorAvailabilityDeclared, NavigatorReturnUnknown
from shared.kernel.decision import Deadline
from tests.builders.navigation import NAVIGATOR, POLICY, a_navigator, at

AVAILABLE, AWAY = DeclareAvailability(is_available=True), DeclareAvailability(is_available=False)


def test_registered_navigator_is_available() -> None:
    decision = navigators.register(NAVIGATOR, RegisterNavigator(Locality.WEST, Role.CASE_MANAGER), "CLCH")

    assert (decision.state.id, decision.state.presence, decision.state.organisation) == (id_of(NAVIGATOR), Presence.AVAILABLE, "CLCH")
    assert decision.events == [NavigatorAvailabilityDeclared(is_available=True, locality=Locality.WEST, role=Role.CASE_MANAGER)]


def test_absence_with_end_sets_return_deadline() -> None:
    until = at("14:00") + timedelta(days=3)

    away = navigators.declare_availability(a_navigator(), DeclareAvailability(is_available=False, until=until), at("14:00"), POLICY)

    assert (away.state.presence, away.state.away_until) == (Presence.AWAY, until)
    assert (list(away.cancels), list(away.deadlines)) == (list(NavigatorDeadline), [Deadline(NavigatorDeadline.RETURN, until)])
    assert navigators.return_to_work(away.state).state == a_navigator()


def test_coordinator_is_asked_for_an_unknown_return() -> None:
    away = navigators.declare_availability(a_navigator(), DeclareAvailability(is_available=False), at("14:00"), POLICY)
    [deadline] = away.deadlines

    asked = navigators.ask_return(away.state, deadline.due_at, POLICY)
    [again] = asked.deadlines
    confirmed = navigators.declare_availability(asked.state, DeclareAvailability(is_available=False), again.due_at, POLICY)

    assert deadline == Deadline(NavigatorDeadline.RETURN_UNKNOWN, at("14:00", date(2015, 3, 11)))
    assert (asked.state.presence, asked.state.return_unknown_at) == (Presence.AWAY, deadline.due_at)
    assert asked.events == [NavigatorReturnUnknown(locality=Locality.WEST, role=Role.CARE_NAVIGATOR)]
    assert again == Deadline(NavigatorDeadline.RETURN_UNKNOWN, at("14:00", date(2015, 3, 18)))
    assert (confirmed.state.return_unknown_at, len(confirmed.deadlines)) == (None, 1)


@pytest.mark.parametrize(
    ("navigator", "command", "expected"),
    [
        (a_navigator(), AVAILABLE, True),
        (a_navigator(), AWAY, False),
        (a_navigator(presence=Presence.AWAY), AWAY, True),
        (a_navigator(presence=Presence.AWAY, away_until=at("16:00")), AWAY, False),
        (a_navigator(presence=Presence.AWAY, away_until=at("16:00")), replace(AWAY, until=at("16:00")), True),
        (a_navigator(presence=Presence.AWAY, return_unknown_at=at("16:00")), AWAY, False),
    ],
)
def test_repeated_declaration_is_recognised(navigator: Navigator, command: DeclareAvailability, *, expected: bool) -> None:
    assert is_declared(navigator, command) is expected


def test_early_return_cancels_deadline() -> None:
    away = a_navigator(presence=Presence.AWAY, away_until=at("16:00"))

    back = navigators.declare_availability(away, DeclareAvailability(is_available=True), at("15:00"), POLICY)

    assert (back.state.presence, back.state.away_until, list(back.cancels)) == (Presence.AVAILABLE, None, list(NavigatorDeadline))


@pytest.mark.parametrize("minutes", [0, 1])
def test_return_in_the_past_is_refused(minutes: int) -> None:
    until = at("14:00") - timedelta(minutes=minutes)

    with pytest.raises(ReturnTimePassed):
        navigators.declare_availability(a_navigator(), DeclareAvailability(is_available=False, until=until), at("14:00"), POLICY)
