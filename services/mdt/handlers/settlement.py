"""Saves cases and plans, and settles the notifications about what has changed: an overdue action that is done needs no answer."""

from services.mdt.domain.care_plan import OPEN, CarePlan, next_steps
from services.mdt.domain.case import Case
from services.mdt.store.care_plan import care_plans
from services.mdt.store.case import cases
from services.mdt.store.notification import settle
from services.mdt.store.tables import Tx
from shared.kernel.decision import Decision


async def save_case(tx: Tx, before: Case, decision: Decision[Case]) -> Case:
    """A case in another state settles what was notified about it."""
    case = await cases.save(tx, decision)
    await settle(tx, [case.id] if case.status is not before.status else [])
    return case


async def save_plan(tx: Tx, before: CarePlan, decision: Decision[CarePlan]) -> CarePlan:
    """A plan in another state settles what was notified about it; so does an action that is no longer open."""
    plan = await care_plans.save(tx, decision)
    ended = [] if before.version == 0 or plan.status is before.status else [plan.id]
    open_actions = {action.action_id for action in next_steps(plan)} if plan.status in OPEN else set()
    await settle(tx, [*ended, *(action.action_id for action in next_steps(before) if action.action_id not in open_actions)])
    return plan
