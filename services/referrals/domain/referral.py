"""A referral: its states and deadlines. The other modules of the domain have its owners and the rules of its commands.

`received_at` and the reference never change; `clock_starts_at` changes at most once, when a referral becomes urgent (G02, G41).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from services.referrals.commands import (
    AcceptReferral,
    AmendReferral,
    AnswerCall,
    AnswerInformation,
    CancelReferral,
    CloseReferral,
    RaiseUrgency,
    RecallReferral,
    ReceiveReferral,
    ReopenReferral,
    RequestInformation,
    ResolveDiscrepancy,
    ReturnReferral,
    RouteReferral,
    SetCondition,
    SignpostReferral,
    TriageReferral,
)
from services.referrals.domain.life import LifeStatus
from shared.contracts.codes import IS_URGENT, Condition, Locality, Urgency
from shared.contracts.referral_codes import CancelReason, Discrepancy, Outcome, Reason, ReturnReason, Route, Source
from shared.contracts.referrals import (
    OnwardOf,
    ReferralAcceptanceCrossed,
    ReferralAccepted,
    ReferralAcknowledgementOverdue,
    ReferralAmended,
    ReferralCallAnswered,
    ReferralCallRepeated,
    ReferralCancelled,
    ReferralClosed,
    ReferralConditionSet,
    ReferralDiscrepancyFound,
    ReferralDiscrepancyResolved,
    ReferralIdentified,
    ReferralIdentityUnverified,
    ReferralInformationAnswered,
    ReferralInformationRequested,
    ReferralMerged,
    ReferralOutcomeOverdue,
    ReferralRecalled,
    ReferralReceived,
    ReferralReopened,
    ReferralReturned,
    ReferralRouted,
    ReferralSeparated,
    ReferralSignposted,
    ReferralTriaged,
    ReferralUrgencyRaised,
)
from shared.kernel.errors import NotFound
from shared.kernel.ids import PersonId
from shared.kernel.state_table import Transitions, Trigger, require_transition, state_table, transition
from shared.kernel.totality import total

POINT_OF_ACCESS = "community-point-of-access"  # owns everything that no receiver has accepted


class Status(StrEnum):
    IDENTIFIED = "identified"
    UNVERIFIED = "unverified"
    MERGED = "merged"
    TRIAGED_URGENT = "triaged-urgent"
    TRIAGED_ROUTINE = "triaged-routine"
    TRIAGED_ADVICE = "triaged-advice"
    ROUTED = "routed"
    ACCEPTED = "accepted"
    RETURNED = "returned"
    SIGNPOSTED = "signposted"
    INFORMATION_REQUESTED = "information-requested"
    CLOSED = "closed"
    CANCELLED = "cancelled"


class Occurrence(StrEnum):
    """An acceptance that crossed with a command of the Community Point of Access, a service that refers onward, or news of the person."""

    ACCEPTED_AFTER_ALL = "accepted-after-all"
    ACCEPTED_ELSEWHERE = "accepted-elsewhere"
    CALL_REPEATED = "call-repeated"
    REFERRAL_JOINED = "referral-joined"
    REFERRED_ONWARD = "referred-onward"
    PERSON_RESTORED = "person-restored"
    PERSON_SEPARATED = "person-separated"
    IDENTITY_FOLLOWED = "identity-followed"
    PRACTICE_IN_DOUBT = "practice-in-doubt"
    RECEIVER_IN_DOUBT = "receiver-in-doubt"
    FAULT_JOINED = "fault-joined"
    END_REPORTED = "end-reported"


class OnwardObstacle(StrEnum):
    """Why an onward referral lies at the Community Point of Access, and not with the service that was named."""

    SERVICE_ABSENT = "service-not-in-directory"
    RECORD_ABSENT = "person-without-record"
    PERSON_GONE = "person-recorded-as-gone"
    NOT_ELIGIBLE = "not-eligible"
    PRACTICE_IN_DOUBT = "practice-in-doubt"


class ReferralDeadline(StrEnum):
    """Deadlines of the owner of a referral: triage and route, acknowledgement, outcome.

    `call`: the receiver answers a repeated urgent call. `discrepancy`: staff resolve the faults. Both run beside the first three.
    """

    TRIAGE = "triage"
    ACKNOWLEDGEMENT = "acknowledgement"
    OUTCOME = "outcome"
    CALL = "call"
    DISCREPANCY = "discrepancy"


@dataclass(frozen=True, slots=True)
class Referral:
    """One request for help. `urgency` is the requested one until triage; `was_urgent` never becomes false.

    `asked_in` is the state in which information was requested, which stops no clock (G02). `routing` counts the routings: an answer names
    the routing that it belongs to. `also_with` is a service whose acceptance the Community Point of Access must decide on: the referral had
    been routed elsewhere, or had ended, before it arrived. `answer_by` is the deadline of an unanswered repeated call, and `informed_at`
    the time of the referrer's last information. `raised_at`: the referrer raised the urgency then, and no clinician or receiver has taken
    note of it yet. `onward_of` is the request of another service, which `onward_obstacle` kept from the named one. `ended_from` is the
    status before a death or a move ended the referral. `person_is_recorded_as` is the status of a person who was recorded as deceased or
    moved when the referral was received.
    """

    id: UUID
    person_id: PersonId
    correlation_id: UUID
    reference: str
    status: Status
    source: Source
    reason: Reason
    condition: Condition | None
    requested_urgency: Urgency
    urgency: Urgency
    referrer_organisation: str
    practice_code: str
    locality: Locality | None
    is_practice_covered: bool
    is_identified: bool
    received_at: datetime
    clock_starts_at: datetime
    was_urgent: bool
    due_at: datetime | None = None
    overdue_since: datetime | None = None
    triaged_at: datetime | None = None
    triaged_by: str | None = None
    triage_reason: str | None = None
    is_complex: bool = False
    has_red_flag: bool = False
    is_by_telephone: bool = False
    routing: int = 0
    route: Route | None = None
    service_code: str | None = None
    receiver_organisation: str | None = None
    also_with: str | None = None
    override_reason: str | None = None
    return_reason: ReturnReason | None = None
    suggestion: str | None = None
    asked_in: Status | None = None
    question: str | None = None
    informed_at: datetime | None = None
    raised_at: datetime | None = None
    call_repeated_at: datetime | None = None
    answer_by: datetime | None = None
    call_overdue_since: datetime | None = None
    discrepancies: tuple[Discrepancy, ...] = ()
    discrepancies_due_at: datetime | None = None
    discrepancy_reason: str | None = None
    merged_into: UUID | None = None
    outcome: Outcome | None = None
    cancel_reason: CancelReason | None = None
    ended_at: datetime | None = None
    ended_from: Status | None = None
    reopen_reason: str | None = None
    person_is_recorded_as: LifeStatus | None = None
    onward_of: OnwardOf | None = None
    onward_obstacle: OnwardObstacle | None = None
    version: int = 0


class ReferralNotFound(NotFound):
    """No referral has this id or this reference."""

    code = "referral-not-found"
    advice = "Check the id or the reference."


TRIAGED: Mapping[Urgency, Status] = total(
    Urgency,
    {
        Urgency.URGENT: Status.TRIAGED_URGENT,
        Urgency.ROUTINE: Status.TRIAGED_ROUTINE,
        Urgency.ADVICE: Status.TRIAGED_ADVICE,
    },
)
_ANY_TRIAGED = tuple(TRIAGED.values())
_WITH_QUESTION = Status.INFORMATION_REQUESTED
UNTRIAGED = (Status.IDENTIFIED, Status.UNVERIFIED, Status.RETURNED)
AT_POINT_OF_ACCESS = (*UNTRIAGED, *_ANY_TRIAGED, _WITH_QUESTION)
AT_RECEIVER = (Status.ROUTED, Status.ACCEPTED)
#: A service acts on the referral, or triage must choose one, so that another referral may merge into it.
MERGEABLE = (*AT_POINT_OF_ACCESS, *AT_RECEIVER)
OPEN = (*MERGEABLE, Status.SIGNPOSTED)
_WITHOUT_QUESTION = (*UNTRIAGED, *_ANY_TRIAGED, *AT_RECEIVER, Status.SIGNPOSTED)
ENDED = (Status.MERGED, Status.CLOSED, Status.CANCELLED)
total(Status, dict.fromkeys((*OPEN, *ENDED)))  # every status is open or an end
_TRIAGED_AS_URGENT = tuple(status for urgency, status in TRIAGED.items() if IS_URGENT[urgency])
_NOT_TRIAGED_AS_URGENT = tuple(status for status in OPEN if status not in _TRIAGED_AS_URGENT)

#: The state table: guards the commands, answers `GET .../actions`, and is printed (and tested) as docs/states/referrals.md.
REFERRAL: Transitions = state_table(
    {
        ReceiveReferral: transition(
            (),
            (Status.IDENTIFIED, Status.UNVERIFIED, Status.MERGED),
            ReferralReceived,
            ReferralIdentified,
            ReferralIdentityUnverified,
            ReferralMerged,
        ),
        TriageReferral: transition(AT_POINT_OF_ACCESS, _ANY_TRIAGED, ReferralTriaged, ReferralUrgencyRaised, ReferralConditionSet),
        RouteReferral: transition((*_ANY_TRIAGED, _WITH_QUESTION), Status.ROUTED, ReferralRouted),
        SignpostReferral: transition(
            (Status.TRIAGED_ADVICE, Status.TRIAGED_ROUTINE, _WITH_QUESTION), Status.SIGNPOSTED, ReferralSignposted
        ),
        RequestInformation: transition((*UNTRIAGED, *_ANY_TRIAGED, Status.ROUTED), _WITH_QUESTION, ReferralInformationRequested),
        AnswerInformation: transition(
            (*OPEN, Status.MERGED), (*_WITHOUT_QUESTION, Status.MERGED), ReferralInformationAnswered, ReferralDiscrepancyFound
        ),
        AmendReferral: transition(
            (*OPEN, Status.MERGED),
            (*OPEN, Status.MERGED),
            ReferralAmended,
            ReferralRecalled,
            ReferralUrgencyRaised,
            ReferralCallRepeated,
            ReferralDiscrepancyFound,
            ReferralSeparated,
        ),
        SetCondition: transition(OPEN, (), ReferralConditionSet, ReferralDiscrepancyResolved),
        ResolveDiscrepancy: transition((*OPEN, Status.CLOSED, Status.CANCELLED), (), ReferralDiscrepancyResolved),
        AcceptReferral: transition((Status.ROUTED, _WITH_QUESTION), Status.ACCEPTED, ReferralAccepted),
        ReturnReferral: transition(
            (*AT_RECEIVER, Status.SIGNPOSTED, _WITH_QUESTION), Status.RETURNED, ReferralReturned, ReferralUrgencyRaised
        ),
        RecallReferral: transition((*AT_RECEIVER, _WITH_QUESTION), Status.RETURNED, ReferralRecalled),
        AnswerCall: transition((*AT_RECEIVER, _WITH_QUESTION), (), ReferralCallAnswered),
        RaiseUrgency: transition(_NOT_TRIAGED_AS_URGENT, Status.TRIAGED_URGENT, ReferralRecalled, ReferralUrgencyRaised),
        CloseReferral: transition(
            (*AT_POINT_OF_ACCESS, Status.ACCEPTED, Status.SIGNPOSTED),
            (Status.CLOSED, Status.RETURNED),
            ReferralClosed,
            ReferralReturned,
            ReferralUrgencyRaised,
        ),
        CancelReferral: transition((*OPEN, Status.MERGED), Status.CANCELLED, ReferralCancelled),
        ReopenReferral: transition((Status.CLOSED, Status.CANCELLED), (*UNTRIAGED, Status.ACCEPTED), ReferralReopened),
        Occurrence.ACCEPTED_AFTER_ALL: transition(
            (Status.RETURNED, *_ANY_TRIAGED, _WITH_QUESTION, Status.CLOSED, Status.CANCELLED), Status.ACCEPTED, ReferralAccepted
        ),
        Occurrence.ACCEPTED_ELSEWHERE: transition(OPEN, (), ReferralAcceptanceCrossed),
        Occurrence.CALL_REPEATED: transition((*AT_RECEIVER, _WITH_QUESTION), (), ReferralCallRepeated),
        Occurrence.REFERRAL_JOINED: transition((*AT_RECEIVER, _WITH_QUESTION), (), ReferralAmended, ReferralDiscrepancyFound),
        Occurrence.REFERRED_ONWARD: transition(
            (),
            (Status.ROUTED, Status.IDENTIFIED, Status.UNVERIFIED),
            ReferralReceived,
            ReferralIdentified,
            ReferralIdentityUnverified,
            ReferralTriaged,
            ReferralRouted,
        ),
        Occurrence.PRACTICE_IN_DOUBT: transition(OPEN, (), ReferralDiscrepancyFound),
        Occurrence.RECEIVER_IN_DOUBT: transition((*AT_RECEIVER, _WITH_QUESTION), Status.RETURNED, ReferralReturned),
        Occurrence.FAULT_JOINED: transition(OPEN, (), ReferralDiscrepancyFound),
        Occurrence.END_REPORTED: transition(OPEN, (), ReferralDiscrepancyFound),
        Occurrence.IDENTITY_FOLLOWED: transition(OPEN, OPEN, ReferralIdentified, ReferralIdentityUnverified, ReferralDiscrepancyFound),
        Occurrence.PERSON_SEPARATED: transition(Status.MERGED, (Status.IDENTIFIED, Status.UNVERIFIED), ReferralSeparated),
        Occurrence.PERSON_RESTORED: transition((Status.CLOSED, Status.CANCELLED), _WITHOUT_QUESTION, ReferralReopened),
        ReferralDeadline.TRIAGE: transition(AT_POINT_OF_ACCESS, (), ReferralAcknowledgementOverdue),
        ReferralDeadline.ACKNOWLEDGEMENT: transition((Status.ROUTED, _WITH_QUESTION), (), ReferralAcknowledgementOverdue),
        ReferralDeadline.OUTCOME: transition((Status.ACCEPTED, Status.SIGNPOSTED), (), ReferralOutcomeOverdue),
        ReferralDeadline.CALL: transition((*AT_RECEIVER, _WITH_QUESTION), (), ReferralAcknowledgementOverdue),
        ReferralDeadline.DISCREPANCY: transition((*OPEN, Status.CLOSED, Status.CANCELLED), (), ReferralAcknowledgementOverdue),
    },
    Occurrence,
    ReferralDeadline,
)

#: Whether the Community Point of Access recalls an accepted referral: only Rapid Care ends its response then, until it reaches the person.
IS_RECALLED: Mapping[Route, bool] = total(Route, {Route.RAPID_CARE: True, Route.MDT: False, Route.NAVIGATION: False, Route.SERVICE: False})
#: None for an ended referral. A referral with an open question has the deadline of the state in which it was asked.
_CURRENT_DEADLINE: Mapping[Status, ReferralDeadline | None] = total(
    Status,
    {
        Status.IDENTIFIED: ReferralDeadline.TRIAGE,
        Status.UNVERIFIED: ReferralDeadline.TRIAGE,
        Status.RETURNED: ReferralDeadline.TRIAGE,
        Status.TRIAGED_URGENT: ReferralDeadline.TRIAGE,
        Status.TRIAGED_ROUTINE: ReferralDeadline.TRIAGE,
        Status.TRIAGED_ADVICE: ReferralDeadline.TRIAGE,
        Status.ROUTED: ReferralDeadline.ACKNOWLEDGEMENT,
        Status.ACCEPTED: ReferralDeadline.OUTCOME,
        Status.SIGNPOSTED: ReferralDeadline.OUTCOME,
        Status.INFORMATION_REQUESTED: None,
        Status.MERGED: None,
        Status.CLOSED: None,
        Status.CANCELLED: None,
    },
)


def effective_status(referral: Referral) -> Status:
    """The status without regard to an open question."""
    return referral.asked_in or referral.status


def permit(referral: Referral, trigger: Trigger) -> None:
    """Raises IllegalTransition. An open question permits every command that was permitted before it."""
    require_transition(referral.status, trigger, REFERRAL)
    if referral.asked_in is not None and trigger is not AnswerInformation:
        require_transition(referral.asked_in, trigger, REFERRAL)


def available_transitions(referral: Referral) -> Transitions:
    """The part of the state table that this referral permits now."""
    here = {trigger: row for trigger, row in REFERRAL.items() if referral.status in row.sources}
    for trigger in _without_object(referral):
        here.pop(trigger, None)
    if referral.asked_in is None:
        return here
    return {trigger: row for trigger, row in here.items() if trigger is AnswerInformation or referral.asked_in in row.sources}


def _without_object(referral: Referral) -> frozenset[Trigger]:
    """The triggers that the status permits, although this referral has nothing that they could change."""
    absent: list[tuple[Trigger, bool]] = [
        (RaiseUrgency, IS_URGENT[referral.urgency]),
        (RecallReferral, referral.route is None or not IS_RECALLED[referral.route]),
        (Occurrence.ACCEPTED_AFTER_ALL, referral.route is None or has_ended_for_good(referral)),
        (Occurrence.PERSON_RESTORED, referral.ended_from is None),
        (AnswerCall, referral.answer_by is None),
        (ReferralDeadline.CALL, referral.answer_by is None),
        (ResolveDiscrepancy, not has_faults(referral)),
        (ReferralDeadline.DISCREPANCY, not has_faults(referral)),
        (Occurrence.PRACTICE_IN_DOUBT, {Discrepancy.PRACTICE_UNKNOWN, Discrepancy.PRACTICE_UNCONFIRMED} <= set(referral.discrepancies)),
    ]
    return frozenset(trigger for trigger, is_absent in absent if is_absent)


def owner(referral: Referral) -> str | None:
    """The owner's service code: the receiver once it has accepted, else the Community Point of Access; None when nothing is owed."""
    code = referral.service_code if referral.status is Status.ACCEPTED else POINT_OF_ACCESS
    return None if referral.status in ENDED and not has_faults(referral) else code


def current_deadline(referral: Referral) -> ReferralDeadline | None:
    """The kind of deadline at `due_at`; None for an ended referral."""
    return _CURRENT_DEADLINE[effective_status(referral)]


def pending_deadlines(referral: Referral) -> Mapping[ReferralDeadline, datetime]:
    """All deadlines of the referral: the current one, that of a repeated call, and that of discrepancies."""
    due = (
        (current_deadline(referral), referral.due_at),
        (ReferralDeadline.CALL, referral.answer_by),
        (ReferralDeadline.DISCREPANCY, referral.discrepancies_due_at),
    )
    return {kind: instant for kind, instant in due if kind is not None and instant is not None}


def has_ended_for_good(referral: Referral) -> bool:
    """Whether the referral ended with its receiver, or because the person died or moved away: no acceptance opens it again."""
    return referral.ended_from is not None or (referral.status is Status.CLOSED and referral.receiver_organisation is not None)


def has_faults(referral: Referral) -> bool:
    """Whether faults are to be resolved: of an ended referral only the reports of a death or a move that outlast it."""
    return bool(referral.discrepancies) and (referral.ended_at is None or referral.discrepancies_due_at is not None)


def is_with_receiver(referral: Referral) -> bool:
    """Whether a receiver was asked to accept the referral, or has accepted it."""
    return effective_status(referral) in AT_RECEIVER
