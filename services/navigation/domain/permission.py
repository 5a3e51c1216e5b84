"""The commands that a caller may send: what the state permits, and the caller's scope and organisation.

`GET .../actions` answers with exactly these. A command that is not among them is refused, or repeats what is done already.
"""

from services.navigation.commands import AssignTask, CancelTask, ReassignTask, RegisterNavigator, RescheduleTask
from services.navigation.domain.access import COORDINATE, is_involved, is_own
from services.navigation.domain.navigator import NAVIGATOR, Navigator
from services.navigation.domain.policy import Policy
from services.navigation.domain.task import TASK, Task, holders_of
from shared.kernel.actor import Actor
from shared.kernel.state_table import allowed_commands

#: Commands that need the scope of a coordinator; tests compare them with the routes.
COORDINATORS_ONLY = frozenset({AssignTask, ReassignTask, CancelTask, RegisterNavigator})


def task_commands(task: Task, actor: Actor, employer: str | None, policy: Policy) -> list[type]:
    """The commands of a task that this caller may send. `employer` is the organisation of the task's navigator."""
    if not (is_involved(actor, policy.organisation, [employer]) and is_own(actor, holders_of(task, employer))):
        return []
    return [command for command in allowed_commands(task.status, TASK) if _is_permitted(command, actor, task, policy)]


def navigator_commands(navigator: Navigator, actor: Actor) -> list[type]:
    """The commands of a navigator that this caller may send."""
    if not (is_involved(actor, navigator.organisation) and is_own(actor, [navigator.professional])):
        return []
    return [command for command in allowed_commands(navigator.presence, NAVIGATOR) if _has_scope(command, actor)]


def _is_permitted(command: type, actor: Actor, task: Task, policy: Policy) -> bool:
    is_limited = command is RescheduleTask and COORDINATE not in actor.scopes
    return _has_scope(command, actor) and not (is_limited and task.navigator_reschedules >= policy.navigator_reschedules)


def _has_scope(command: type, actor: Actor) -> bool:
    return command not in COORDINATORS_ONLY or COORDINATE in actor.scopes
