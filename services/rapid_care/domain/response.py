"""A response: the duty to reach one person by an instant. This module has its states, its state table and its refusals.

States: docs/states/rapid_care.md. The clock is in `clock`, assignment in `dispatch`, care after the contact in `care`. The owner of a
response and the step that it awaits, with its deadline, are in `duties`: every unfinished state has an owner, a live deadline and a
command that leads on. A death or a move is in `person_change`, a second urgent call in `second_call`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from services.rapid_care.commands import (
    AcceptResponse,
    AgreePackage,
    AnswerCall,
    AssignClinician,
    CloseResponse,
    DeclineResponse,
    Depart,
    HandBackResponse,
    RecordAssessment,
    RecordFirstContact,
    StepDownResponse,
)
from services.rapid_care.domain.access import has_scope
from shared.contracts.codes import Condition, Locality, StepDown
from shared.contracts.rapid_care import (
    ContactMode,
    DeclineReason,
    Need,
    OverdueStep,
    PackageItem,
    ResponseAccepted,
    ResponseAssessed,
    ResponseAssigned,
    ResponseAtRisk,
    ResponseAvoidanceConfirmed,
    ResponseBreachCleared,
    ResponseBreached,
    ResponseCallAnswered,
    ResponseCallRepeated,
    ResponseCancelled,
    ResponseClosed,
    ResponseConditionSet,
    ResponseContacted,
    ResponseDeclined,
    ResponseEnRoute,
    ResponseEscalated,
    ResponseOutcome,
    ResponseOverdue,
    ResponsePackageAgreed,
    ResponseRequested,
    ResponseRestored,
    ResponseSteppedDown,
    ResponseUnassigned,
)
from shared.contracts.referrals import (
    ReferralCallRepeated,
    ReferralCancelled,
    ReferralConditionSet,
    ReferralRecalled,
    ReferralReturned,
    ReferralRouted,
)
from shared.kernel.actor import Actor
from shared.kernel.errors import IllegalTransition, InvalidField, NotFound, RuleBroken
from shared.kernel.ids import PersonId
from shared.kernel.state_table import Transitions, allowed_commands, require_transition, state_table, transition
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
    """What happens to a response without a command, a deadline or an event of its referral alone.

    A death or a move of the person ends a response in every state (G39); when it was a mistake, the response is restored. A clinician goes
    off duty. An accepted referral is routed here again, and the acceptance is published again.
    """

    PERSON_GONE = "person-gone"
    PERSON_RESTORED = "person-restored"
    CLINICIAN_OFF_DUTY = "clinician-off-duty"
    ROUTED_AGAIN = "routed-again"


class ResponseDeadline(StrEnum):
    """Deadlines of a response. Those of an overdue step are repeated until the step is taken."""

    OPENING = "opening"
    AT_RISK = "at-risk"
    BREACH = "breach"
    ASSIGNMENT = "assignment"
    CONTACT = "contact-chase"
    NEXT_ATTEMPT = "next-attempt"
    CALL = "call"
    CARE = "care-step"
    AVOIDANCE = "avoidance-confirmation"


@dataclass(frozen=True, slots=True)
class Response:
    """The duty to reach one person by `due_at`, which nothing moves.

    A referral that was returned and routed again has another response on the same clock. `routing` is the number of the
    referral's routing that it answers. `is_by_telephone`: triage chose a telephone assessment (G05).

    `breached_at` is the first instant after `due_at` without a contact; a contact in time that was recorded late clears
    it (G53). `at_risk_since` is the first warning of the clock.

    `contacted_at` and `first_contact_mode` are those of the visit that stopped the clock, also without access (G44), and also within an
    earlier response on the same clock; `visited_at` is the latest visit, `contact_mode` that of the latest visit of this response.

    `overdue_step` is the step that became overdue first, at `overdue_since`, and has not been taken. A second urgent call is unanswered
    while it has an `answer_by`; `call_condition` is its condition when it differs from that of the response.

    A death or a move, recorded at `person_gone_at`, ended the response in the state `ended_from`; both serve to restore it.
    """

    id: UUID
    person_id: PersonId
    referral_id: UUID
    correlation_id: UUID
    status: Status
    condition: Condition
    locality: Locality | None
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
    first_contact_mode: ContactMode | None = None
    visited_at: datetime | None = None
    at_risk_since: datetime | None = None
    breached_at: datetime | None = None
    overdue_step: OverdueStep | None = None
    overdue_since: datetime | None = None
    call_repeated_at: datetime | None = None
    call_condition: Condition | None = None
    answer_by: datetime | None = None
    merged_referral_ids: tuple[UUID, ...] = ()
    health_needs: tuple[Need, ...] = ()
    social_needs: tuple[Need, ...] = ()
    package: tuple[PackageItem, ...] = ()
    stepped_down_to: StepDown | None = None
    outcome: ResponseOutcome | None = None
    benefit_pounds: int = 0
    decline_reason: DeclineReason | None = None
    cancel_reason: str | None = None
    ended_from: Status | None = None
    person_gone_at: datetime | None = None
    ended_at: datetime | None = None
    avoidance_confirmed_at: datetime | None = None
    version: int = 0


class ResponseNotFound(NotFound):
    """No response has this id."""

    code = "response-not-found"


class ContactInFuture(InvalidField):
    """The stated time of contact lies in the future."""

    code = "contact-in-future"
    advice = "State the time at which the person was reached."
    field = "contacted_at"


class ContactBeforeReceipt(InvalidField):
    """The stated time of contact lies before the receipt of the referral, or before an earlier visit."""

    code = "contact-before-receipt"
    advice = "State a time of contact after the receipt of the referral and after each earlier visit."
    field = "contacted_at"


class TelephoneNotAuthorised(RuleBroken):
    """A telephone contact stops the clock only where triage chose a telephone assessment (G05)."""

    code = "telephone-not-authorised"
    advice = "Visit the person and record a face-to-face contact."


class ResponseTakenBack(RuleBroken):
    """The response ended while its clinician was on the way, and the visit without access, or a later response, leaves it ended."""

    code = "response-taken-back"
    advice = "Ring the Community Point of Access, which has the referral; or have the later response assigned, and record the visit there."


class NeedsInvalid(InvalidField):
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
_SENT = (Status.ASSIGNED, Status.EN_ROUTE)
#: The referral is with the Community Point of Access again, also while a clinician is on the way.
_TAKEN_BACK = (Status.DECLINED, Status.CANCELLED)
#: The reason to cancel a response that the Community Point of Access recalled.
RECALLED = "recalled"

#: The state table: guards the commands, answers `GET .../actions`, and is printed (and tested) as docs/states/rapid_care.md.
#: A trigger that is text is a deadline, an occurrence, or the type of an event of another context.
RESPONSE: Transitions = state_table(
    {
        AcceptResponse: transition((Status.HELD, Status.REQUESTED), Status.ACCEPTED, ResponseAccepted),
        DeclineResponse: transition((Status.HELD, *WAITING, Status.CONTACTED), Status.DECLINED, ResponseDeclined, ResponseBreached),
        AssignClinician: transition((*_ACCEPTED, *IN_CARE), (Status.ASSIGNED, *IN_CARE), ResponseAssigned),
        HandBackResponse: transition((*_SENT, *IN_CARE), (Status.ACCEPTED, *IN_CARE), ResponseUnassigned),
        Depart: transition(Status.ASSIGNED, Status.EN_ROUTE, ResponseEnRoute),
        RecordFirstContact: transition(
            (*_SENT, Status.CONTACTED, *_TAKEN_BACK), Status.CONTACTED, ResponseContacted, ResponseBreached, ResponseBreachCleared
        ),
        RecordAssessment: transition(Status.CONTACTED, Status.ASSESSED, ResponseAssessed),
        AgreePackage: transition((Status.ASSESSED, Status.PACKAGE_AGREED), Status.PACKAGE_AGREED, ResponsePackageAgreed),
        StepDownResponse: transition((Status.ASSESSED, Status.PACKAGE_AGREED), Status.STEPPED_DOWN, ResponseSteppedDown),
        CloseResponse: transition(
            (*_ACCEPTED, *IN_CARE), (Status.CLOSED, Status.ESCALATED), ResponseClosed, ResponseEscalated, ResponseBreached
        ),
        AnswerCall: transition(UNFINISHED, (), ResponseCallAnswered),
        ResponseDeadline.OPENING: transition(Status.HELD, Status.REQUESTED, ResponseRequested),
        ResponseDeadline.AT_RISK: transition(WAITING, (), ResponseAtRisk),
        ResponseDeadline.BREACH: transition(WAITING, (), ResponseBreached),
        ResponseDeadline.ASSIGNMENT: transition((Status.ACCEPTED, *IN_CARE), (), ResponseOverdue),
        ResponseDeadline.CONTACT: transition(WAITING, (), ResponseOverdue),
        ResponseDeadline.NEXT_ATTEMPT: transition((*WAITING, Status.CONTACTED), (), ResponseOverdue),
        ResponseDeadline.CALL: transition(UNFINISHED, (), ResponseOverdue),
        ResponseDeadline.CARE: transition(IN_CARE, (), ResponseOverdue),
        ResponseDeadline.AVOIDANCE: transition(Status.CLOSED, (), ResponseAvoidanceConfirmed),
        Occurrence.PERSON_GONE: transition(UNFINISHED, Status.CANCELLED, ResponseCancelled, ResponseBreached),
        Occurrence.PERSON_RESTORED: transition(Status.CANCELLED, UNFINISHED, ResponseRestored, ResponseBreached),
        Occurrence.CLINICIAN_OFF_DUTY: transition((*_SENT, *IN_CARE), (Status.ACCEPTED, *IN_CARE), ResponseUnassigned),
        ReferralCancelled.TYPE: transition((Status.HELD, Status.REQUESTED), Status.CANCELLED, ResponseCancelled, ResponseBreached),
        ReferralReturned.TYPE: transition((Status.HELD, Status.REQUESTED), Status.CANCELLED, ResponseCancelled, ResponseBreached),
        ReferralRouted.TYPE: transition((Status.HELD, Status.REQUESTED), Status.CANCELLED, ResponseCancelled, ResponseBreached),
        ReferralRecalled.TYPE: transition(UNFINISHED, (Status.CANCELLED, *IN_CARE), ResponseCancelled, ResponseBreached, ResponseAccepted),
        ReferralCallRepeated.TYPE: transition(UNFINISHED, (), ResponseCallRepeated),
        ReferralConditionSet.TYPE: transition(UNFINISHED, (), ResponseConditionSet),
        Occurrence.ROUTED_AGAIN: transition((*_ACCEPTED, *IN_CARE), (), ResponseAccepted),
    },
    ResponseDeadline,
    Occurrence,
)


def is_unseen(response: Response) -> bool:
    """Whether no clinician has seen the person for this response: before a visit, and after visits without access alone."""
    is_behind_door = response.status is Status.CONTACTED and response.contact_mode is ContactMode.NO_ACCESS
    return is_behind_door or response.status not in IN_CARE


def _may_be_visited(response: Response) -> bool:
    """A clinician who was sent before a recall or a decline may have seen the person: that contact counts."""
    is_recalled = response.status is Status.CANCELLED and response.cancel_reason == RECALLED
    was_sent = (is_recalled or response.status is Status.DECLINED) and response.clinician_id is not None
    return is_unseen(response) and (response.status not in ENDED or was_sent)


#: What a command needs in addition to a state of its row.
_CONDITIONS: Mapping[type, Callable[[Response], bool]] = {
    DeclineResponse: is_unseen,
    HandBackResponse: lambda response: response.clinician_id is not None,
    RecordFirstContact: _may_be_visited,
    RecordAssessment: lambda response: not is_unseen(response),
    AnswerCall: lambda response: response.answer_by is not None,
}


def require_permitted(response: Response, command: type) -> None:
    """Raises IllegalTransition, also when a state permits the command and the response in it does not."""
    require_transition(response.status, command, RESPONSE)
    if not _meets_condition(response, command):
        raise IllegalTransition(command.__name__, response.status)


def offered(response: Response, actor: Actor) -> list[type]:
    """The commands that the response permits to this member of staff: `GET .../actions` offers exactly these."""
    return [command for command in permitted_commands(response) if has_scope(actor, command)]


def permitted_commands(response: Response) -> list[type]:
    """The commands that the response permits to some member of staff."""
    return [command for command in allowed_commands(response.status, RESPONSE) if _meets_condition(response, command)]


def _meets_condition(response: Response, command: type) -> bool:
    return command not in _CONDITIONS or _CONDITIONS[command](response)
