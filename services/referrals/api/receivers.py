"""The services of the directory: their incoming referrals and their answers. Services of this product answer by their events."""

from typing import Annotated
from uuid import UUID

from fastapi import Query
from fastapi import Response as HttpResponse

from services.referrals import commands
from services.referrals.api import pages, requests
from services.referrals.api.auth import Receiver
from services.referrals.api.pages import Cursor, Limit
from services.referrals.api.presenter import named_views, run_command
from services.referrals.api.responses import AdvisedReferralView, NamedReferralView
from services.referrals.domain import closure
from services.referrals.domain.access import AnsweredByService, ReceiverInDoubt
from services.referrals.domain.calls import NoOpenCall
from services.referrals.domain.referral import ReferralNotFound
from services.referrals.handlers import referrals as handlers
from services.referrals.queries import referrals
from shared.contracts.referral_codes import Route
from shared.kernel.errors import IllegalTransition, OrganisationNotInvolved, VersionConflict
from shared.kernel.service_codes import ServiceUnknown
from shared.kernel.target import Target
from shared.web.dependencies import IfMatch, Unit
from shared.web.problems import problems
from shared.web.requests import strict_router
from shared.web.responses import Page

router = strict_router(prefix="/referrals", tags=["referrals"])

_ANY = (ReferralNotFound, OrganisationNotInvolved, AnsweredByService, IllegalTransition, VersionConflict)


@router.get("/incoming")
async def incoming_referrals(
    caller: Receiver,
    unit: Unit,
    route: Annotated[Route, Query(description="The kind of receiver; outside services by default")] = Route.SERVICE,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[NamedReferralView]:
    """Referrals that services of the caller's organisation are asked to accept, or have accepted: urgent first, then by deadline.

    Rapid Care, the meeting and the navigators have their part of a referral in their own work lists, and answer there.
    Each person on a page is audited as read.
    """
    after = pages.most_urgent_first(cursor)
    async with unit.transaction(caller) as tx:
        page = await referrals.incoming(tx, caller.organisation, route, after=after, limit=limit)
        items = await named_views(tx, page)
    return Page[NamedReferralView](items=items, next=pages.after_most_urgent(page, limit))


@router.post(
    "/{referral_id:uuid}/acceptance", name="AcceptReferral", response_model=AdvisedReferralView, responses=problems(*_ANY, ReceiverInDoubt)
)
async def accept_referral(referral_id: UUID, caller: Receiver, version: IfMatch, unit: Unit) -> HttpResponse:
    """The receiver accepts the referral and owns it."""
    return await run_command(unit, caller, handlers.accept_referral, Target(referral_id, version), commands.AcceptReferral(), is_bare=True)


@router.post(
    "/{referral_id:uuid}/return", name="ReturnReferral", response_model=AdvisedReferralView, responses=problems(*_ANY, ServiceUnknown)
)
async def return_referral(referral_id: UUID, body: requests.Return, caller: Receiver, version: IfMatch, unit: Unit) -> HttpResponse:
    """Returns the referral to the Community Point of Access, which routes it elsewhere; never to the referrer.

    A signposted referral returns when it went to the wrong service, or when the service did not help.
    A life-threatening return makes it urgent at once; `alternative_service` of the answer names the service to call.
    """
    return await run_command(unit, caller, handlers.return_referral, Target(referral_id, version), body.command())


@router.post(
    "/{referral_id:uuid}/call-answer", name="AnswerCall", response_model=AdvisedReferralView, responses=problems(*_ANY, NoOpenCall)
)
async def answer_call(referral_id: UUID, caller: Receiver, version: IfMatch, unit: Unit) -> HttpResponse:
    """The receiver has taken note of a second urgent call about the person; its text is in the person's record."""
    return await run_command(unit, caller, handlers.answer_call, Target(referral_id, version), commands.AnswerCall(), is_bare=True)


@router.post(
    "/{referral_id:uuid}/closure",
    name="CloseReferral",
    response_model=AdvisedReferralView,
    responses=problems(*_ANY, closure.OutcomeNotPossible, closure.OutcomeLeavesRedFlag),
)
async def close_referral(referral_id: UUID, body: requests.Closure, caller: Receiver, version: IfMatch, unit: Unit) -> HttpResponse:
    """The referral ended with an outcome, which the referrer sees. With an unanswered urgent call, or without access, it returns instead.

    A clinician of the Community Point of Access closes what it has settled itself, also before triage or a route; from a receiver that
    has not answered it takes the referral back first.
    """
    return await run_command(unit, caller, handlers.close_referral, Target(referral_id, version), body.command())
