"""A response: the duty to reach one person by an instant. This module has its states, its state table and its refusals.

States: docs/states/rapid_care.md. The clock is in `clock`, assignment in `dispatch`, care after the contact in `care`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from services.rapid_care.commands import (
    AcceptResponse,
    AgreePackage,
    AssignClinician,
    CloseResponse,
    DeclineResponse,
    Depart,
    RecordAssessment,
    RecordFirstContact,
    StepDownResponse,
)
from shared.contracts.codes import Condition, Locality, StepDown
from shared.contracts.rapid_care import (
    ContactMode,
    DeclineReason,
    Need,
    PackageItem,
    ResponseAccepted,
    ResponseAssessed,
    ResponseAssigned,
    ResponseAtRisk,
    ResponseAvoidanceConfirmed,
    ResponseBreachCleared,
    ResponseBreached,
    ResponseCancelled,
    ResponseClosed,
    ResponseContacted,
    ResponseDeclined,
    ResponseEnRoute,
    ResponseEscalated,
    ResponseOutcome,
    ResponsePackageAgreed,
    ResponseRequested,
    ResponseSteppedDown,
)
from shared.contracts.referrals import ReferralCancelled, ReferralReturned, ReferralRouted
from shared.kernel.errors import NotFound, RuleBroken
from shared.kernel.ids import PersonId
from shared.kernel.state_table import Transitions, state_table, transition
from shared.kernel.totality import total


class Status(StrEnum):
    HELD = "held-until-opening"
    REQUESTED = "requested"
    ACCEPTED = "accepted"
    ASSIGNED = "assigned"
    EN_ROUTE = "en-route"
    CONTACTED = "contacted"
    ASSESSED = "assessed"
    PACKAGE_AGREED = "package-agreed"
    STEPPED_DOWN = "stepped-down"
    ESCALATED = "escalated"
    DECLINED = "declined"
    CANCELLED = "cancelled"
    CLOSED = "closed"


class Occurrence(StrEnum):
    """The person died or moved away, which ends a response in every state (G39); or an accepted referral is routed here again."""

    PERSON_GONE = "person-gone"
    ROUTED_AGAIN = "routed-again"


class ResponseDeadline(StrEnum):
    """Deadlines of a response."""

    OPENING = "opening"
    AT_RISK = "at-risk"
    BREACH = "breach"
    AVOIDANCE = "avoidance-confirmation"


@dataclass(frozen=True, slots=True)
class Response:
    """The duty to reach one person by `due_at`, which nothing moves.

    A referral that was returned and routed again has another response on the same clock. `routing` is the number of the
    referral's routing that it answers. `is_by_telephone`: triage chose a telephone assessment (G05).

    `breached_at` is the first instant after `due_at` without a contact; a contact in time that was recorded late clears
    it (G53).
    """

    id: UUID
    person_id: PersonId
    referral_id: UUID
    correlation_id: UUID
    status: Status
    condition: Condition
    locality: Locality
    received_at: datetime
    clock_starts_at: datetime
    due_at: datetime
    crosses_close: bool = False
    was_held: bool = False
    is_by_telephone: bool = False
    routing: int = 1
    clinician_id: str | None = None
    contacted_at: datetime | None = None
    contact_mode: ContactMode | None = None
    contact_recorded_at: datetime | None = None
    breached_at: datetime | None = None
    health_needs: tuple[Need, ...] = ()
    social_needs: tuple[Need, ...] = ()
    package: tuple[PackageItem, ...] = ()
    stepped_down_to: StepDown | None = None
    outcome: ResponseOutcome | None = None
    benefit_pounds: int = 0
    decline_reason: DeclineReason | None = None
    cancel_reason: str | None = None
    ended_at: datetime | None = None
    avoidance_confirmed_at: datetime | None = None
    version: int = 0


class ResponseNotFound(NotFound):
    """No response has this id."""

    code = "response-not-found"


class ContactInFuture(RuleBroken):
    """The stated time of contact lies in the future."""

    code = "contact-in-future"
    advice = "State the time at which the person was reached."


class ContactBeforeReceipt(RuleBroken):
    """The stated time of contact lies before the receipt of the referral."""

    code = "contact-before-receipt"
    advice = "State a time of contact after the receipt of the referral."


class TelephoneNotAuthorised(RuleBroken):
    """A telephone contact stops the clock only where triage chose a telephone assessment (G05)."""

    code = "telephone-not-authorised"
    advice = "Visit the person and record a face-to-face contact."


class NeedsInvalid(RuleBroken):
    """The health or social needs are missing or contradict each other."""

    code = "needs-invalid"
    advice = "State health needs and social needs; state `none` alone where there is no need."


class OutcomeInconsistent(RuleBroken):
    """The outcome contradicts whether the person was seen (G44)."""

    code = "outcome-inconsistent"
    advice = "State an avoided admission or `not-acute` only after contact, and `no-access` only without it."


class SubsequentlyAdmitted(RuleBroken):
    """An admission within two weeks prevents the confirmation of an avoided one (G22)."""

    code = "subsequently-admitted"
    advice = "Leave the avoided admission unconfirmed: the person was admitted later."


class Phase(StrEnum):
    """A response is held until opening, waits for the first contact, is in care, or has ended."""

    HELD = "held"
    WAITING = "waiting"
    IN_CARE = "in-care"
    ENDED = "ended"


PHASE: Mapping[Status, Phase] = total(
    Status,
    {
        Status.HELD: Phase.HELD,
        Status.REQUESTED: Phase.WAITING,
        Status.ACCEPTED: Phase.WAITING,
        Status.ASSIGNED: Phase.WAITING,
        Status.EN_ROUTE: Phase.WAITING,
        Status.CONTACTED: Phase.IN_CARE,
        Status.ASSESSED: Phase.IN_CARE,
        Status.PACKAGE_AGREED: Phase.IN_CARE,
        Status.STEPPED_DOWN: Phase.IN_CARE,
        Status.ESCALATED: Phase.ENDED,
        Status.DECLINED: Phase.ENDED,
        Status.CANCELLED: Phase.ENDED,
        Status.CLOSED: Phase.ENDED,
    },
)


_IS_ENDED = total(Phase, {Phase.HELD: False, Phase.WAITING: False, Phase.IN_CARE: False, Phase.ENDED: True})


def _in_phase(*phases: Phase) -> tuple[Status, ...]:
    return tuple(status for status, phase in PHASE.items() if phase in phases)


#: The clock runs and no clinician has reached the person.
WAITING = _in_phase(Phase.WAITING)
#: A clinician has reached the person, who is in the care of Rapid Care.
IN_CARE = _in_phase(Phase.IN_CARE)
UNFINISHED = tuple(status for status, phase in PHASE.items() if not _IS_ENDED[phase])
ENDED = _in_phase(Phase.ENDED)
_ACCEPTED = (Status.ACCEPTED, Status.ASSIGNED, Status.EN_ROUTE)

#: The state table: guards the commands, answers `GET .../actions`, and is printed (and tested) as docs/states/rapid_care.md.
#: A trigger that is text is a deadline, an occurrence, or the type of an event of another context.
RESPONSE: Transitions = state_table(
    {
        AcceptResponse: transition((Status.HELD, Status.REQUESTED), Status.ACCEPTED, ResponseAccepted),
        DeclineResponse: transition((Status.HELD, Status.REQUESTED, Status.ACCEPTED), Status.DECLINED, ResponseDeclined, ResponseBreached),
        AssignClinician: transition(_ACCEPTED, Status.ASSIGNED, ResponseAssigned),
        Depart: transition(Status.ASSIGNED, Status.EN_ROUTE, ResponseEnRoute),
        RecordFirstContact: transition(
            (Status.ASSIGNED, Status.EN_ROUTE), Status.CONTACTED, ResponseContacted, ResponseBreached, ResponseBreachCleared
        ),
        RecordAssessment: transition(Status.CONTACTED, Status.ASSESSED, ResponseAssessed),
        AgreePackage: transition((Status.ASSESSED, Status.PACKAGE_AGREED), Status.PACKAGE_AGREED, ResponsePackageAgreed),
        StepDownResponse: transition((Status.ASSESSED, Status.PACKAGE_AGREED), Status.STEPPED_DOWN, ResponseSteppedDown),
        CloseResponse: transition(
            (*_ACCEPTED, *IN_CARE), (Status.CLOSED, Status.ESCALATED), ResponseClosed, ResponseEscalated, ResponseBreached
        ),
        ResponseDeadline.OPENING: transition(Status.HELD, Status.REQUESTED, ResponseRequested),
        ResponseDeadline.AT_RISK: transition(WAITING, (), ResponseAtRisk),
        ResponseDeadline.BREACH: transition(WAITING, (), ResponseBreached),
        ResponseDeadline.AVOIDANCE: transition(Status.CLOSED, (), ResponseAvoidanceConfirmed),
        Occurrence.PERSON_GONE: transition(UNFINISHED, Status.CANCELLED, ResponseCancelled, ResponseBreached),
        ReferralCancelled.TYPE: transition((Status.HELD, Status.REQUESTED), Status.CANCELLED, ResponseCancelled, ResponseBreached),
        ReferralReturned.TYPE: transition((Status.HELD, Status.REQUESTED), Status.CANCELLED, ResponseCancelled, ResponseBreached),
        ReferralRouted.TYPE: transition((Status.HELD, Status.REQUESTED), Status.CANCELLED, ResponseCancelled, ResponseBreached),
        Occurrence.ROUTED_AGAIN: transition((*_ACCEPTED, *IN_CARE), (), ResponseAccepted),
    },
    ResponseDeadline,
    Occurrence,
)
