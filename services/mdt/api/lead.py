"""Accountable leads over HTTP: their answers, their people, their notifications. A professional acts for themselves only."""

from collections.abc import Awaitable, Callable
from datetime import date, datetime
from functools import partial
from uuid import UUID

from fastapi import Request
from fastapi import Response as HttpResponse

from services.mdt.api.auth import Cursor, LeadOrCoordinator, Limit, NotificationNumber, Professional, ProfessionalCode, Reader
from services.mdt.api.requests import Decline, HandOver
from services.mdt.api.responses import LeadView
from services.mdt.domain import care_plan as plan_domain
from services.mdt.domain import lead as domain
from services.mdt.domain.access import NotMdtMember
from services.mdt.domain.notification import Kind, NotificationNotFound, feed_of
from services.mdt.domain.permission import lead_commands
from services.mdt.domain.plan_schedule import is_leads_own
from services.mdt.domain.policy import Policy
from services.mdt.domain.table_16 import LeadNotAllowed
from services.mdt.handlers import lead as handlers
from services.mdt.handlers.notification import acknowledge_notification
from services.mdt.queries import lead as queries
from services.mdt.queries import notification as notifications
from services.mdt.queries.access import require_person
from services.mdt.queries.lead import OwnPerson
from shared.access import Part
from shared.contracts.care_plans import PlanAction
from shared.kernel.actor import Actor
from shared.kernel.errors import FeedAccessDenied, IllegalTransition, PersonRecordNotFound, VersionConflict
from shared.kernel.target import Target
from shared.persistence.transaction import Transaction
from shared.web.dependencies import IfMatch, Unit, UnitOfWork
from shared.web.pagination import decode_sequence, encode_sequence
from shared.web.problems import problems
from shared.web.requests import strict_router
from shared.web.responses import Action, Page, ResponseModel, json_response, links

router = strict_router(prefix="/mdt", tags=["leads"])

_REFUSALS = (domain.LeadNotFound, domain.NotYourLead, IllegalTransition, VersionConflict)


class NotificationView(ResponseModel):
    """An event about one of the professional's people. `subject` is the response, task, plan, lead or case.

    `needs_answer`: without an acknowledgement in time the chair is notified as well, with `is_escalated`, and again until one comes or the
    matter is settled.
    """

    id: int
    person_id: UUID
    kind: Kind
    subject: UUID
    occurred_at: datetime
    acknowledged_at: datetime | None
    needs_answer: bool
    is_escalated: bool


class NextStepView(PlanAction):
    """`is_leads_own`: the action is no navigator's task, or the task was cancelled, so the lead records it as done."""

    is_leads_own: bool

    @classmethod
    def of(cls, action: PlanAction, plan: plan_domain.CarePlan) -> "NextStepView":
        return cls(**action.model_dump(), is_leads_own=is_leads_own(action, plan.returned))


class OwnPersonView(ResponseModel):
    """One of the professional's people with the state of the plan, the open actions by due day, the review and the next meeting."""

    lead: LeadView
    care_plan_id: UUID | None
    care_plan_status: plan_domain.Status | None
    review_on: date | None
    next_steps: list[NextStepView]
    meeting_id: UUID | None
    meeting_starts_at: datetime | None

    @classmethod
    def of(cls, own: OwnPerson) -> "OwnPersonView":
        in_force = own.plan.in_force if own.plan else None
        return cls(
            lead=LeadView.model_validate(own.lead),
            care_plan_id=own.plan.id if own.plan else None,
            care_plan_status=own.plan.status if own.plan else None,
            review_on=in_force.review_on if in_force else None,
            next_steps=[NextStepView.of(action, own.plan) for action in plan_domain.next_steps(own.plan)] if own.plan else [],
            meeting_id=own.meeting_id,
            meeting_starts_at=own.meeting_starts_at,
        )


@router.get("/leads/people", responses=problems(FeedAccessDenied))
async def own_people(professional_id: ProfessionalCode, caller: LeadOrCoordinator, unit: Unit) -> list[OwnPersonView]:
    """The people whose active or proposed lead the professional is. The next steps follow with the acceptance."""
    organisation = feed_of(caller, professional_id)
    async with unit.transaction(caller) as tx:
        people = await queries.people_of(tx, professional_id, organisation)
        for own in people:
            tx.audit(own.lead.person_id)
    return [OwnPersonView.of(own) for own in people]


@router.get("/leads/notifications", responses=problems(FeedAccessDenied))
async def read_notifications(
    professional_id: ProfessionalCode, caller: LeadOrCoordinator, unit: Unit, cursor: Cursor = None, limit: Limit = 50
) -> Page[NotificationView]:
    """The professional's notifications, the oldest first. A feed has no last page: `next` is always given."""
    organisation = feed_of(caller, professional_id)
    after = decode_sequence(cursor) if cursor else 0
    async with unit.transaction(caller) as tx:
        feed = await notifications.feed(tx, professional_id, organisation, after=after, limit=limit)
        tx.audit_all(each.person_id for each in feed)
    following = encode_sequence(feed[-1].id if feed else after)
    return Page(items=[NotificationView.model_validate(notification) for notification in feed], next=following)


@router.post("/leads/notifications/{notification_id}/acknowledgement", responses=problems(NotificationNotFound, FeedAccessDenied))
async def acknowledge(notification_id: NotificationNumber, caller: LeadOrCoordinator, unit: Unit) -> NotificationView:
    """Marks the notification as seen; idempotent."""
    notification = await unit.command(caller, acknowledge_notification, notification_id)
    return NotificationView.model_validate(notification)


@router.get("/leads/{lead_id:uuid}", response_model=LeadView, responses=problems(domain.LeadNotFound))
async def read_lead(lead_id: UUID, caller: Reader, unit: Unit) -> HttpResponse:
    """One professional as lead of one person."""
    async with unit.audited_read(caller, lead_id) as tx:
        lead = await queries.lead(tx, lead_id)
        await require_person(tx, lead.person_id, Part.CONTACT, _unknown(lead_id))
    return json_response(LeadView.model_validate(lead))


@router.get("/people/{person_id:uuid}/leads", responses=problems(PersonRecordNotFound))
async def leads_of_person(person_id: UUID, caller: Reader, unit: Unit) -> list[LeadView]:
    """The person's active lead, then the proposed ones."""
    async with unit.audited_read(caller, person_id) as tx:
        await require_person(tx, person_id, Part.CONTACT)
        leads = await queries.leads_of_person(tx, person_id)
    return [LeadView.model_validate(lead) for lead in leads]


@router.get("/leads/{lead_id:uuid}/actions", responses=problems(domain.LeadNotFound, domain.NotYourLead, NotMdtMember))
async def lead_actions(lead_id: UUID, caller: LeadOrCoordinator, unit: Unit, request: Request) -> list[Action]:
    """The commands that this caller may send now: the professional, or a coordinator of the meeting."""
    async with unit.audited_read(caller, lead_id) as tx:
        lead = await queries.lead(tx, lead_id)
        await require_person(tx, lead.person_id, Part.CONTACT, _unknown(lead_id))
        domain.require_lead_or_stand_in(lead, caller, tx.policy)
    return links(request, lead_commands(lead, caller, tx.policy), lead_id=lead_id)


@router.post(
    "/leads/{lead_id:uuid}/acceptance",
    name="AcceptLead",
    response_model=LeadView,
    responses=problems(domain.LeadAlreadyActive, *_REFUSALS),
)
async def accept_lead(lead_id: UUID, caller: Professional, version: IfMatch, unit: Unit) -> HttpResponse:
    """The professional accepts and becomes the person's single contact."""
    return await _change(unit, caller, handlers.accept_lead, Target(lead_id, version))


@router.post("/leads/{lead_id:uuid}/decline", name="DeclineLead", response_model=LeadView, responses=problems(*_REFUSALS))
async def decline_lead(lead_id: UUID, body: Decline, caller: Professional, version: IfMatch, unit: Unit) -> HttpResponse:
    """The professional declines; the next candidate is proposed, and the present lead stays."""
    return await _change(unit, caller, handlers.decline_lead, Target(lead_id, version), body.command())


@router.post(
    "/leads/{lead_id:uuid}/handover",
    name="HandOverLead",
    response_model=LeadView,
    responses=problems(
        domain.AlreadyLead,
        domain.ReplacementReasonRequired,
        domain.LeadPracticeUnknown,
        domain.LeadPracticeUnconfirmed,
        LeadNotAllowed,
        domain.LeadAlreadyActive,
        NotMdtMember,
        *_REFUSALS,
    ),
)
async def hand_over_lead(lead_id: UUID, body: HandOver, caller: LeadOrCoordinator, version: IfMatch, unit: Unit) -> HttpResponse:
    """Proposes a successor, who takes over on acceptance without a gap. Returns the successor's lead.

    A coordinator hands over for an absent lead, with a reason: the GP takes over until the successor accepts.
    """
    return await _change(unit, caller, handlers.hand_over_lead, Target(lead_id, version), body.command())


async def _change(
    unit: UnitOfWork, caller: Actor, handler: Callable[..., Awaitable[domain.Lead]], target: Target, *command: object
) -> HttpResponse:
    return await unit.change(caller, handler, target, *command, view=LeadView.model_validate, require=partial(_require_lead, target.id))


async def _require_lead(lead_id: UUID, tx: Transaction[Policy]) -> None:
    """The professional of an ended or lapsed lead knows it; the refusal says why nothing can be done."""
    lead = await queries.lead(tx, lead_id)
    if lead.professional != tx.actor.professional:
        await require_person(tx, lead.person_id, unknown=_unknown(lead_id))


def _unknown(lead_id: UUID) -> domain.LeadNotFound:
    return domain.LeadNotFound(f"No lead has the id {lead_id}.")
