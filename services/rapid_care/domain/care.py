"""From the first contact to the outcome: assessment, package, step-down, closure, and confirmation of an avoided admission.

Sources: T4, G21, G22, G44; closure codes 001:12735-12738.
"""

from dataclasses import replace
from datetime import datetime
from typing import assert_never

from services.rapid_care.commands import AgreePackage, CloseResponse, RecordAssessment, StepDownResponse
from services.rapid_care.domain.clock import unreported_breach
from services.rapid_care.domain.duties import advance, ended
from services.rapid_care.domain.policy import Policy
from services.rapid_care.domain.response import (
    RESPONSE,
    NeedsInvalid,
    OutcomeInconsistent,
    Response,
    ResponseDeadline,
    Status,
    SubsequentlyAdmitted,
    is_unseen,
    require_permitted,
)
from shared.contracts.rapid_care import (
    ContactMode,
    Need,
    OverdueStep,
    ResponseAssessed,
    ResponseAvoidanceConfirmed,
    ResponseClosed,
    ResponseEscalated,
    ResponseOutcome,
    ResponsePackageAgreed,
    ResponseSteppedDown,
)
from shared.kernel.date_limits import require_within
from shared.kernel.decision import Deadline, Decision, Fact
from shared.kernel.state_table import require_transition
from shared.kernel.totality import total

#: The status in which a response ends with each outcome.
_STATUS_AFTER = total(
    ResponseOutcome,
    {
        ResponseOutcome.ADMISSION_AVOIDED: Status.CLOSED,
        ResponseOutcome.ADMITTED: Status.ESCALATED,
        ResponseOutcome.NOT_ACUTE: Status.CLOSED,
        ResponseOutcome.INAPPROPRIATE: Status.CLOSED,
        ResponseOutcome.OTHER_SERVICE_INVOLVED: Status.CLOSED,
        ResponseOutcome.DIED_IN_PREFERRED_PLACE: Status.CLOSED,
        ResponseOutcome.DIED_ELSEWHERE: Status.CLOSED,
        ResponseOutcome.DECLINED_BY_PERSON: Status.CLOSED,
        ResponseOutcome.NO_ACCESS: Status.CLOSED,
    },
)
#: Whether the outcome counts as an avoided admission (G21).
_IS_ADMISSION_AVOIDED = total(
    ResponseOutcome,
    {
        ResponseOutcome.ADMISSION_AVOIDED: True,
        ResponseOutcome.ADMITTED: False,
        ResponseOutcome.NOT_ACUTE: False,
        ResponseOutcome.INAPPROPRIATE: False,
        ResponseOutcome.OTHER_SERVICE_INVOLVED: False,
        ResponseOutcome.DIED_IN_PREFERRED_PLACE: False,
        ResponseOutcome.DIED_ELSEWHERE: False,
        ResponseOutcome.DECLINED_BY_PERSON: False,
        ResponseOutcome.NO_ACCESS: False,
    },
)
AVOIDED = tuple(outcome for outcome, is_avoided in _IS_ADMISSION_AVOIDED.items() if is_avoided)


def assess(response: Response, command: RecordAssessment, policy: Policy, now: datetime) -> Decision[Response]:
    """Health and social needs of a person who was seen, assessed together; a side without a need is `none`.

    Raises IllegalTransition, NeedsInvalid.
    """
    require_permitted(response, RecordAssessment)
    for name, needs in (("health", command.health_needs), ("social", command.social_needs)):
        if not needs or (Need.NONE in needs and len(needs) > 1):
            raise NeedsInvalid(f"The {name} needs are missing or contradictory.", f"{name}_needs")
    assessed = replace(response, status=Status.ASSESSED, health_needs=command.health_needs, social_needs=command.social_needs)
    event = ResponseAssessed(health_needs=command.health_needs, social_needs=command.social_needs)
    return _continued(response, Decision(assessed, [event]), policy, now)


def agree_package(response: Response, command: AgreePackage, policy: Policy, now: datetime) -> Decision[Response]:
    """Care at home; a later package replaces the earlier one. The package may begin after Rapid Care closes: night sitting (T4).

    Raises IllegalTransition, DateOutOfLimits.
    """
    require_transition(response.status, AgreePackage, RESPONSE)
    for number, item in enumerate(command.items):
        require_within(f"items.{number}.starts_at", item.starts_at, response.received_at, now + policy.package_starts_within)
    agreed = replace(response, status=Status.PACKAGE_AGREED, package=command.items)
    return _continued(response, Decision(agreed, [ResponsePackageAgreed(items=command.items)]), policy, now)


def service_codes(command: AgreePackage) -> dict[str, str]:
    """The codes of the directory that the package names, by field."""
    return {f"items.{number}.service_code": item.service_code for number, item in enumerate(command.items)}


def step_down(response: Response, command: StepDownResponse, policy: Policy, now: datetime) -> Decision[Response]:
    """The crisis is over; another service continues the care."""
    require_transition(response.status, StepDownResponse, RESPONSE)
    event = ResponseSteppedDown(referral_id=response.referral_id, destination=command.destination, locality=response.locality)
    stepped_down = replace(response, status=Status.STEPPED_DOWN, stepped_down_to=command.destination)
    return _continued(response, Decision(stepped_down, [event]), policy, now)


def close(response: Response, command: CloseResponse, policy: Policy, now: datetime) -> Decision[Response]:
    """Ends the response with a stated outcome. Only an avoided admission has a benefit (G21), which is confirmed later (G22).

    `no-access` leaves the person unseen, as `inappropriate` and `other-service-involved` may: the Community Point of Access has the
    referral again. No source names a number of attempts.

    Raises IllegalTransition, OutcomeInconsistent.
    """
    require_transition(response.status, CloseResponse, RESPONSE)
    _require_fitting(response, command.outcome)
    is_avoided = _IS_ADMISSION_AVOIDED[command.outcome]
    judged, breach = unreported_breach(response, now)
    closed = replace(
        ended(judged, _STATUS_AFTER[command.outcome], now),
        outcome=command.outcome,
        benefit_pounds=policy.pounds_per_avoided_admission if is_avoided else 0,
    )
    events: list[Fact] = [
        *breach,
        *([ResponseEscalated(referral_id=closed.referral_id, routing=closed.routing)] if closed.status is Status.ESCALATED else []),
        _closed(closed, is_seen=not is_unseen(response)),
    ]
    confirmation = [Deadline(ResponseDeadline.AVOIDANCE, now + policy.avoidance_confirmed_after)] if is_avoided else []
    return Decision(closed, events, confirmation, cancels=list(ResponseDeadline))


def confirm_avoidance(response: Response, *, is_admitted_since: bool, now: datetime) -> Decision[Response]:
    """Confirms an avoided admission two weeks later, if no response of Rapid Care ended in an admission since (G22).

    Raises IllegalTransition, SubsequentlyAdmitted.
    """
    require_transition(response.status, ResponseDeadline.AVOIDANCE, RESPONSE)
    if is_admitted_since:
        raise SubsequentlyAdmitted("The person was admitted after the response was closed.")
    event = ResponseAvoidanceConfirmed(referral_id=response.referral_id, benefit_pounds=response.benefit_pounds)
    return Decision(replace(response, avoidance_confirmed_at=now), [event])


def _continued(response: Response, decision: Decision[Response], policy: Policy, now: datetime) -> Decision[Response]:
    """A step of care was taken; the next one is awaited."""
    return advance(response, decision, policy, now, takes=OverdueStep.CARE)


def _require_fitting(response: Response, outcome: ResponseOutcome) -> None:
    """Raises OutcomeInconsistent."""
    match outcome:
        case ResponseOutcome.ADMISSION_AVOIDED | ResponseOutcome.NOT_ACUTE:
            if is_unseen(response):
                raise OutcomeInconsistent(f"The outcome {outcome} requires that the person was seen.")
        case ResponseOutcome.NO_ACCESS:
            if response.contact_mode is not ContactMode.NO_ACCESS or not is_unseen(response):
                raise OutcomeInconsistent("The response has no visit without access.")
        case (
            ResponseOutcome.ADMITTED
            | ResponseOutcome.INAPPROPRIATE
            | ResponseOutcome.OTHER_SERVICE_INVOLVED
            | ResponseOutcome.DIED_IN_PREFERRED_PLACE
            | ResponseOutcome.DIED_ELSEWHERE
            | ResponseOutcome.DECLINED_BY_PERSON
        ):
            pass
        case _:
            assert_never(outcome)


def _closed(response: Response, *, is_seen: bool) -> ResponseClosed:
    assert response.outcome is not None  # noqa: S101  set by the caller
    return ResponseClosed(
        referral_id=response.referral_id,
        outcome=response.outcome,
        is_admission_avoided=_IS_ADMISSION_AVOIDED[response.outcome],
        benefit_pounds=response.benefit_pounds,
        routing=response.routing,
        is_seen=is_seen,
    )
