"""Values in which a referral differs from the record of a known person. The Community Point of Access confirms or dismisses each."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from fastapi import Request
from fastapi import Response as HttpResponse

from services.referrals.api import pages, requests
from services.referrals.api.auth import PointOfAccess
from services.referrals.api.pages import Cursor, Limit
from services.referrals.domain.directory import PracticeClosed
from services.referrals.domain.person import Person
from services.referrals.domain.proposals import Proposal, ProposalNotFound, ProposalStatus
from services.referrals.handlers import proposals as handlers
from services.referrals.queries import proposals as queries
from services.referrals.queries.people import require_person
from shared.contracts.persons import RecordField
from shared.kernel.actor import Actor
from shared.kernel.errors import IllegalTransition, VersionConflict
from shared.kernel.target import Target
from shared.persistence.transaction import Transaction
from shared.web import pagination
from shared.web.dependencies import IfMatch, Unit, UnitOfWork
from shared.web.problems import problems
from shared.web.requests import strict_router
from shared.web.responses import Action, Page, ResponseModel, VersionedResponse, actions, json_response

router = strict_router(prefix="/referrals/proposals", tags=["referrals", "people"])

_ANY = (ProposalNotFound, IllegalTransition, VersionConflict)


class ContactNameView(ResponseModel):
    """The family contact whose detail a field is."""

    name: str
    relationship: str


class ProposalView(VersionedResponse):
    """A value that a referral proposes. The record keeps `present_value` until the proposal is confirmed.

    `former_until`: the record had the proposed value until then. `dismissed_before`: an equal proposal was dismissed then. `due_at`: the
    Community Point of Access decides by then; `overdue_since` stays until it has decided. `person_id` is the record of the referral.
    After a separation, a value that was recorded for the other person is proposed too; `referral_id` is then the record's last referral.
    """

    id: UUID
    status: ProposalStatus
    person_id: UUID
    field: RecordField
    contact: ContactNameView | None
    present_value: str
    proposed_value: str
    referral_id: UUID
    referrer_organisation: str
    is_urgent: bool
    received_at: datetime
    due_at: datetime | None
    overdue_since: datetime | None
    former_until: datetime | None
    dismissed_before: datetime | None
    decided_at: datetime | None
    decided_by: str | None
    reason: str | None


class NamedProposalView(ProposalView):
    """A proposal with the recorded name of the person."""

    given_name: str
    family_name: str

    @classmethod
    def of(cls, proposal: Proposal, person: Person) -> "NamedProposalView":
        own = dict(ProposalView.model_validate(proposal))
        return cls(**own, given_name=person.given_name, family_name=person.family_name)


@router.get("", name="open_proposals")
async def open_proposals(caller: PointOfAccess, unit: Unit, cursor: Cursor = None, limit: Limit = 50) -> Page[NamedProposalView]:
    """Proposals that wait for a decision, in the order of their deadlines, with the present and the proposed value."""
    after = pages.oldest_first(cursor)
    async with unit.transaction(caller) as tx:
        found = await queries.open_proposals(tx, after=after, limit=limit)
        tx.audit_all(person.id for _, person in found)
    last = found[-1][0] if len(found) == limit else None
    more = pagination.encode_cursor(last.due_at, last.id) if last and last.due_at else None
    return Page[NamedProposalView](items=[NamedProposalView.of(*each) for each in found], next=more)


@router.get("/{proposal_id:uuid}", response_model=NamedProposalView, responses=problems(ProposalNotFound))
async def read_proposal(proposal_id: UUID, caller: PointOfAccess, unit: Unit) -> HttpResponse:
    """One proposal, open or decided."""
    async with unit.audited_read(caller, proposal_id) as tx:
        proposal, person = await queries.proposal(tx, proposal_id)
        await require_person(tx, person.id)
        tx.audit(person.id)
    return json_response(NamedProposalView.of(proposal, person))


@router.get("/{proposal_id:uuid}/actions", responses=problems(ProposalNotFound))
async def proposal_actions(proposal_id: UUID, caller: PointOfAccess, unit: Unit, request: Request) -> list[Action]:
    """The commands that the proposal permits now."""
    async with unit.audited_read(caller, proposal_id) as tx:
        proposal, permitted = await queries.offered(tx, proposal_id, on=tx.policy.day_of(tx.now))
        await require_person(tx, proposal.person_id)
    return actions(request, proposal.status, [permitted], proposal_id=proposal_id)


@router.post(
    "/{proposal_id:uuid}/confirmation", name="ConfirmProposal", response_model=ProposalView, responses=problems(*_ANY, PracticeClosed)
)
async def confirm_proposal(proposal_id: UUID, caller: PointOfAccess, version: IfMatch, unit: Unit) -> HttpResponse:
    """The proposed value is right: it replaces the recorded one, which becomes a former value. A repetition changes nothing.

    A practice that closed without a successor is refused.
    """
    return await _change(unit, caller, handlers.confirm_proposal, Target(proposal_id, version))


@router.post("/{proposal_id:uuid}/dismissal", name="DismissProposal", response_model=ProposalView, responses=problems(*_ANY))
async def dismiss_proposal(
    proposal_id: UUID, body: requests.Dismissal, caller: PointOfAccess, version: IfMatch, unit: Unit
) -> HttpResponse:
    """The recorded value is right, for the stated reason. A repetition changes nothing."""
    return await _change(unit, caller, handlers.dismiss_proposal, Target(proposal_id, version), body.command())


async def _change(
    unit: UnitOfWork, caller: Actor, handler: Callable[..., Awaitable[Proposal]], target: Target, *command: object
) -> HttpResponse:
    require = partial(_require_proposal, target.id)
    return await unit.change(caller, handler, target, *command, view=ProposalView.model_validate, require=require)


async def _require_proposal(proposal_id: UUID, tx: Transaction[Any]) -> None:
    _, person = await queries.proposal(tx, proposal_id)
    await require_person(tx, person.id)
