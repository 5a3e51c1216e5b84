"""The collection of referrals: sending one, one's own, and the work list of the Community Point of Access."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query
from fastapi import Response as HttpResponse

from services.referrals.api import pages, requests
from services.referrals.api.acknowledgement import acknowledge
from services.referrals.api.auth import Referrer, Triager
from services.referrals.api.pages import Cursor, Limit
from services.referrals.api.presenter import followed
from services.referrals.api.responses import FollowedReferralView, ReceivedView, ReferralView
from services.referrals.domain import person
from services.referrals.domain.access import require_referrer
from services.referrals.domain.reference import ReferenceMistyped
from services.referrals.domain.referral import ReferralNotFound
from services.referrals.queries import referrals
from services.referrals.queries.referrals import Whose
from shared.kernel.errors import OrganisationNotInvolved
from shared.kernel.nhs_number import InvalidNhsNumber
from shared.persistence.idempotency import IdempotencyKeyReused
from shared.web.dependencies import IdempotencyHeader, Unit
from shared.web.fast_route import FastRoute
from shared.web.problems import problems
from shared.web.responses import Page

router = APIRouter(prefix="/referrals", tags=["referrals"], route_class=FastRoute)


@router.post(
    "",
    name="ReceiveReferral",
    status_code=201,
    response_model=ReceivedView,
    responses=problems(
        InvalidNhsNumber,
        person.NhsNumberMissing,
        person.DemographicsMissing,
        person.StoryMissing,
        person.IdentityDiffers,
        person.BirthDateInFuture,
        IdempotencyKeyReused,
    ),
)
async def send_referral(body: requests.NewReferral, caller: Referrer, once: IdempotencyHeader, unit: Unit) -> HttpResponse:
    """Send a referral. The answer is durable, carries the reference, and says whom to turn to when it cannot wait."""
    return await unit.perform(caller, once, acknowledge, body.command())


@router.get("", responses=problems(ReferenceMistyped, ReferralNotFound, OrganisationNotInvolved))
async def own_referrals(
    caller: Referrer,
    unit: Unit,
    reference: Annotated[str | None, Query(description="As the confirmation had it: `CPA-XXXX-XXXX`", max_length=40)] = None,
    whose: Whose = Whose.SENT,
    state: Literal["open", "ended"] = "open",
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[FollowedReferralView] | Page[ReferralView]:
    """One's own referrals, or those of who is registered with one's practice, newest first; or the one with a reference, with feedback."""
    if reference is not None:
        return await _by_reference(reference, caller, unit)
    async with unit.transaction(caller) as tx:
        before = pages.newest_first(cursor)
        found = await referrals.followed_by(tx, caller.organisation, whose, is_open=state == "open", before=before, most=limit)
        return pages.of_newest(found, limit, tx.policy, tx.now)


@router.get("/work")
async def work_list(caller: Triager, unit: Unit, cursor: Cursor = None, limit: Limit = 50) -> Page[ReferralView]:
    """What waits here for triage or a route, what came back, and what is overdue anywhere: urgent first, then by deadline."""
    async with unit.transaction(caller) as tx:
        found = await referrals.work(tx, after=pages.most_urgent_first(cursor), most=limit)
        return pages.of_most_urgent(found, limit, tx.policy, tx.now)


async def _by_reference(reference: str, caller: Referrer, unit: Unit) -> Page[FollowedReferralView]:
    async with unit.transaction(caller) as tx:
        found = await referrals.by_reference(tx, reference)
        require_referrer(found, caller)
        tx.audit(found.id)
        return Page[FollowedReferralView](items=[await followed(tx, found)])
