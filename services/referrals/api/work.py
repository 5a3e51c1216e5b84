"""The work list of the Community Point of Access, and claims of its referrals."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query
from fastapi import Response as HttpResponse

from services.referrals.api import pages, requests
from services.referrals.api.auth import PointOfAccess
from services.referrals.api.pages import Cursor, Limit
from services.referrals.api.responses import NamedReferralView, referral_fields
from services.referrals.domain.claims import ClaimedByColleague
from services.referrals.domain.referral import ReferralNotFound, Status
from services.referrals.handlers import claims as handlers
from services.referrals.queries import referrals, work
from services.referrals.queries.referrals import WorkSection, require_referral
from services.referrals.queries.work import ClaimFilter, WorkFilter
from shared.contracts.codes import Urgency
from shared.contracts.input_types import QueryFlag
from shared.contracts.referral_codes import Discrepancy
from shared.kernel.errors import IllegalTransition
from shared.persistence.transaction import Transaction
from shared.web.dependencies import Unit
from shared.web.problems import problems
from shared.web.requests import strict_router
from shared.web.responses import NameView, Page, ResponseModel, json_response

router = strict_router(prefix="/referrals", tags=["referrals"])

_ANY = (ReferralNotFound, IllegalTransition, ClaimedByColleague)


class ClaimView(ResponseModel):
    """Who works on the referral now. A claim refuses no command, lapses at `lapses_at`, and a colleague may take it over."""

    claimed_by: str
    claimed_at: datetime
    lapses_at: datetime


class ClaimedReferralView(ResponseModel):
    """The referral with its claim; without one after a release."""

    id: UUID
    claim: ClaimView | None


class WorkItemView(NamedReferralView):
    """A referral of the work list, with the claim of the member of staff who works on it."""

    claim: ClaimView | None


@router.get("/work", response_model=Page[WorkItemView])
async def work_list(
    caller: PointOfAccess,
    unit: Unit,
    section: Annotated[WorkSection | None, Query(description="One section of the list; all by default")] = None,
    claimed: Annotated[ClaimFilter | None, Query(description="Claimed by the caller, or unclaimed; all by default")] = None,
    urgency: Annotated[Urgency | None, Query(description="Of this urgency; all by default")] = None,
    status: Annotated[Status | None, Query(description="In this state; all by default")] = None,
    overdue: Annotated[QueryFlag | None, Query(description="With an overdue deadline or call, or without; all by default")] = None,
    discrepancy: Annotated[Discrepancy | None, Query(description="With this discrepancy; all by default")] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> HttpResponse:
    """Referrals that the Community Point of Access must act on, with names and claims: urgent first, then by deadline.

    It has those that need triage or a route, returned and overdue ones, unanswered calls, discrepancies, and those whose receiver is at
    risk of being late although it owns them. Each person on a page is audited as read.
    """
    after = pages.most_urgent_first(cursor)
    chosen = WorkFilter(claimed, urgency, status, overdue, discrepancy)
    async with unit.transaction(caller) as tx:
        found = await work.work(tx, section, chosen, caller=caller.id, now=tx.now, after=after, limit=limit)
        items = await _views(tx, found)
    following = pages.after_most_urgent([each.referral for each in found], limit)
    return json_response(Page[WorkItemView](items=items, next=following))


@router.post("/{referral_id:uuid}/claim", name="ClaimReferral", response_model=ClaimedReferralView, responses=problems(*_ANY))
async def claim_referral(referral_id: UUID, body: requests.NewClaim, caller: PointOfAccess, unit: Unit) -> HttpResponse:
    """The caller works on the referral now. A repetition renews the claim. A colleague's claim is replaced with `take_over` alone."""
    async with unit.transaction(caller) as tx:
        await require_referral(tx, await referrals.referral(tx, referral_id))
        claimed = await handlers.claim_referral(referral_id, body.command(), tx=tx)
    return json_response(ClaimedReferralView(id=referral_id, claim=ClaimView.model_validate(claimed)))


@router.post(
    "/{referral_id:uuid}/claim-release",
    name="ReleaseClaim",
    response_model=ClaimedReferralView,
    responses=problems(*_ANY),
)
async def release_claim(referral_id: UUID, caller: PointOfAccess, unit: Unit) -> HttpResponse:
    """The caller no longer works on the referral."""
    async with unit.transaction(caller) as tx:
        await require_referral(tx, await referrals.referral(tx, referral_id))
        await handlers.release_claim(referral_id, tx=tx)
    return json_response(ClaimedReferralView(id=referral_id, claim=None))


async def _views(tx: Transaction[Any], found: list[work.WorkItem]) -> list[WorkItemView]:
    tx.audit_all(each.referral.person_id for each in found)
    progress = await referrals.progress(tx, [each.referral.id for each in found])
    return [
        WorkItemView(
            **referral_fields(each.referral, tx.policy, tx.now, progress=progress.get(each.referral.id)),
            person=NameView.of(each.person),
            claim=ClaimView.model_validate(each.claim) if each.claim else None,
        )
        for each in found
    ]
