"""The actions of a plan in force: each has an owner and a deadline, also when its task was cancelled (AC12)."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from services.mdt.commands import FulfilAction
from services.mdt.domain import care_plan as domain
from services.mdt.domain.care_plan import CarePlan, CarePlanDeadline
from services.mdt.domain.plan_schedule import ReturnedAction, continued_id, noticed_at
from shared.contracts.care_plans import CarePlanActionReturned, PlanAction
from shared.contracts.codes import Role, TaskKind
from shared.kernel.decision import Deadline
from shared.kernel.ids import new_id
from tests.builders.mdt_states import POLICY, STARTS_AT, a_plan, a_version

#: A Wednesday; two working days later is Friday 6 March.
NOW = STARTS_AT
FRIDAY_ENDS = datetime(2015, 3, 7, tzinfo=UTC)


def an_action(due_on: date, owner_role: Role = Role.CARE_NAVIGATOR) -> PlanAction:
    return PlanAction(action_id=new_id(), kind=TaskKind.SIGNPOST, owner_role=owner_role, due_on=due_on)


def a_plan_with(*actions: PlanAction) -> CarePlan:
    return a_plan(in_force=a_version(actions=actions))


@pytest.mark.parametrize(
    ("due_on", "lead_due_on"),
    [
        (date(2015, 4, 1), date(2015, 3, 6)),  # two working days are sooner
        (date(2015, 3, 5), date(2015, 3, 5)),  # the due day is sooner
        (date(2015, 3, 2), date(2015, 3, 6)),  # the due day has passed
    ],
)
def test_action_of_cancelled_task_returns_to_lead_with_deadline(due_on: date, lead_due_on: date) -> None:
    action = an_action(due_on)

    decision = domain.return_action(a_plan_with(action), action.action_id, NOW, POLICY)

    assert decision is not None
    assert decision.events == [CarePlanActionReturned(action_id=action.action_id, due_on=lead_due_on)]
    ends_at = POLICY.instant(lead_due_on + timedelta(days=1), datetime.min.time())
    assert decision.deadlines == [Deadline(CarePlanDeadline.ACTION, ends_at)]
    assert domain.overdue(decision.state, ends_at, ends_at, POLICY) == [action]


def test_returned_action_is_fulfilled_by_lead() -> None:
    action = an_action(date(2015, 4, 1))
    returned = domain.return_action(a_plan_with(action), action.action_id, NOW, POLICY)
    assert returned is not None

    fulfilled = domain.fulfil(returned.state, action.action_id, FulfilAction)

    assert fulfilled is not None
    assert domain.next_steps(fulfilled.state) == []
    assert domain.return_action(fulfilled.state, action.action_id, NOW, POLICY) is None


def test_action_returns_once_and_only_from_a_navigator() -> None:
    action, own = an_action(date(2015, 4, 1)), an_action(date(2015, 4, 1), Role.SOCIAL_WORKER)
    returned = domain.return_action(a_plan_with(action, own), action.action_id, NOW, POLICY)
    assert returned is not None

    assert domain.return_action(returned.state, action.action_id, NOW, POLICY) is None
    assert domain.return_action(returned.state, own.action_id, NOW, POLICY) is None
    assert domain.return_action(returned.state, new_id(), NOW, POLICY) is None


def test_navigators_action_is_noticed_when_navigation_stays_silent() -> None:
    action = an_action(date(2015, 3, 6))
    plan = a_plan(domain.Status.OFFERED, offered=a_version(2, actions=(action,)))

    deadlines = domain.agree(plan, POLICY).deadlines

    # Five working days after the end of Friday, which is a Saturday at midnight.
    assert deadlines == [Deadline(CarePlanDeadline.ACTION, datetime(2015, 3, 13, tzinfo=UTC))]


def test_overdue_action_is_repeated_until_done() -> None:
    action = an_action(date(2015, 3, 6), Role.SOCIAL_WORKER)
    plan, instant = a_plan_with(action), FRIDAY_ENDS

    for _ in range(3):
        assert domain.overdue(plan, instant, instant, POLICY) == [action]
        (again,) = domain.reminders(plan, instant, POLICY)
        assert again.due_at > instant
        instant = again.due_at

    done = domain.fulfil(plan, action.action_id, FulfilAction)
    assert done is not None
    assert domain.overdue(done.state, instant, instant, POLICY) == []
    assert domain.reminders(done.state, instant, POLICY) == []


def test_late_reminder_skips_the_times_that_have_passed() -> None:
    action = an_action(date(2015, 3, 6), Role.SOCIAL_WORKER)
    plan, late = a_plan_with(action), FRIDAY_ENDS + timedelta(days=40)

    (again,) = domain.reminders(plan, late, POLICY)

    assert again.due_at > late
    assert domain.overdue(plan, again.due_at, again.due_at, POLICY) == [action]


@pytest.mark.parametrize("working_days", [1, 4, 6, 20])
def test_changed_policy_ends_no_action_in_silence(working_days: int) -> None:
    action, later = an_action(date(2015, 3, 6)), an_action(date(2015, 6, 1), Role.SOCIAL_WORKER)
    plan, changed = a_plan_with(action, later), replace(POLICY, action_reminded_after_working_days=working_days)
    fired, _ = (deadline.due_at for deadline in domain.reminders(plan, NOW, POLICY))

    while fired < datetime(2015, 5, 1, tzinfo=UTC):
        is_overdue = noticed_at(action, plan.returned, changed) <= fired
        assert domain.overdue(plan, fired, fired, changed) == ([action] if is_overdue else [])
        fired, _ = (deadline.due_at for deadline in domain.reminders(plan, fired, changed))


def test_action_is_reminded_at_its_own_times_beside_another() -> None:
    first, second = an_action(date(2015, 3, 6), Role.SOCIAL_WORKER), an_action(date(2015, 3, 9), Role.SOCIAL_WORKER)
    plan, instant, notified = a_plan_with(first, second), NOW, []

    for _ in range(4):
        instant = domain.reminders(plan, instant, POLICY)[0].due_at
        notified += domain.overdue(plan, instant, instant, POLICY)

    assert notified == [first, second, first, second]


def test_late_deadline_notifies_of_every_action_since() -> None:
    first, second = an_action(date(2015, 3, 6), Role.SOCIAL_WORKER), an_action(date(2015, 3, 9), Role.SOCIAL_WORKER)

    late = FRIDAY_ENDS + timedelta(days=6)

    assert domain.overdue(a_plan_with(first, second), FRIDAY_ENDS, late, POLICY) == [first, second]


def test_version_agreed_after_due_day_is_noticed_at_once() -> None:
    action = an_action(date(2015, 3, 2), Role.SOCIAL_WORKER)
    plan = a_plan(domain.Status.OFFERED, offered=a_version(2, actions=(action,)))

    agreed = domain.agree(plan, POLICY)

    assert [domain.overdue(agreed.state, deadline.due_at, NOW, POLICY) for deadline in agreed.deadlines] == [[action]]


def test_revision_gives_returned_action_to_somebody_else() -> None:
    action_id = new_id()
    returned = [ReturnedAction(action_id, date(2015, 3, 6))]

    assert continued_id(action_id, Role.CARE_NAVIGATOR, returned) is None  # a new task
    assert continued_id(action_id, Role.SOCIAL_WORKER, returned) == action_id
    assert continued_id(action_id, Role.CARE_NAVIGATOR, []) == action_id


def test_action_returned_while_revision_waits_stays_the_leads() -> None:
    action = an_action(date(2015, 4, 1))
    offered = domain.offer(a_plan_with(action), a_version(2, actions=(action,)), is_agreed_by_person=None, policy=POLICY).state
    returned = domain.return_action(offered, action.action_id, NOW, POLICY)
    assert returned is not None

    agreed = domain.agree(returned.state, POLICY)

    assert agreed.state.returned == returned.state.returned
    assert [deadline.due_at for deadline in agreed.deadlines] == [FRIDAY_ENDS]
