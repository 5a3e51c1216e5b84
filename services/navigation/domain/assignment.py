"""Assignment: an available navigator of the role, in the person's locality if possible, with the least load (G25).

No navigator exceeds the cap. Without a fitting navigator or a known locality the task stays in the queue.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from services.navigation.domain.navigator import Navigator, Presence
from services.navigation.domain.policy import Policy
from services.navigation.domain.task import Status, Task
from shared.kernel.errors import RuleBroken


@dataclass(frozen=True, slots=True)
class Candidate:
    """A navigator with the number of open tasks, and the load: the weights of those that are not blocked (G25)."""

    navigator: Navigator
    open_tasks: int
    load: int

    def after(self, before: Task | None, after: Task, policy: Policy) -> "Candidate":
        """The caseload after a task has changed from `before` to `after`."""
        (had, weighed), (has, weighs) = self._part(before, policy), self._part(after, policy)
        return replace(self, open_tasks=self.open_tasks - had + has, load=self.load - weighed + weighs)

    def _part(self, task: Task | None, policy: Policy) -> tuple[int, int]:
        if task is None or task.navigator_id != self.navigator.code or task.ended_at is not None:
            return 0, 0
        return 1, 0 if task.status is Status.BLOCKED else policy.weight_of(task.kind)


class NavigatorAway(RuleBroken):
    """The navigator is not available."""

    code = "navigator-away"
    advice = "Name a navigator who is available."


class EmployerNotListed(RuleBroken):
    """The navigator's organisation is not a listed employer of navigators."""

    code = "employer-not-listed"
    advice = "Name a navigator of a listed employer."


class RoleMismatch(RuleBroken):
    """The navigator does not have the role that the task requires (G24)."""

    code = "role-mismatch"
    advice = "Name a navigator with the role that the task requires."


class CaseloadFull(RuleBroken):
    """The navigator's caseload has reached the configured limit (G25)."""

    code = "caseload-full"
    advice = "Name a navigator below the limit, or first reassign another task of this navigator."


def choose(task: Task, candidates: Sequence[Candidate], policy: Policy) -> Candidate | None:
    """The candidate with the least load in the person's locality, else elsewhere; None when no candidate fits.

    The present navigator is not chosen again. Equal loads are ordered by code, so that the choice is deterministic.
    """
    if task.locality is None:
        return None
    fitting = [candidate for candidate in candidates if _fits(task, candidate, policy)]
    return min(fitting, key=lambda candidate: _preference(task, candidate), default=None)


def require_fit(task: Task, candidate: Candidate, policy: Policy) -> None:
    """Checks a coordinator's choice. Raises EmployerNotListed, RoleMismatch, NavigatorAway, CaseloadFull."""
    navigator = candidate.navigator
    if navigator.organisation not in policy.employers:
        raise EmployerNotListed(f"{navigator.organisation} does not employ navigators.")
    if navigator.role is not task.role:
        raise RoleMismatch(f"The task requires the role {task.role}; the navigator has the role {navigator.role}.")
    if navigator.presence is not Presence.AVAILABLE:
        raise NavigatorAway("The navigator is away.")
    if not _has_room(task, candidate, policy):
        raise CaseloadFull(f"The navigator's caseload is {candidate.load} of {policy.caseload_cap}.")


def _fits(task: Task, candidate: Candidate, policy: Policy) -> bool:
    navigator = candidate.navigator
    is_free = navigator.presence is Presence.AVAILABLE and _has_room(task, candidate, policy)
    return is_free and navigator.organisation in policy.employers and navigator.role is task.role and navigator.code != task.navigator_id


def _has_room(task: Task, candidate: Candidate, policy: Policy) -> bool:
    return candidate.load + policy.weight_of(task.kind) <= policy.caseload_cap


def _preference(task: Task, candidate: Candidate) -> tuple[bool, int, str]:
    return candidate.navigator.locality is not task.locality, candidate.load, candidate.navigator.code
