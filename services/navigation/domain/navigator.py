"""A navigator or case manager: locality, role and availability.

Pure: values in, a Decision out. A staff code identifies a navigator. Sources: G24, G25.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from services.navigation.commands import DeclareAvailability, RegisterNavigator
from services.navigation.domain.access import COORDINATE
from services.navigation.domain.policy import Policy
from shared.contracts.codes import Locality, Role
from shared.contracts.navigation import NavigatorAvailabilityDeclared, NavigatorReturnUnknown
from shared.kernel.actor import Professional
from shared.kernel.date_limits import require_within
from shared.kernel.decision import Deadline, Decision
from shared.kernel.errors import InvalidField, NotFound
from shared.kernel.ids import derived_id
from shared.kernel.ownership import Desk, Owners, owned
from shared.kernel.state_table import Transitions, require_transition, state_table, transition
from shared.kernel.totality import total


class Presence(StrEnum):
    AVAILABLE = "available"
    AWAY = "away"


class NavigatorDeadline(StrEnum):
    """Deadlines of a navigator."""

    RETURN = "return"
    RETURN_UNKNOWN = "return-unknown"


@dataclass(frozen=True, slots=True)
class Navigator:
    """`id` is derived from the staff code; `organisation` employs them.

    `return_unknown_at` is the time at which a coordinator was last asked for the day of return of a navigator who is away without one.
    """

    id: UUID
    code: str
    organisation: str
    locality: Locality
    role: Role
    presence: Presence
    away_until: datetime | None
    correlation_id: UUID
    return_unknown_at: datetime | None = None
    version: int = 0

    @property
    def professional(self) -> Professional:
        return Professional(self.code, self.organisation)


class NavigatorNotFound(NotFound):
    """No navigator has this staff code."""

    code = "navigator-not-found"
    advice = "Check the staff code, or register the navigator first."


class ReturnTimePassed(InvalidField):
    """The time of return does not lie in the future."""

    code = "return-time-passed"
    advice = "Name a time in the future, or none if the return is unknown."
    field = "until"


#: Guards the commands, answers `GET .../actions`, and is printed (and tested) as docs/states/navigation.md.
NAVIGATOR: Transitions = state_table(
    {
        RegisterNavigator: transition(tuple(Presence), (), NavigatorAvailabilityDeclared),
        DeclareAvailability: transition(tuple(Presence), tuple(Presence), NavigatorAvailabilityDeclared),
        NavigatorDeadline.RETURN: transition(Presence.AWAY, Presence.AVAILABLE, NavigatorAvailabilityDeclared),
        NavigatorDeadline.RETURN_UNKNOWN: transition(Presence.AWAY, (), NavigatorReturnUnknown),
    },
    NavigatorDeadline,
)

#: An available navigator waits for nothing, and no task stays with one who is away: the absence belongs to the coordinator.
NAVIGATOR_OWNERS: Owners = total(
    Presence,
    {
        Presence.AVAILABLE: None,
        Presence.AWAY: owned(
            Desk("coordinator of the navigator's organisation", "read_roster", COORDINATE),
            NavigatorDeadline.RETURN,
            NavigatorDeadline.RETURN_UNKNOWN,
        ),
    },
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


def declare_availability(navigator: Navigator, command: DeclareAvailability, now: datetime, policy: Policy) -> Decision[Navigator]:
    """Available, or away until a time of return. Without one a coordinator is asked for it. Raises ReturnTimePassed, DateOutOfLimits."""
    require_transition(navigator.presence, DeclareAvailability, NAVIGATOR)
    if command.until is not None and command.until <= now:
        raise ReturnTimePassed("The time of return is not in the future.")
    if command.until is not None:
        require_within("until", command.until, now, now + policy.planned_within)
    presence = Presence.AVAILABLE if command.is_available else Presence.AWAY
    until = None if command.is_available else command.until
    declared = replace(navigator, presence=presence, away_until=until, return_unknown_at=None)
    deadlines = [] if command.is_available else [_return_deadline(until, now, policy)]
    return Decision(declared, [_declared(declared)], deadlines, cancels=list(NavigatorDeadline))


def ask_return(navigator: Navigator, now: datetime, policy: Policy) -> Decision[Navigator]:
    """Asks a coordinator for the day of return, and repeats this until it is known."""
    require_transition(navigator.presence, NavigatorDeadline.RETURN_UNKNOWN, NAVIGATOR)
    event = NavigatorReturnUnknown(locality=navigator.locality, role=navigator.role)
    return Decision(replace(navigator, return_unknown_at=now), [event], [_return_deadline(None, now, policy)])


def return_to_work(navigator: Navigator) -> Decision[Navigator]:
    """Makes the navigator available at the time of return."""
    require_transition(navigator.presence, NavigatorDeadline.RETURN, NAVIGATOR)
    back = replace(navigator, presence=Presence.AVAILABLE, away_until=None)
    return Decision(back, [_declared(back)])


def _return_deadline(until: datetime | None, now: datetime, policy: Policy) -> Deadline:
    if until is None:
        return Deadline(NavigatorDeadline.RETURN_UNKNOWN, policy.ask_return_at(now))
    return Deadline(NavigatorDeadline.RETURN, until)


def _declared(navigator: Navigator) -> NavigatorAvailabilityDeclared:
    is_available = navigator.presence is Presence.AVAILABLE
    return NavigatorAvailabilityDeclared(is_available=is_available, locality=navigator.locality, role=navigator.role)
