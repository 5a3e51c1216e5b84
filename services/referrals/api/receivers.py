"""For the services of the directory: what arrived, and their answers. Services of this product answer by their events."""

from uuid import UUID

from fastapi import APIRouter
from fastapi import Response as HttpResponse

from services.referrals.api import pages, requests
from services.referrals.api.auth import Receiver
from services.referrals.api.pages import Cursor, Limit
from services.referrals.api.responses import ReferralView
from services.referrals.domain.access import AnsweredByService
from services.referrals.domain.referral import ReferralNotFound
from services.referrals.handlers import referrals as handlers
from services.referrals.queries import referrals
from shared.kernel.errors import IllegalTransition, OrganisationNotInvolved, VersionConflict
from shared.kernel.target import Target
from shared.web.dependencies import IfMatch, Unit
from shared.web.problems import problems
from shared.web.responses import Page, json_response

router = APIRouter()

_ANY = (ReferralNotFound, OrganisationNotInvolved, AnsweredByService, IllegalTransition, VersionConflict)


@router.get("/incoming")
async def arrivals(caller: Receiver, unit: Unit, cursor: Cursor = None, limit: Limit = 50) -> Page[ReferralView]:
    """What was routed to the services of one's own organisation: urgent first, then by deadline."""
    async with unit.transaction(caller) as tx:
        found = await referrals.arrivals(tx, caller.organisation, after=pages.most_urgent_first(cursor), most=limit)
        return pages.of_most_urgent(found, limit, tx.policy, tx.now)


@router.post("/{referral_id:uuid}/acceptance", name="AcceptReferral", response_model=ReferralView, responses=problems(*_ANY))
async def accept_referral(referral_id: UUID, caller: Receiver, version: IfMatch, unit: Unit) -> HttpResponse:
    """The receiver has it from now on."""
    async with unit.transaction(caller) as tx:
        referral = await handlers.accept_referral(Target(referral_id, version), tx=tx)
    return json_response(ReferralView.of(referral, tx.policy, tx.now))


@router.post("/{referral_id:uuid}/return", name="ReturnReferral", response_model=ReferralView, responses=problems(*_ANY))
async def return_referral(referral_id: UUID, body: requests.Return, caller: Receiver, version: IfMatch, unit: Unit) -> HttpResponse:
    """Back to the Community Point of Access, which finds another way; never to the referrer."""
    async with unit.transaction(caller) as tx:
        referral = await handlers.return_referral(Target(referral_id, version), body.command(), tx=tx)
    return json_response(ReferralView.of(referral, tx.policy, tx.now))


@router.post("/{referral_id:uuid}/closure", name="CloseReferral", response_model=ReferralView, responses=problems(*_ANY))
async def close_referral(referral_id: UUID, body: requests.Closure, caller: Receiver, version: IfMatch, unit: Unit) -> HttpResponse:
    """It ended, and the referrer sees how."""
    async with unit.transaction(caller) as tx:
        referral = await handlers.close_referral(Target(referral_id, version), body.command(), tx=tx)
    return json_response(ReferralView.of(referral, tx.policy, tx.now))
