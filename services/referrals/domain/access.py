"""Who may see and move a referral: the Community Point of Access all, a referrer their own, a receiver what is with them (IG8).

With a receiver it is until they give it back or close it, and then no longer. The practice where the person is registered
follows it too, whoever sent it: the GP is told how a crisis ended (S24, rapid_care-8).
"""

from services.referrals.commands import ReturnReferral
from services.referrals.domain.referral import Referral
from shared.contracts.referrals import Route
from shared.kernel.actor import Actor
from shared.kernel.errors import OrganisationNotInvolved, RuleBroken

#: Scopes of the routes.
TRIAGE, REFER, RECEIVE = "referrals:triage", "referrals:refer", "referrals:receive"


class AnsweredByService(RuleBroken):
    """The receiving service answers this referral itself, through its own events."""

    code = "answered-by-service"
    advice = "Wait for the service's answer; once it is overdue, the Community Point of Access may return the referral."


def is_triager(actor: Actor) -> bool:
    return TRIAGE in actor.scopes


def is_referrer(referral: Referral, actor: Actor) -> bool:
    return REFER in actor.scopes and referral.referrer_organisation == actor.organisation


def is_receiver(referral: Referral, actor: Actor) -> bool:
    return RECEIVE in actor.scopes and referral.ended_at is None and referral.receiver_organisation == actor.organisation


def is_own_practice(referral: Referral, actor: Actor) -> bool:
    return REFER in actor.scopes and referral.practice_code == actor.organisation


def require_involved(referral: Referral, actor: Actor) -> None:
    """Raises OrganisationNotInvolved."""
    theirs = (is_referrer, is_receiver, is_own_practice)
    if not (is_triager(actor) or any(is_theirs(referral, actor) for is_theirs in theirs)):
        raise OrganisationNotInvolved("Your organisation is not involved in this referral.")


def require_referrer(referral: Referral, actor: Actor) -> None:
    """The referring organisation, or the Community Point of Access for it. Raises OrganisationNotInvolved."""
    if not (is_triager(actor) or is_referrer(referral, actor)):
        raise OrganisationNotInvolved("Your organisation did not send this referral.")


def require_receiver(referral: Referral, actor: Actor, command: type) -> None:
    """The receiving organisation, or the Community Point of Access for it, which may have been told by telephone.

    Raises OrganisationNotInvolved, AnsweredByService.
    """
    if not (is_triager(actor) or is_receiver(referral, actor)):
        raise OrganisationNotInvolved("Your organisation is not the receiver of this referral.")
    if is_internal_service(referral, actor, command):
        raise AnsweredByService(f"The service {referral.service_code} answers this referral.")


def is_internal_service(referral: Referral, actor: Actor, command: type) -> bool:
    """Services of this product answer by their events. When one is overdue, the Community Point of Access may take it back, no more."""
    if referral.route in {None, Route.SERVICE}:
        return False
    may_take_back = command is ReturnReferral and referral.overdue_since is not None and is_triager(actor)
    return not may_take_back


def require_lead(professional_id: str, actor: Actor) -> None:
    """A lead sees everything of their own people, and of nobody else. Raises OrganisationNotInvolved."""
    if professional_id != actor.id:
        raise OrganisationNotInvolved("You are not the person's accountable lead professional.")
