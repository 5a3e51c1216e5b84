"""`/actions` offers exactly what is not refused: each state, each command and each caller."""

from itertools import product
from typing import Any

import pytest

from infra.codegen.states import scopes
from services.navigation.commands import RescheduleTask
from services.navigation.domain import due_time
from services.navigation.domain.access import COORDINATE, WORK, require_involved, require_own
from services.navigation.domain.navigator import NAVIGATOR, Presence
from services.navigation.domain.permission import COORDINATORS_ONLY, navigator_commands, task_commands
from services.navigation.domain.repetition import is_repeated
from services.navigation.domain.task import TASK, Status, Task, holders_of
from shared.kernel.actor import Actor
from shared.kernel.errors import DomainError
from tests.builders.navigation import NAVIGATOR as FIRST
from tests.builders.navigation import OTHER, POLICY, a_navigator, at
from tests.builders.navigation_acts import a_task_in, navigator_acts, task_acts, task_commands_at

NOW = at("15:00")
EMPLOYER = "AGEUK"
SCOPES = scopes("navigation")

ACTORS = {
    "the navigator": Actor(FIRST, EMPLOYER, "care-navigator", frozenset({WORK})),
    "another navigator": Actor(OTHER, "CLCH", "care-navigator", frozenset({WORK})),
    "the coordinator": Actor("coordinator-1", "CLCH", "coordinator", frozenset({COORDINATE})),
    "a coordinator who navigates": Actor(FIRST, "CLCH", "coordinator", frozenset({COORDINATE, WORK})),
    "the lead": Actor("gp-W07", "W07", "gp", frozenset({WORK})),
    "a coordinator elsewhere": Actor("coordinator-2", "HOUSING21", "coordinator", frozenset({COORDINATE})),
}
COMMANDS = [trigger for trigger in TASK if isinstance(trigger, type)]


def is_refused(task: Task, command: type, actor: Actor) -> bool:
    """As the route, the handler and the rule answer one after the other."""
    if actor.scopes.isdisjoint(SCOPES[command.__name__]):
        return True
    act = task_acts(NOW)[command]
    if command is RescheduleTask and COORDINATE not in actor.scopes:
        moved = task_commands_at(NOW)[RescheduleTask]
        act = lambda task: due_time.move(task, moved, NOW, POLICY)  # noqa: E731
    return _raises(
        lambda: require_involved(actor, POLICY.organisation, [EMPLOYER]),
        lambda: require_own(actor, holders_of(task, EMPLOYER), "The task"),
        lambda: act(task),
    )


def _raises(*steps: Any) -> bool:
    try:
        for step in steps:
            step()
    except DomainError:
        return True
    return False


@pytest.mark.parametrize("moves", [0, POLICY.navigator_reschedules], ids=["moved never", "moved often"])
@pytest.mark.parametrize("status", Status)
@pytest.mark.parametrize("name", ACTORS)
def test_task_offers_exactly_what_is_not_refused(name: str, status: Status, moves: int) -> None:
    task, actor = a_task_in(status, navigator_reschedules=moves), ACTORS[name]

    offered = task_commands(task, actor, EMPLOYER if task.navigator_id else None, POLICY)

    accepted = [command for command in COMMANDS if not is_refused(task, command, actor)]
    assert offered == accepted


@pytest.mark.parametrize("status", Status)
def test_repeated_command_is_not_offered(status: Status) -> None:
    """A command that changes nothing is accepted, and is no way on. Another navigator or due time makes it one."""
    task = a_task_in(status)
    repeated = [type(each) for each in task_commands_at(NOW).values() if is_repeated(task, each, task.version)]

    assert set(repeated).isdisjoint(task_commands(task, ACTORS["the coordinator"], EMPLOYER, POLICY))


@pytest.mark.parametrize(("name", "presence"), list(product(ACTORS, Presence)))
def test_navigator_offers_exactly_what_is_not_refused(name: str, presence: Presence) -> None:
    navigator, actor = a_navigator(presence=presence, organisation=EMPLOYER), ACTORS[name]

    def is_accepted(command: type) -> bool:
        has_scope = not actor.scopes.isdisjoint(SCOPES[command.__name__])
        steps = (
            lambda: require_own(actor, [navigator.professional], "The list"),
            lambda: require_involved(actor, EMPLOYER),
            lambda: navigator_acts(NOW)[command](navigator),
        )
        return has_scope and not _raises(*steps)

    assert navigator_commands(navigator, actor) == [each for each in NAVIGATOR if isinstance(each, type) and is_accepted(each)]


def test_commands_of_coordinators_are_those_of_the_routes() -> None:
    commands = {trigger for table in (TASK, NAVIGATOR) for trigger in table if isinstance(trigger, type)}

    assert {command for command in commands if WORK not in SCOPES[command.__name__]} == COORDINATORS_ONLY
