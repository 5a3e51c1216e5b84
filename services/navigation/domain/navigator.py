"""A navigator or case manager: locality, role and availability.

Pure: values in, a Decision out. A staff code identifies a navigator. Sources: G24, G25.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from services.navigation.commands import DeclareAvailability, RegisterNavigator
from shared.contracts.codes import Locality, Role
from shared.contracts.navigation import NavigatorAvailabilityDeclared
from shared.kernel.decision import Deadline, Decision
from shared.kernel.errors import NotFound, RuleBroken
from shared.kernel.ids import derived_id
from shared.kernel.state_table import Transitions, require_transition, state_table, transition


class Presence(StrEnum):
    AVAILABLE = "available"
    AWAY = "away"


class NavigatorDeadline(StrEnum):
    """Deadlines of a navigator."""

    RETURN = "return"


@dataclass(frozen=True, slots=True)
class Navigator:
    """`id` is derived from the staff code; `organisation` employs them."""

    id: UUID
    code: str
    organisation: str
    locality: Locality
    role: Role
    presence: Presence
    away_until: datetime | None
    correlation_id: UUID
    version: int = 0


class NavigatorNotFound(NotFound):
    """No navigator has this staff code."""

    code = "navigator-not-found"
    advice = "Check the staff code, or register the navigator first."


class ReturnTimePassed(RuleBroken):
    """The time of return does not lie in the future."""

    code = "return-time-passed"
    advice = "Name a time in the future, or none if the return is unknown."


#: Guards the commands, answers `GET .../actions`, and is printed (and tested) as docs/states/navigation.md.
NAVIGATOR: Transitions = state_table(
    {
        RegisterNavigator: transition(tuple(Presence), (), NavigatorAvailabilityDeclared),
        DeclareAvailability: transition(tuple(Presence), tuple(Presence), NavigatorAvailabilityDeclared),
        NavigatorDeadline.RETURN: transition(Presence.AWAY, Presence.AVAILABLE, NavigatorAvailabilityDeclared),
    },
    NavigatorDeadline,
)


def id_of(code: str) -> UUID:
    return derived_id("navigator", code)


def register(code: str, command: RegisterNavigator, organisation: str) -> Decision[Navigator]:
    """Registers a navigator, who is available."""
    identity = id_of(code)
    navigator = Navigator(
        id=identity,
        code=code,
        organisation=organisation,
        locality=command.locality,
        role=command.role,
        presence=Presence.AVAILABLE,
        away_until=None,
        correlation_id=identity,
    )
    return Decision(navigator, [_declared(navigator)])


def move(navigator: Navigator, command: RegisterNavigator) -> Decision[Navigator]:
    """Changes locality or role; the navigator keeps their tasks."""
    require_transition(navigator.presence, RegisterNavigator, NAVIGATOR)
    moved = replace(navigator, locality=command.locality, role=command.role)
    return Decision(moved, [_declared(moved)])


def declare_availability(navigator: Navigator, command: DeclareAvailability, now: datetime) -> Decision[Navigator]:
    """Available, or away, optionally until a time of return. Raises ReturnTimePassed."""
    require_transition(navigator.presence, DeclareAvailability, NAVIGATOR)
    if command.until is not None and command.until <= now:
        raise ReturnTimePassed("The time of return is not in the future.")
    presence = Presence.AVAILABLE if command.is_available else Presence.AWAY
    until = None if command.is_available else command.until
    declared = replace(navigator, presence=presence, away_until=until)
    deadlines = [Deadline(NavigatorDeadline.RETURN, until)] if until else []
    return Decision(declared, [_declared(declared)], deadlines, cancels=[NavigatorDeadline.RETURN])


def return_to_work(navigator: Navigator) -> Decision[Navigator]:
    """Makes the navigator available at the time of return."""
    require_transition(navigator.presence, NavigatorDeadline.RETURN, NAVIGATOR)
    back = replace(navigator, presence=Presence.AVAILABLE, away_until=None)
    return Decision(back, [_declared(back)])


def _declared(navigator: Navigator) -> NavigatorAvailabilityDeclared:
    is_available = navigator.presence is Presence.AVAILABLE
    return NavigatorAvailabilityDeclared(is_available=is_available, locality=navigator.locality, role=navigator.role)
