"""Routing of a referral to a receiver, and the receiver's acceptance or return. A returned referral is routed again.

Sources: the triage table of docs/rules.md, E5, E8, E9, E10, E11, G10, G13, G23, G54, AC4, AC11.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from services.referrals.commands import AcceptReferral, RecallReferral, ReturnReferral, RouteReferral, SignpostReferral
from services.referrals.domain import deadlines
from services.referrals.domain.directory import (
    OVERRIDABLE,
    Applicant,
    BelowMinimumAge,
    PracticeNotCovered,
    PracticeUnconfirmed,
    Service,
    age_on,
    eligibility_failures,
)
from services.referrals.domain.person import Person
from services.referrals.domain.policy import Policy
from services.referrals.domain.referral import IS_RECALLED, Occurrence, Referral, Status, permit
from services.referrals.domain.urgency import made_urgent
from shared.contracts.codes import IS_URGENT, Urgency
from shared.contracts.practices import UNKNOWN_PRACTICE, Practice
from shared.contracts.referral_codes import ReturnReason, Route
from shared.contracts.referrals import (
    ReferralAcceptanceCrossed,
    ReferralAccepted,
    ReferralRecalled,
    ReferralReturned,
    ReferralRouted,
    ReferralSignposted,
    ReferralUrgencyRaised,
)
from shared.kernel.decision import Decision
from shared.kernel.errors import RuleBroken
from shared.kernel.totality import total


class RouteNotAllowed(RuleBroken):
    """The service does not take a referral of this urgency by this route."""

    code = "route-not-allowed"
    advice = "Use the route of the service's directory entry; Rapid Care takes urgent referrals, navigation takes the others."


class NotComplex(RuleBroken):
    """The weekly meeting takes complex cases only (E9)."""

    code = "not-complex"
    advice = "Triage the referral as complex, or choose another service."


class SignpostNeedsAdvice(RuleBroken):
    """Only a referral triaged as advice, or a person served elsewhere, can be signposted."""

    code = "signpost-needs-advice"
    advice = "Route the referral to a service, or triage it as advice."


class EmergencyCall999(RuleBroken):
    """A life-threatening emergency goes to the ambulance service only (G23)."""

    code = "emergency-call-999"
    advice = "The caller must ring 999 now. Route to the ambulance service and close the referral after its confirmation."


class RecallNotPossible(RuleBroken):
    """Only a referral with Rapid Care is recalled."""

    code = "recall-not-possible"
    advice = "Take the referral back with a return; a service that has accepted it may be asked to return it."


class AlreadyContacted(RuleBroken):
    """Rapid Care has seen the person, and continues the care."""

    code = "already-contacted"
    advice = "Speak to the Rapid Care coordinator; the response page names the clinician."


#: Whether a receiver who returns the referral for this reason has seen a red flag.
_IS_RED_FLAG = total(
    ReturnReason,
    {
        ReturnReason.CAPACITY: False,
        ReturnReason.INELIGIBLE: False,
        ReturnReason.CLOSED_HOURS: False,
        ReturnReason.LIFE_THREATENING: True,
        ReturnReason.STANDARD_MEASURES_SUFFICE: False,
        ReturnReason.INSUFFICIENT_INFORMATION: False,
        ReturnReason.CONCERN: False,
        ReturnReason.NO_ACCESS: False,
        ReturnReason.CALL_UNANSWERED: False,
        ReturnReason.RECEIVER_WITHDREW: False,
        ReturnReason.OTHER_SERVICE_INVOLVED: False,
        ReturnReason.OTHER: False,
    },
)
#: Whether a referral that is returned for this reason is urgent from now on.
_MAKES_URGENT = total(
    ReturnReason,
    {
        ReturnReason.CAPACITY: False,
        ReturnReason.INELIGIBLE: False,
        ReturnReason.CLOSED_HOURS: False,
        ReturnReason.LIFE_THREATENING: True,
        ReturnReason.STANDARD_MEASURES_SUFFICE: False,
        ReturnReason.INSUFFICIENT_INFORMATION: False,
        ReturnReason.CONCERN: False,
        ReturnReason.NO_ACCESS: False,
        ReturnReason.CALL_UNANSWERED: True,
        ReturnReason.RECEIVER_WITHDREW: False,
        ReturnReason.OTHER_SERVICE_INVOLVED: False,
        ReturnReason.OTHER: False,
    },
)
#: Whether a referral that is returned for this reason has no receiver whose acceptance could still arrive.
_IS_FINAL = total(
    ReturnReason,
    {
        ReturnReason.CAPACITY: False,
        ReturnReason.INELIGIBLE: False,
        ReturnReason.CLOSED_HOURS: False,
        ReturnReason.LIFE_THREATENING: False,
        ReturnReason.STANDARD_MEASURES_SUFFICE: False,
        ReturnReason.INSUFFICIENT_INFORMATION: False,
        ReturnReason.CONCERN: True,
        ReturnReason.NO_ACCESS: True,
        ReturnReason.CALL_UNANSWERED: True,
        ReturnReason.RECEIVER_WITHDREW: True,
        ReturnReason.OTHER_SERVICE_INVOLVED: True,
        ReturnReason.OTHER: False,
    },
)
#: The routes that each urgency permits (docs/states/referrals.md). Advice needs no service, but a meeting or a navigator may follow.
_PERMITTED_ROUTES: Mapping[Urgency, frozenset[Route]] = total(
    Urgency,
    {
        Urgency.URGENT: frozenset({Route.RAPID_CARE, Route.SERVICE, Route.MDT}),
        Urgency.ROUTINE: frozenset({Route.SERVICE, Route.MDT, Route.NAVIGATION}),
        Urgency.ADVICE: frozenset({Route.MDT, Route.NAVIGATION}),
    },
)
#: Whether the route takes only referrals that are triaged as complex (E9).
_TAKES_COMPLEX_ONLY = total(Route, {Route.RAPID_CARE: False, Route.MDT: True, Route.NAVIGATION: False, Route.SERVICE: False})
#: Whether a referral of this urgency may be signposted to a service of the borough (AC11).
_IS_SIGNPOSTED = total(Urgency, {Urgency.URGENT: False, Urgency.ROUTINE: False, Urgency.ADVICE: True})


def route(
    referral: Referral,
    command: RouteReferral,
    *,
    service: Service,
    person: Person,
    practice: Practice | None,
    now: datetime,
    policy: Policy,
) -> Decision[Referral]:
    """Asks a receiver to accept the referral, with its original received time (G02) and the person's practice of today.

    Raises IllegalTransition, EmergencyCall999, RouteNotAllowed, NotComplex, PracticeUnconfirmed and the refusals of eligibility.
    """
    permit(referral, RouteReferral)
    _require_route(referral, command, service, policy)
    _require_receiver(service, person)
    is_overridden = _is_overridden(referral, command, service, _applicant(person, practice, now, policy))
    routed = _routed(referral, command, service, person, practice, is_overridden=is_overridden)
    acknowledge_by = deadlines.acknowledge_by(routed, service, now, policy)
    event = _event(routed, command, service, person, acknowledge_by, is_overridden=is_overridden)
    return deadlines.begin(routed, [event], acknowledge_by)


def signpost(
    referral: Referral,
    command: SignpostReferral,
    *,
    service: Service,
    person: Person,
    practice: Practice | None,
    now: datetime,
    policy: Policy,
) -> Decision[Referral]:
    """Signposts the person to a service of the directory (AC11); a later deadline asks whether it helped (T10).

    A referral triaged as more than advice is signposted only to a service elsewhere, for a person not entitled here (G13).
    Raises IllegalTransition, SignpostNeedsAdvice and the refusals of eligibility.
    """
    permit(referral, SignpostReferral)
    if not (_IS_SIGNPOSTED[referral.urgency] or service.is_elsewhere):
        raise SignpostNeedsAdvice(f"The referral is triaged as {referral.urgency}.")
    if service.is_elsewhere:
        for failure in eligibility_failures(service, _applicant(person, practice, now, policy)):
            raise failure
    signposted = replace(referral, status=Status.SIGNPOSTED, service_code=service.code, receiver_organisation=None, route=None)
    event = ReferralSignposted(service_code=command.service_code)
    return deadlines.begin(signposted, [event], deadlines.outcome_by(signposted, now, policy))


def require_routable(referral: Referral, *, is_practice_covered: bool) -> None:
    """Advice is routed to health services alone, which serve people registered here. Raises PracticeNotCovered."""
    if _IS_SIGNPOSTED[referral.urgency] and not is_practice_covered:
        raise PracticeNotCovered("The person is not registered with a practice of the borough.")


def require_signpostable(referral: Referral, *, is_entitled: bool) -> None:
    """More than advice is signposted elsewhere alone, for a person not entitled here. Raises SignpostNeedsAdvice."""
    if not _IS_SIGNPOSTED[referral.urgency] and is_entitled:
        raise SignpostNeedsAdvice(f"The referral is triaged as {referral.urgency}.")


def accept(
    referral: Referral,
    now: datetime,
    policy: Policy,
    trigger: type[AcceptReferral] | Occurrence = AcceptReferral,
    *,
    receiver: str | None = None,
) -> Decision[Referral]:
    """The receiver accepts and owns the referral, also one that was taken back before the acceptance arrived.

    One that had ended is open again, and the Community Point of Access decides about the crossing (`also_with`). `receiver` is the
    organisation of the service from which the referral had been taken.
    """
    permit(referral, trigger)
    accepted = replace(referral, status=Status.ACCEPTED, receiver_organisation=referral.receiver_organisation or receiver)
    if referral.ended_at is not None:
        accepted = replace(accepted, also_with=referral.service_code, ended_at=None, outcome=None, cancel_reason=None)
    event = ReferralAccepted(service_code=referral.service_code or "", accepted_at=now, onward_of=referral.onward_of)
    return deadlines.begin(accepted, [event], deadlines.outcome_by(accepted, now, policy))


def record_other_acceptance(referral: Referral, service_code: str, now: datetime) -> Decision[Referral]:
    """An earlier receiver accepted the referral after it had been routed elsewhere: the Community Point of Access must decide."""
    permit(referral, Occurrence.ACCEPTED_ELSEWHERE)
    return Decision(replace(referral, also_with=service_code), [ReferralAcceptanceCrossed(service_code=service_code, crossed_at=now)])


def return_referral(
    referral: Referral, command: ReturnReferral, now: datetime, policy: Policy, *, is_urgent: bool = False
) -> Decision[Referral]:
    """Returns the referral to the Community Point of Access, never to the referrer; reference and received time stay (AC4, E11).

    It becomes urgent at once when life is in danger, when an urgent call was not answered, or with `is_urgent`: the receiver sees
    a need for Rapid Care.
    """
    permit(referral, ReturnReferral)
    return to_triage(referral, command, now, policy, is_urgent=is_urgent)


def to_triage(referral: Referral, command: ReturnReferral, now: datetime, policy: Policy, *, is_urgent: bool = False) -> Decision[Referral]:
    """As `return_referral`, for a caller that has checked the state."""
    is_raised = (is_urgent or _MAKES_URGENT[command.reason]) and not IS_URGENT[referral.urgency]
    judged = made_urgent(referral, now) if is_raised else referral
    returned = replace(
        _taken_back(judged),
        return_reason=command.reason,
        suggestion=command.suggestion,
        has_red_flag=referral.has_red_flag or _IS_RED_FLAG[command.reason],
    )
    if _IS_FINAL[command.reason]:
        returned = replace(returned, route=None, service_code=None)
    raised = [ReferralUrgencyRaised(clock_starts_at=returned.clock_starts_at)] if is_raised else []
    event = ReferralReturned(service_code=referral.service_code or "", reason=command.reason, onward_of=referral.onward_of)
    return deadlines.begin(returned, [event, *raised], deadlines.triage_by(returned, now, policy))


def take_from_doubted(referral: Referral, now: datetime, policy: Policy) -> Decision[Referral]:
    """A triager doubts the practice that has the referral as the person's GP, accepted or not. The reason names no doubt."""
    permit(referral, Occurrence.RECEIVER_IN_DOUBT)
    return to_triage(referral, ReturnReferral(ReturnReason.OTHER), now, policy)


def recall(referral: Referral, *, is_contacted: bool, now: datetime, policy: Policy) -> Decision[Referral]:
    """Takes the referral back from Rapid Care, which has not seen the person. Its acceptance may still arrive, and then counts.

    Raises IllegalTransition, RecallNotPossible, AlreadyContacted.
    """
    permit(referral, RecallReferral)
    require_recallable(referral, is_contacted=is_contacted)
    recalled = replace(_taken_back(referral), return_reason=None, suggestion=None)
    event = ReferralRecalled(service_code=referral.service_code or "", routing=referral.routing, onward_of=referral.onward_of)
    return deadlines.begin(recalled, [event], deadlines.triage_by(recalled, now, policy))


def require_recallable(referral: Referral, *, is_contacted: bool) -> None:
    """Raises RecallNotPossible, AlreadyContacted."""
    if referral.route is None or not IS_RECALLED[referral.route]:
        raise RecallNotPossible("The referral is not with Rapid Care.")
    if is_contacted:
        raise AlreadyContacted("Rapid Care has seen the person.")


def _taken_back(referral: Referral) -> Referral:
    """The Community Point of Access has the referral again, and an unanswered call with it."""
    return deadlines.without_call(replace(referral, status=Status.RETURNED, receiver_organisation=None))


def _require_route(referral: Referral, command: RouteReferral, service: Service, policy: Policy) -> None:
    if referral.has_red_flag and service.code != policy.emergency_service:
        raise EmergencyCall999("The referral has a red flag and needs the ambulance service.")
    if command.route is not service.route or command.route not in _PERMITTED_ROUTES[referral.urgency]:
        raise RouteNotAllowed(f"{service.code} does not take a referral triaged as {referral.urgency} by the route {command.route}.")
    if _TAKES_COMPLEX_ONLY[command.route] and not referral.is_complex:
        raise NotComplex("The referral is not triaged as complex.")


def _require_receiver(service: Service, person: Person) -> None:
    """A receiver sees the story, so that the GP is no practice in doubt. Raises PracticeUnconfirmed."""
    if service.organisation is None and not person.is_practice_confirmed:
        raise PracticeUnconfirmed(f"Only the practice {person.practice_code} says that the person is registered with it.")


def _is_overridden(referral: Referral, command: RouteReferral, service: Service, applicant: Applicant) -> bool:
    """Whether the route needs a clinician's override. Raises the first failure that no reason may override."""
    failures = eligibility_failures(service, applicant)
    for failure in failures:
        may_override = isinstance(failure, BelowMinimumAge) or IS_URGENT[referral.urgency]
        if not (isinstance(failure, OVERRIDABLE) and may_override and command.override_reason):
            raise failure
    return bool(failures)


def _routed(
    referral: Referral, command: RouteReferral, service: Service, person: Person, practice: Practice | None, *, is_overridden: bool
) -> Referral:
    return replace(
        referral,
        status=Status.ROUTED,
        practice_code=practice.code if practice else person.practice_code,
        locality=practice.locality if practice else None,
        is_practice_covered=practice is not None,
        routing=referral.routing + 1,
        route=command.route,
        service_code=service.code,
        receiver_organisation=service.organisation or (practice.code if practice else person.practice_code),
        also_with=None,
        override_reason=command.override_reason if is_overridden else None,
        return_reason=None,
        suggestion=None,
        onward_obstacle=None,
    )


def _event(
    routed: Referral, command: RouteReferral, service: Service, person: Person, acknowledge_by: datetime, *, is_overridden: bool
) -> ReferralRouted:
    """Names no practice in doubt, whose GP would be the fallback lead and read the story."""
    return ReferralRouted(
        route=command.route,
        service_code=service.code,
        urgency=routed.urgency,
        source=routed.source,
        reason=routed.reason,
        condition=routed.condition,
        received_at=routed.received_at,
        clock_starts_at=routed.clock_starts_at,
        acknowledge_by=acknowledge_by,
        practice_code=routed.practice_code if person.is_practice_confirmed else UNKNOWN_PRACTICE,
        locality=routed.locality,
        is_eligibility_overridden=is_overridden,
        is_by_telephone=routed.is_by_telephone,
        routing=routed.routing,
        onward_of=routed.onward_of,
    )


def _applicant(person: Person, practice: Practice | None, now: datetime, policy: Policy) -> Applicant:
    """The person as recorded today, not as at the receipt of the referral."""
    return Applicant(
        age=age_on(person.born_on, policy.day_of(now)) if person.born_on else None,
        locality=practice.locality if practice else None,
        is_practice_covered=practice is not None,
        is_resident=person.residence == policy.residence,
    )
