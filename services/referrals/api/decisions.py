"""Decisions of the Community Point of Access about a referral, and the referrer's information and cancellation."""

from uuid import UUID

from fastapi import Response as HttpResponse

from services.referrals import commands
from services.referrals.api import requests
from services.referrals.api.auth import PointOfAccess, Referrer, Triager, Withdrawer
from services.referrals.api.presenter import run_command
from services.referrals.api.responses import AdvisedReferralView
from services.referrals.domain import access, closure, directory, discrepancies, reversal, routing, triage
from services.referrals.domain.referral import ReferralNotFound
from services.referrals.handlers import referrals as handlers
from shared.kernel.errors import IllegalTransition, OrganisationNotInvolved, VersionConflict
from shared.kernel.target import Target
from shared.web.dependencies import IfMatch, Unit
from shared.web.problems import problems
from shared.web.requests import strict_router

router = strict_router(prefix="/referrals", tags=["referrals"])

_ANY = (ReferralNotFound, IllegalTransition, VersionConflict)


@router.post(
    "/{referral_id:uuid}/triage",
    name="TriageReferral",
    response_model=AdvisedReferralView,
    responses=problems(*_ANY, triage.RedFlagIsUrgent),
)
async def triage_referral(referral_id: UUID, body: requests.Triage, caller: Triager, version: IfMatch, unit: Unit) -> HttpResponse:
    """A clinician decides the urgency, with a reason."""
    return await run_command(unit, caller, handlers.triage_referral, Target(referral_id, version), body.command())


@router.post(
    "/{referral_id:uuid}/route",
    name="RouteReferral",
    response_model=AdvisedReferralView,
    responses=problems(
        *_ANY,
        directory.ServiceNotInDirectory,
        directory.BelowMinimumAge,
        directory.PracticeNotCovered,
        directory.PracticeUnconfirmed,
        directory.ResidenceElsewhere,
        directory.LocalityNotCovered,
        directory.EligibleHere,
        routing.RouteNotAllowed,
        routing.NotComplex,
        routing.EmergencyCall999,
    ),
)
async def route_referral(referral_id: UUID, body: requests.Routing, caller: Triager, version: IfMatch, unit: Unit) -> HttpResponse:
    """Asks a receiver to accept the referral; until then the Community Point of Access owns it."""
    return await run_command(unit, caller, handlers.route_referral, Target(referral_id, version), body.command())


@router.post(
    "/{referral_id:uuid}/signpost",
    name="SignpostReferral",
    response_model=AdvisedReferralView,
    responses=problems(
        *_ANY, directory.ServiceNotInDirectory, directory.EligibleHere, directory.LocalityNotCovered, routing.SignpostNeedsAdvice
    ),
)
async def signpost_referral(referral_id: UUID, body: requests.Signpost, caller: Triager, version: IfMatch, unit: Unit) -> HttpResponse:
    """The person was signposted to a service of the directory."""
    return await run_command(unit, caller, handlers.signpost_referral, Target(referral_id, version), body.command())


@router.post(
    "/{referral_id:uuid}/urgency",
    name="RaiseUrgency",
    response_model=AdvisedReferralView,
    responses=problems(*_ANY, triage.AlreadyUrgent),
)
async def raise_urgency(referral_id: UUID, body: requests.Raise, caller: Triager, version: IfMatch, unit: Unit) -> HttpResponse:
    """The referral has become urgent: the same reference, and a new clock unless it was urgent before or is not yet triaged."""
    return await run_command(unit, caller, handlers.raise_urgency, Target(referral_id, version), body.command())


@router.post(
    "/{referral_id:uuid}/recall",
    name="RecallReferral",
    response_model=AdvisedReferralView,
    responses=problems(*_ANY, routing.RecallNotPossible, routing.AlreadyContacted),
)
async def recall_referral(referral_id: UUID, caller: Triager, version: IfMatch, unit: Unit) -> HttpResponse:
    """Takes the referral back from Rapid Care, which has not reached the person, for another triage and route."""
    return await run_command(unit, caller, handlers.recall_referral, Target(referral_id, version), commands.RecallReferral(), is_bare=True)


@router.post(
    "/{referral_id:uuid}/condition",
    name="SetCondition",
    response_model=AdvisedReferralView,
    responses=problems(*_ANY),
)
async def set_condition(referral_id: UUID, body: requests.NewCondition, caller: Triager, version: IfMatch, unit: Unit) -> HttpResponse:
    """The condition is known now, or was wrong."""
    return await run_command(unit, caller, handlers.set_condition, Target(referral_id, version), body.command())


@router.post(
    "/{referral_id:uuid}/discrepancy-resolution",
    name="ResolveDiscrepancy",
    response_model=AdvisedReferralView,
    responses=problems(
        *_ANY, access.ClinicalDecision, access.HandlingOnly, discrepancies.DiscrepancyNotOpen, discrepancies.PracticeInDoubt
    ),
)
async def resolve_discrepancy(
    referral_id: UUID, body: requests.Resolution, caller: PointOfAccess, version: IfMatch, unit: Unit
) -> HttpResponse:
    """A fault of an urgent referral is settled, or does not matter. Clinicians settle clinical ones, call handlers the others."""
    return await run_command(unit, caller, handlers.resolve_discrepancy, Target(referral_id, version), body.command())


@router.post(
    "/{referral_id:uuid}/information-request",
    name="RequestInformation",
    response_model=AdvisedReferralView,
    responses=problems(*_ANY),
)
async def request_information(
    referral_id: UUID, body: requests.Question, caller: PointOfAccess, version: IfMatch, unit: Unit
) -> HttpResponse:
    """Asks the referrer for information; no deadline waits for the answer."""
    return await run_command(unit, caller, handlers.request_information, Target(referral_id, version), body.command())


@router.post(
    "/{referral_id:uuid}/information",
    name="AnswerInformation",
    response_model=AdvisedReferralView,
    responses=problems(*_ANY, OrganisationNotInvolved),
)
async def answer_information(
    referral_id: UUID, body: requests.InformationAnswer, caller: Referrer, version: IfMatch, unit: Unit
) -> HttpResponse:
    """The referrer gives information, requested or not, which becomes part of the person's story; possible until the referral ends."""
    return await run_command(unit, caller, handlers.answer_information, Target(referral_id, version), body.command())


@router.post(
    "/{referral_id:uuid}/amendment",
    name="AmendReferral",
    response_model=AdvisedReferralView,
    responses=problems(*_ANY, OrganisationNotInvolved),
)
async def amend_referral(referral_id: UUID, body: requests.Amendment, caller: Referrer, version: IfMatch, unit: Unit) -> HttpResponse:
    """The referrer adds information, the person's telephone, or that the referral is urgent now; possible until the referral ends.

    Urgency takes effect at once: the receiver answers a second urgent call, or the Community Point of Access triages the referral again.
    A telephone becomes that of the person if none is recorded; another one is proposed to the Community Point of Access.
    """
    return await run_command(unit, caller, handlers.amend_referral, Target(referral_id, version), body.command())


@router.post(
    "/{referral_id:uuid}/cancellation",
    name="CancelReferral",
    response_model=AdvisedReferralView,
    responses=problems(*_ANY, OrganisationNotInvolved, closure.CareInProgress, closure.HasMergedReferrals),
)
async def cancel_referral(referral_id: UUID, body: requests.Cancellation, caller: Withdrawer, version: IfMatch, unit: Unit) -> HttpResponse:
    """Withdraws the referral; after a service has accepted it, only because the person died or moved away.

    A death or a move ends all care of the person at once. From a referrer without a further relationship to the person it is a report:
    nothing ends, and the referral, or the one that it joined, gets the discrepancy `death-reported` or `move-reported`.
    """
    return await run_command(unit, caller, handlers.cancel_referral, Target(referral_id, version), body.command())


@router.post(
    "/{referral_id:uuid}/reopening",
    name="ReopenReferral",
    response_model=AdvisedReferralView,
    responses=problems(*_ANY, reversal.EndedWithPerson, reversal.ReopeningTooLate),
)
async def reopen_referral(referral_id: UUID, body: requests.MistakenEnd, caller: Triager, version: IfMatch, unit: Unit) -> HttpResponse:
    """The referral was closed or cancelled by mistake, within the configured time. An outside service that had accepted it continues.

    Otherwise it is triaged again, under the same reference.
    """
    return await run_command(unit, caller, handlers.reopen_referral, Target(referral_id, version), body.command())
