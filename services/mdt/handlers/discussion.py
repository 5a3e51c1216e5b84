"""Records a discussion in one transaction: the plan's next version, the lead and the case."""

from services.mdt.commands import ActionAgreed, DiscussCase
from services.mdt.domain import care_plan as plan_domain
from services.mdt.domain import case as case_domain
from services.mdt.domain.care_plan import CarePlan, PlanVersion
from services.mdt.domain.case import Agreement, Case
from services.mdt.domain.lead_succession import CasePerson
from services.mdt.domain.meeting import Meeting
from services.mdt.domain.plan_schedule import continued_id, review_day
from services.mdt.handlers.lead import appoint_lead
from services.mdt.handlers.settlement import save_case, save_plan
from services.mdt.store.care_plan import Discussion, open_plan, save_version
from services.mdt.store.case import cases
from services.mdt.store.lead import active_professional
from services.mdt.store.meeting import meetings
from services.mdt.store.person import fallback_practice
from services.mdt.store.risk_standing import standing_of
from services.mdt.store.tables import SERVICE_CODES, Tx
from shared.contracts.care_plans import PlanAction
from shared.kernel.ids import new_id
from shared.kernel.service_codes import require_known
from shared.kernel.target import Target


async def discuss_case(target: Target, command: DiscussCase, *, tx: Tx) -> Case:
    case = await cases.load(tx, target.id, if_version=target.version)
    meeting = await meetings.load_shared(tx, case_domain.meeting_of(case, command))
    has_lead = await active_professional(tx, case.person_id) is not None
    agreed = case_domain.require_agreed(case, command, meeting, has_lead=has_lead, now=tx.now, policy=tx.policy)
    require_known(case_domain.service_codes(command), await SERVICE_CODES.on(tx, tx.policy.day_of(tx.now)))
    plan = await _offer(tx, case, meeting, agreed, is_agreed_by_person=command.is_agreed_by_person)
    practice_code = await fallback_practice(tx, case.person_id)
    lead = await appoint_lead(CasePerson(case.person_id, case.correlation_id, practice_code, plan.id), agreed.lead, tx=tx)
    discussed = case_domain.discuss(case, meeting_id=meeting.id, care_plan_id=plan.id, lead_id=lead.id, actions=len(agreed.actions))
    return await save_case(tx, case, discussed)


async def _offer(tx: Tx, case: Case, meeting: Meeting, agreed: Agreement, *, is_agreed_by_person: bool | None) -> CarePlan:
    plan = await open_plan(tx, case.person_id)
    plan_domain.require_known(plan, agreed.actions)
    if plan is None:
        plan = plan_domain.first_plan(
            plan_id=new_id(), person_id=case.person_id, correlation_id=case.correlation_id, locality=case.locality
        )
    version = await _draft(tx, plan, meeting, agreed)
    decision = plan_domain.offer(plan, version, referral_ids=case.referral_ids, is_agreed_by_person=is_agreed_by_person, policy=tx.policy)
    await save_version(tx, plan.id, version, Discussion(meeting.id, case.id), is_agreed_by_person=is_agreed_by_person)
    return await save_plan(tx, plan, decision)


async def _draft(tx: Tx, plan: CarePlan, meeting: Meeting, agreed: Agreement) -> PlanVersion:
    """Drafts the next version. The review day counts from the meeting, not from the day of recording."""
    standing = await standing_of(tx, plan.person_id)
    met_on, is_resident = tx.policy.day_of(meeting.starts_at), agreed.joint_plan.is_care_home_resident
    review_on = review_day(met_on, standing.judged_as, is_care_home_resident=is_resident, policy=tx.policy)
    actions = [_action(action, plan) for action in agreed.actions]
    return plan_domain.draft_version(plan, agreed.joint_plan, actions, review_on=review_on, now=tx.now)


def _action(agreed: ActionAgreed, plan: CarePlan) -> PlanAction:
    """A continued action keeps its id, so that its task is not created twice; one whose task was cancelled gets a new task."""
    return PlanAction(
        action_id=continued_id(agreed.action_id, agreed.owner_role, plan.returned) or new_id(),
        kind=agreed.kind,
        owner_role=agreed.owner_role,
        due_on=agreed.due_on,
        service_code=agreed.service_code,
    )
