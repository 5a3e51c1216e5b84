"""Access to referrals: the Community Point of Access to all, a referrer to those it sent, a receiver to its present ones (IG8).

A receiver loses access when it returns or closes the referral. The person's practice has access to every referral of the
person, so that the GP learns how a crisis ended (S24, rapid_care-8).

The Community Point of Access has two scopes, of which neither implies the other: call handlers take and keep referrals, and clinicians
decide. Both read, claim and ask.
"""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

from services.referrals import commands
from services.referrals.domain.policy import Policy
from services.referrals.domain.referral import AT_RECEIVER, IS_RECALLED, Referral, available_transitions, effective_status
from shared.contracts.referral_codes import Discrepancy, Route
from shared.kernel.actor import Actor
from shared.kernel.errors import NotAllowed, OrganisationNotInvolved, RuleBroken
from shared.kernel.scope_holders import Holders
from shared.kernel.totality import total

#: Routes to services of this product, which answer by their events.
_ANSWERS_BY_EVENTS = total(Route, {Route.RAPID_CARE: True, Route.MDT: True, Route.NAVIGATION: True, Route.SERVICE: False})
#: Scopes of the routes.
TRIAGE, HANDLE, REFER, RECEIVE = "referrals:triage", "referrals:handle", "referrals:refer", "referrals:receive"
#: Staff of the Community Point of Access who verify a person's identity, and merge and separate records.
IDENTITY = "referrals:identity"
#: Information governance staff, who review break-glass and read the audit.
AUDIT = "referrals:audit"
#: The council's receiver of safeguarding concerns, and the safeguarding leads.
SAFEGUARDING = "referrals:safeguarding"


def holders(policy: Policy) -> Holders:
    """The scopes of the Community Point of Access are those of its organisation; safeguarding is the council's and the leads'.

    Triage is a clinical decision.
    """
    own = {
        **dict.fromkeys((TRIAGE, HANDLE, IDENTITY), (policy.organisation,)),
        AUDIT: policy.governance_organisations,
        SAFEGUARDING: policy.safeguarding_staff,
    }
    return Holders(own, roles={TRIAGE: policy.triage_roles})


class AnsweredByService(RuleBroken):
    """The receiving service answers this referral through its events."""

    code = "answered-by-service"
    advice = "Wait for the service's answer; the Community Point of Access may take an unanswered referral back."


class ReceiverInDoubt(RuleBroken):
    """The Community Point of Access doubts that the person is registered with the practice, which is no receiver as their GP."""

    code = "receiver-in-doubt"
    advice = "Speak to the Community Point of Access, which has the referral: it asks the person which practice cares for them."


class ClinicalDecision(NotAllowed):
    """A clinician of the Community Point of Access decides this, with the scope `referrals:triage`."""

    code = "clinical-decision"
    advice = "Claim the referral for a clinician, or ask one to decide."


class HandlingOnly(NotAllowed):
    """A call handler of the Community Point of Access does this, with the scope `referrals:handle`."""

    code = "handling-only"
    advice = "Ask a call handler, or use a token with both scopes."


#: The roles that may give a command, beside the Community Point of Access, whose clinicians may also cancel and answer for a receiver.
_BY_REFERRER, _BY_RECEIVER = (
    frozenset({commands.AnswerInformation, commands.AmendReferral, commands.CancelReferral}),
    frozenset({commands.AcceptReferral, commands.ReturnReferral, commands.CloseReferral, commands.AnswerCall}),
)
#: The commands of call handlers and clinicians. Which of the two settles a discrepancy depends on the discrepancy.
_BY_POINT_OF_ACCESS = frozenset({commands.RequestInformation, commands.ResolveDiscrepancy, commands.ClaimReferral, commands.ReleaseClaim})
#: Whether a clinician must settle the discrepancy.
_IS_CLINICAL: Mapping[Discrepancy, bool] = total(
    Discrepancy,
    {
        Discrepancy.NUMBER_MISSING: False,
        Discrepancy.NUMBER_INVALID: False,
        Discrepancy.IDENTITY_DIFFERS: False,
        Discrepancy.BIRTHDAY_INVALID: False,
        Discrepancy.PRACTICE_UNKNOWN: False,
        Discrepancy.PRACTICE_UNCONFIRMED: False,
        Discrepancy.DETAILS_UNCONFIRMED: False,
        Discrepancy.RECEIVER_UNINFORMED: False,
        Discrepancy.DEATH_REPORTED: False,
        Discrepancy.MOVE_REPORTED: False,
        Discrepancy.DEMOGRAPHICS_MISSING: False,
        Discrepancy.STORY_MISSING: False,
        Discrepancy.TEXT_UNREADABLE: False,
        Discrepancy.HISTORY_SHORTENED: True,
        Discrepancy.CONDITION_MISSING: True,
    },
)


def is_triager(actor: Actor) -> bool:
    return TRIAGE in actor.scopes


def is_point_of_access(actor: Actor) -> bool:
    """A call handler or a clinician of the Community Point of Access."""
    return not actor.scopes.isdisjoint({HANDLE, TRIAGE})


def is_referrer(referral: Referral, actor: Actor) -> bool:
    return REFER in actor.scopes and referral.referrer_organisation == actor.organisation


def is_receiver(referral: Referral, actor: Actor) -> bool:
    return RECEIVE in actor.scopes and referral.ended_at is None and referral.receiver_organisation == actor.organisation


def has_closed(referral: Referral, actor: Actor, now: datetime, lasting: timedelta) -> bool:
    """Whether the caller's organisation had accepted the referral that was closed less than `lasting` ago."""
    was_receiver = RECEIVE in actor.scopes and referral.receiver_organisation == actor.organisation
    is_recent = referral.ended_at is not None and now < referral.ended_at + lasting
    return was_receiver and is_recent and referral.outcome is not None


def require_referrer(referral: Referral, actor: Actor, command: type | None = None) -> None:
    """The referring organisation, or a call handler on its behalf; a clinician too may cancel. Raises OrganisationNotInvolved."""
    is_clinicians = command is commands.CancelReferral and is_triager(actor)
    if not (HANDLE in actor.scopes or is_clinicians or is_referrer(referral, actor)):
        raise OrganisationNotInvolved("Your organisation did not send this referral.")


def require_receiver(referral: Referral, actor: Actor, command: type) -> None:
    """The receiving organisation, or the Community Point of Access on its behalf, for instance after a telephone call.

    Raises OrganisationNotInvolved, AnsweredByService.
    """
    if not (is_triager(actor) or is_receiver(referral, actor)):
        raise OrganisationNotInvolved("Your organisation is not the receiver of this referral.")
    if is_internal_service(referral, actor, command):
        raise AnsweredByService(f"The service {referral.service_code} answers this referral.")


def require_permitted(referral: Referral, actor: Actor, command: type) -> None:
    """Raises OrganisationNotInvolved, AnsweredByService."""
    if command in _BY_REFERRER:
        require_referrer(referral, actor, command)
    elif command in _BY_RECEIVER:
        require_receiver(referral, actor, command)
    elif command in _BY_POINT_OF_ACCESS:
        _require_point_of_access(actor)
    elif not is_triager(actor):
        _require_point_of_access(actor)
        raise ClinicalDecision("A clinician of the Community Point of Access decides this.")


def _require_point_of_access(actor: Actor) -> None:
    if not is_point_of_access(actor):
        raise OrganisationNotInvolved("Only the Community Point of Access decides this.")


def may_settle(discrepancy: Discrepancy, actor: Actor) -> bool:
    return (TRIAGE if _IS_CLINICAL[discrepancy] else HANDLE) in actor.scopes


def require_settling(discrepancies: Collection[Discrepancy], actor: Actor) -> None:
    """The caller may settle one of these discrepancies. Raises ClinicalDecision, HandlingOnly."""
    if any(may_settle(each, actor) for each in discrepancies):
        return
    if any(_IS_CLINICAL[each] for each in discrepancies):
        raise ClinicalDecision("A clinician settles this discrepancy.")
    raise HandlingOnly("A call handler settles this discrepancy.")


def is_internal_service(referral: Referral, actor: Actor, command: type) -> bool:
    """Whether only the service's events may answer. The Community Point of Access may still take back what is unanswered.

    An accepted referral is taken back from Rapid Care by a recall, from the other services by a return once it is overdue.
    """
    if referral.route is None or not _ANSWERS_BY_EVENTS[referral.route] or effective_status(referral) not in AT_RECEIVER:
        return False
    is_unanswered = commands.AcceptReferral in available_transitions(referral)
    is_overdue = referral.overdue_since is not None and not IS_RECALLED[referral.route]
    may_take_back = command is commands.ReturnReferral and (is_unanswered or is_overdue) and is_triager(actor)
    return not may_take_back
