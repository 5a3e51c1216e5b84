"""From the door to the outcome: assessment, package, step-down, closure, and the admission that did not come.

Sources: T4, G21, G22, G44; closure codes 001:12735-12738.
"""

from dataclasses import replace
from datetime import datetime

from services.rapid_care.commands import AgreePackage, CloseResponse, RecordAssessment, StepDownResponse
from services.rapid_care.domain.clock import unreported_breach
from services.rapid_care.domain.policy import Policy
from services.rapid_care.domain.response import (
    RESPONSE,
    NeedsInvalid,
    OutcomeInconsistent,
    Response,
    ResponseDeadline,
    Status,
    SubsequentlyAdmitted,
)
from shared.contracts.rapid_care import (
    ContactMode,
    Need,
    ResponseAssessed,
    ResponseAvoidanceConfirmed,
    ResponseClosed,
    ResponseEscalated,
    ResponseOutcome,
    ResponsePackageAgreed,
    ResponseSteppedDown,
)
from shared.kernel.decision import Deadline, Decision, Fact
from shared.kernel.state_table import require_transition

#: Judgements that only somebody who saw the person can make.
_NEEDS_SIGHT = frozenset({ResponseOutcome.ADMISSION_AVOIDED, ResponseOutcome.NOT_ACUTE})


def assess(response: Response, command: RecordAssessment) -> Decision[Response]:
    """Health and social need, assessed together: each side is stated, if only as `none`. Raises IllegalTransition, NeedsInvalid."""
    require_transition(response.status, RecordAssessment, RESPONSE)
    for side, needs in (("health", command.health_needs), ("social", command.social_needs)):
        if not needs or (Need.NONE in needs and len(needs) > 1):
            raise NeedsInvalid(f"The {side} needs are missing or contradictory.")
    assessed = replace(response, status=Status.ASSESSED, health_needs=command.health_needs, social_needs=command.social_needs)
    return Decision(assessed, [ResponseAssessed(health_needs=command.health_needs, social_needs=command.social_needs)])


def agree_package(response: Response, command: AgreePackage) -> Decision[Response]:
    """Care at home; agreed again it replaces what was agreed before. It may begin after Rapid Care closes: night sitting (T4)."""
    require_transition(response.status, AgreePackage, RESPONSE)
    agreed = replace(response, status=Status.PACKAGE_AGREED, package=command.items)
    return Decision(agreed, [ResponsePackageAgreed(items=command.items)])


def step_down(response: Response, command: StepDownResponse) -> Decision[Response]:
    """The crisis is over; somebody else carries on."""
    require_transition(response.status, StepDownResponse, RESPONSE)
    event = ResponseSteppedDown(destination=command.destination, locality=response.locality)
    return Decision(replace(response, status=Status.STEPPED_DOWN, stepped_down_to=command.destination), [event])


def close(response: Response, command: CloseResponse, policy: Policy, now: datetime) -> Decision[Response]:
    """It ends with a stated outcome; only an avoided admission has a benefit (G21), which is looked at again later (G22).

    Raises IllegalTransition, OutcomeInconsistent.
    """
    require_transition(response.status, CloseResponse, RESPONSE)
    _require_fitting(response, command.outcome)
    is_avoided = command.outcome is ResponseOutcome.ADMISSION_AVOIDED
    is_admitted = command.outcome is ResponseOutcome.ADMITTED
    judged, breach = unreported_breach(response, now)
    closed = replace(
        judged,
        status=Status.ESCALATED if is_admitted else Status.CLOSED,
        outcome=command.outcome,
        benefit_pounds=policy.pounds_per_avoided_admission if is_avoided else 0,
        ended_at=now,
    )
    events: list[Fact] = [
        *breach,
        *([ResponseEscalated(referral_id=closed.referral_id, routing=closed.routing)] if is_admitted else []),
        _closed(closed),
    ]
    confirmation = [Deadline(ResponseDeadline.AVOIDANCE, now + policy.avoidance_confirmed_after)] if is_avoided else []
    return Decision(closed, events, confirmation, cancels=list(ResponseDeadline))


def confirm_avoidance(response: Response, *, is_admitted_since: bool, now: datetime) -> Decision[Response]:
    """Two weeks on, no admission was seen here: what the clinician stated is confirmed (G22), as far as Rapid Care can see.

    Raises IllegalTransition, SubsequentlyAdmitted.
    """
    require_transition(response.status, ResponseDeadline.AVOIDANCE, RESPONSE)
    if is_admitted_since:
        raise SubsequentlyAdmitted("The person was admitted after the response was closed.")
    event = ResponseAvoidanceConfirmed(referral_id=response.referral_id, benefit_pounds=response.benefit_pounds)
    return Decision(replace(response, avoidance_confirmed_at=now), [event])


def _require_fitting(response: Response, outcome: ResponseOutcome) -> None:
    """Raises OutcomeInconsistent. Whoever was assessed was seen, also when the first visit found a closed door."""
    at_closed_door = response.contact_mode is ContactMode.NO_ACCESS and not response.health_needs
    is_seen = response.contacted_at is not None and not at_closed_door
    if outcome in _NEEDS_SIGHT and not is_seen:
        raise OutcomeInconsistent(f"The outcome {outcome} requires that the person was seen.")
    if outcome is ResponseOutcome.NO_ACCESS and not at_closed_door:
        raise OutcomeInconsistent("The response has no visit without access.")


def _closed(response: Response) -> ResponseClosed:
    assert response.outcome is not None  # noqa: S101  set by the caller
    return ResponseClosed(
        referral_id=response.referral_id,
        outcome=response.outcome,
        is_admission_avoided=response.outcome is ResponseOutcome.ADMISSION_AVOIDED,
        benefit_pounds=response.benefit_pounds,
        routing=response.routing,
    )
