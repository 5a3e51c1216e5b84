"""Ends case, plan and lead together: on closure by the meeting, and when the person died or moved away (G39, mdt-10)."""

from services.mdt.commands import CloseCase
from services.mdt.domain import care_plan as plan_domain
from services.mdt.domain import case as domain
from services.mdt.domain.case import Case
from services.mdt.handlers.lead import end_leads
from services.mdt.store.care_plan import care_plans, open_plan
from services.mdt.store.case import OPEN_CASES, cases
from services.mdt.store.tables import Tx
from shared.contracts.mdt import CaseCloseReason
from shared.kernel.ids import PersonId


async def end_care(tx: Tx, person_id: PersonId, reason: CaseCloseReason) -> None:
    """Ends the person's open case with plan and lead. Idempotent: several services may report the same death."""
    case = await OPEN_CASES.find(tx, person_id)
    if case:
        await end_case(tx, case, CloseCase(reason))


async def end_case(tx: Tx, case: Case, command: CloseCase) -> Case:
    """Raises IllegalTransition, CaseNotDiscussed."""
    closed = await cases.save(tx, domain.close(case, command))
    plan = await open_plan(tx, case.person_id)
    if plan:
        await care_plans.save(tx, plan_domain.close(plan, command.reason))
    await end_leads(case.person_id, command.reason, tx=tx)
    return closed
