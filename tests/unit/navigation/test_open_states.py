"""Every open state that any sequence of changes reaches has an owner, a pending deadline, and a command that leads on."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from services.navigation.commands import CancelTask, DeclareAvailability, FulfilTask
from services.navigation.domain import task as tasks
from services.navigation.domain.access import COORDINATE
from services.navigation.domain.home_check import HOME_CHECK, HOME_CHECK_OWNERS, expect
from services.navigation.domain.navigator import NAVIGATOR, NAVIGATOR_OWNERS, Presence
from services.navigation.domain.permission import navigator_commands, task_commands
from services.navigation.domain.task import HELD, TASK, TASK_OWNERS, Status, TaskDeadline
from services.navigation.domain.work import Work
from shared.contracts.codes import Locality, Role, TaskKind
from shared.contracts.navigation import ReassignReason, TaskSource
from shared.kernel.actor import Actor
from shared.kernel.decision import Decision
from shared.kernel.errors import DomainError
from shared.kernel.ids import PersonId, new_id
from shared.kernel.state_table import Transitions, allowed_commands, name_of
from tests.builders.navigation import NAVIGATOR as FIRST
from tests.builders.navigation import OTHER, POLICY, WEDNESDAY, a_navigator, at
from tests.builders.navigation_acts import Act, home_check_acts, navigator_acts, task_acts

COORDINATOR = Actor("navigation-coordinator", "CLCH", "coordinator", frozenset({COORDINATE}))
#: Ends that no mistake reverses; a run tries them late.
FINAL = (FulfilTask, CancelTask, tasks.Occurrence.SOURCE_ENDED)
MANY_STEPS = 8
STEPS = settings(max_examples=40, stateful_step_count=40, deadline=None)

hours = st.integers(0, 24 * 10).map(lambda number: timedelta(hours=number))


@dataclass
class StoredTask:
    """An aggregate with its pending deadlines, as a repository saves its decisions. A deadline that has fired is not set again."""

    state: Any
    pending: set[tuple[str, datetime]] = field(default_factory=set)
    fired: set[tuple[str, datetime]] = field(default_factory=set)

    def save(self, decision: Decision[Any]) -> None:
        self.state = replace(decision.state, version=decision.state.version + len(decision.events))
        self.pending = {(kind, due_at) for kind, due_at in self.pending if kind not in decision.cancels}
        self.pending |= {(deadline.kind, deadline.due_at) for deadline in decision.deadlines} - self.fired

    def take_next(self) -> tuple[str, datetime]:
        following = min(self.pending, key=lambda deadline: deadline[1])
        self.pending.remove(following)
        self.fired.add(following)
        return following

    @property
    def kinds(self) -> set[str]:
        return {kind for kind, _ in self.pending}


class Machine(RuleBasedStateMachine):
    """Tries any trigger at any time; deadlines fire on time or late, in their order."""

    table: Transitions

    def __init__(self) -> None:
        super().__init__()
        self.now, self.steps = at("14:00"), 0
        self.stored = StoredTask(None)

    def pass_time(self, wait: timedelta) -> None:
        """Lets time pass, until the next deadline at most."""
        following = min((due_at for _, due_at in self.stored.pending), default=self.now + wait)
        self.now += min(wait, max(following - self.now, timedelta()))
        self.steps += 1

    def attempt(self, act: Act) -> None:
        try:
            self.stored.save(act(self.stored.state))
        except DomainError:
            return

    def fire(self, late_by: timedelta) -> tuple[str, Decision[Any]]:
        """Fires the next deadline. Its handler is never refused."""
        kind, due_at = self.stored.take_next()
        self.now = max(self.now, due_at) + late_by
        decision = self.acts()[kind](self.stored.state)
        self.stored.save(decision)
        return kind, decision

    def acts(self) -> Any:
        raise NotImplementedError

    def leads_on(self, commands: list[type], state: StrEnum) -> bool:
        return any(self.table[command].targets - {state} for command in commands)


class TaskMachine(Machine):
    """One task, from its creation on."""

    table = TASK

    def __init__(self) -> None:
        super().__init__()
        work = Work(
            task_id=new_id(),
            person_id=PersonId(new_id()),
            correlation_id=new_id(),
            kind=TaskKind.CARE_COORDINATION,
            source=TaskSource.REFERRAL,
            source_id=new_id(),
            role=Role.CARE_NAVIGATOR,
            locality=Locality.WEST,
            due_at=self.now + timedelta(hours=2),
        )
        self.stored.save(tasks.create(work, self.now, POLICY))

    def acts(self) -> Any:
        return task_acts(self.now)

    @rule(wait=hours, code=st.sampled_from([FIRST, OTHER]), data=st.data())
    def change(self, wait: timedelta, code: str, data: st.DataObject) -> None:
        """Any change that the state permits, apart from an end for good."""
        self.pass_time(wait)
        acts = {name_of(each): act for each, act in self.permitted(code, self.now + wait).items() if each not in FINAL}
        if acts:
            self.attempt(acts[data.draw(st.sampled_from(sorted(acts)))])

    @precondition(lambda self: self.steps > MANY_STEPS)
    @rule(trigger=st.sampled_from(FINAL))
    def end_for_good(self, trigger: Any) -> None:
        self.attempt(task_acts(self.now)[trigger])

    def permitted(self, code: str, due_at: datetime) -> dict[Any, Act]:
        status = self.stored.state.status
        acts = task_acts(self.now, navigator_id=code, due_at=due_at + timedelta(hours=1))
        found = {each: act for each, act in acts.items() if status in TASK[each].sources and each not in set(TaskDeadline)}
        put_back: dict[Any, Act] = {"put-back": lambda task: tasks.put_back(task, ReassignReason.ABSENCE, self.now, POLICY)}
        return found | (put_back if status in HELD else {})

    @precondition(lambda self: self.stored.pending)
    @rule(late_by=hours)
    def meet_deadline(self, late_by: timedelta) -> None:
        """A deadline makes the task visible to its desk, and another one follows."""
        _, decision = self.fire(late_by)

        task = decision.state
        assert task.escalated_at is not None or task.overdue_at is not None
        assert decision.events
        assert decision.deadlines

    @invariant()
    def has_owner_deadline_and_way_on(self) -> None:
        task, ownership = self.stored.state, TASK_OWNERS[self.stored.state.status]
        if ownership is None:
            assert not self.stored.pending
            return
        assert (task.navigator_id is not None) is (task.status in HELD)
        assert self.stored.kinds & ownership.deadlines
        assert self.stored.kinds & {TaskDeadline.OVERDUE, TaskDeadline.LONG_OVERDUE}
        assert self.leads_on(task_commands(task, COORDINATOR, None, POLICY), task.status)
        if task.navigator_id:
            own = Actor(task.navigator_id, "CLCH", "care-navigator", frozenset({"navigation:work"}))
            assert self.leads_on(task_commands(task, own, "CLCH", POLICY), task.status)

    @invariant()
    def is_blocked_with_reason_alone(self) -> None:
        task = self.stored.state
        assert (task.block_reason is not None) is (task.status is Status.BLOCKED) or task.ended_at is not None


class NavigatorMachine(Machine):
    """One navigator, who comes and goes."""

    table = NAVIGATOR

    def __init__(self) -> None:
        super().__init__()
        self.stored.save(Decision(a_navigator(), []))

    def acts(self) -> Any:
        return navigator_acts(self.now)

    @rule(wait=hours, is_available=st.booleans(), has_return=st.booleans())
    def declare(self, wait: timedelta, *, is_available: bool, has_return: bool) -> None:
        until = self.now + wait if has_return and not is_available else None
        self.attempt(navigator_acts(self.now, until=until, is_available=is_available)[DeclareAvailability])

    @precondition(lambda self: self.stored.pending)
    @rule(late_by=hours)
    def meet_deadline(self, late_by: timedelta) -> None:
        _, decision = self.fire(late_by)

        assert decision.events
        assert decision.state.presence is Presence.AVAILABLE or decision.state.return_unknown_at == self.now

    @invariant()
    def has_owner_deadline_and_way_on(self) -> None:
        navigator, ownership = self.stored.state, NAVIGATOR_OWNERS[self.stored.state.presence]
        if ownership is None:
            assert not self.stored.pending
            return
        assert self.stored.kinds & ownership.deadlines
        assert self.leads_on(navigator_commands(navigator, COORDINATOR), navigator.presence)


class HomeCheckMachine(Machine):
    """One home check, from the discharge on."""

    table = HOME_CHECK

    def __init__(self) -> None:
        super().__init__()
        self.stored.save(expect(PersonId(new_id()), WEDNESDAY, self.now, POLICY))

    def acts(self) -> Any:
        return home_check_acts(self.now)

    @rule(trigger=st.sampled_from([each for each in HOME_CHECK if each != "home-check"]))
    def change(self, trigger: Any) -> None:
        self.attempt(self.acts()[trigger])

    @precondition(lambda self: self.stored.pending)
    @rule(late_by=hours)
    def meet_deadline(self, late_by: timedelta) -> None:
        self.fire(late_by)

    @invariant()
    def has_owner_deadline_and_way_on(self) -> None:
        check, ownership = self.stored.state, HOME_CHECK_OWNERS[self.stored.state.status]
        if ownership is None:
            assert not self.stored.pending
            return
        assert self.stored.kinds & ownership.deadlines
        assert self.leads_on(allowed_commands(check.status, HOME_CHECK), check.status)


TestTask = TaskMachine.TestCase
TestNavigator = NavigatorMachine.TestCase
TestHomeCheck = HomeCheckMachine.TestCase
for case in (TaskMachine.TestCase, NavigatorMachine.TestCase, HomeCheckMachine.TestCase):
    case.settings = STEPS
