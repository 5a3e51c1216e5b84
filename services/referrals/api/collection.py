"""The collection of referrals: receipt and acknowledgement, the list of the referrer, and the list of the Community Point of Access."""

from dataclasses import dataclass, replace
from typing import Annotated, Literal

from fastapi import Query
from fastapi import Response as HttpResponse

from services.referrals.api import pages, requests
from services.referrals.api.auth import Referrer
from services.referrals.api.pages import Cursor, Limit
from services.referrals.api.presenter import alternative_service, followed, views
from services.referrals.api.responses import FollowedReferralView, ReceivedView, ReferralView
from services.referrals.commands import ReceiveReferral
from services.referrals.domain import Policy, identity_check, person
from services.referrals.domain.reference import ReferenceMistyped
from services.referrals.domain.referral import ReferralNotFound
from services.referrals.handlers.receive import receive_referral
from services.referrals.queries import referrals
from services.referrals.queries.referrals import Whose, list_as_seen, require_referral
from shared.contracts.codes import IS_URGENT
from shared.contracts.referral_codes import Discrepancy
from shared.kernel.actor import Actor
from shared.kernel.nhs_number import InvalidNhsNumber
from shared.persistence.idempotency import IdempotencyKeyReused, StoredResponseUnreadable
from shared.persistence.transaction import IdempotencyKey, Transaction
from shared.web.dependencies import IdempotencyHeader, Unit, UnitOfWork
from shared.web.fast_route import FastRoute
from shared.web.problems import problems
from shared.web.requests import strict_router
from shared.web.responses import Page, created, json_response

router = strict_router(prefix="/referrals", tags=["referrals"], route_class=FastRoute)


@dataclass(frozen=True, slots=True)
class Receipt:
    """The response to a received referral; `is_guess` when it names the number of a person who is recorded otherwise."""

    response: HttpResponse
    is_guess: bool


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
        identity_check.IdentityDiffers,
        person.BirthDateInFuture,
        IdempotencyKeyReused,
        StoredResponseUnreadable,
    ),
)
async def send_referral(body: requests.NewReferral, caller: Referrer, key: IdempotencyHeader, unit: Unit) -> HttpResponse:
    """Send a referral. The acknowledgement is durable, has the reference, and names an alternative for a person who cannot wait."""
    return await receive(body.command(), caller, key, unit)


async def receive(command: ReceiveReferral, caller: Actor, key: IdempotencyKey, unit: UnitOfWork) -> HttpResponse:
    """The acknowledgement, after the commit. Beyond the limit of wrong guesses an urgent referral is unverified; the others wait."""
    if not IS_URGENT[command.urgency]:
        return (await unit.submit_guess(caller, key, acknowledge, command)).response
    traced = replace(command, needs_tracing=True)
    receipt = await unit.submit_guess(caller, key, acknowledge, command, is_wrong=lambda each: each.is_guess, beyond=traced)
    return receipt.response


async def acknowledge(command: ReceiveReferral, tx: Transaction[Policy]) -> Receipt:
    """Receives the referral and stores its 201 for repetitions of the request. `receive_group.py` lets many share a transaction."""
    received = await receive_referral(command, tx=tx)
    service = await alternative_service(tx, received.joins or received.referral)
    view = ReceivedView.acknowledging(received, alternative=service, policy=tx.policy, now=tx.now)
    response = created(tx, view, f"/referrals/{received.referral.id}")
    return Receipt(response, Discrepancy.IDENTITY_DIFFERS in received.referral.discrepancies)


@router.get(
    "",
    response_model=Page[FollowedReferralView] | Page[ReferralView],
    responses=problems(ReferenceMistyped, ReferralNotFound),
)
async def own_referrals(
    caller: Referrer,
    unit: Unit,
    reference: Annotated[str | None, Query(description="From the acknowledgement: `CPA-XXXX-XXXX`", max_length=40)] = None,
    whose: Whose = Whose.SENT,
    status: Literal["open", "closed"] = "open",
    cursor: Cursor = None,
    limit: Limit = 50,
) -> HttpResponse:
    """The referrals that the organisation sent or of people registered with it, newest first; with `reference`, that one with feedback."""
    if reference is not None:
        return json_response(await _by_reference(reference, caller, unit))
    before = pages.newest_first(cursor)
    async with unit.transaction(caller) as tx:
        page = await referrals.followed_by(tx, whose, is_open=status == "open", before=before, limit=limit)
        tx.audit_all(each.person_id for each in page)
        items = await views(tx, await list_as_seen(tx, page) if whose is Whose.SENT else page)
    return json_response(pages.of_newest(page, items, limit))


async def _by_reference(reference: str, caller: Referrer, unit: Unit) -> Page[FollowedReferralView]:
    await unit.look_up(caller)
    async with unit.transaction(caller) as tx:
        referral = await referrals.by_reference(tx, reference)
        basis, _ = await require_referral(tx, referral)
        tx.audit(referral.id)
        view = await followed(tx, referral, basis)
    await unit.found(caller, [referral.id])
    return Page[FollowedReferralView](items=[view])
