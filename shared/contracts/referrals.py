"""Events of the Community Point of Access: a referral from receipt to closure, and (restricted) the person's record."""

from uuid import UUID

from shared.contracts.codes import Condition, Locality, Urgency
from shared.contracts.event import Code, Event, Instant, Value
from shared.contracts.referral_codes import (
    AmendedPart,
    AskingService,
    Discrepancy,
    OnwardRequest,
    Outcome,
    Reason,
    ReopenReason,
    ReturnReason,
    Route,
    Source,
)


class OnwardOf(Value):
    """The origin of an onward referral: the response or the case of the asking service, and the decision about it.

    `reference` is that of the referral that began the chain; absent for a person whom case finding alone knows.
    """

    service: AskingService
    subject_id: UUID
    request: OnwardRequest
    reference: Code | None = None


class ReferralReceived(Event):
    """A referral was acknowledged with a reference. It has an owner until it is closed.

    `onward_of` is present when a service asked another service to continue the care, in this event and in those of its answer.
    """

    TYPE = "referrals.referral.received.v1"
    TOPIC = "referrals.referral"
    PUBLIC = True

    reference: Code
    source: Source
    referrer_organisation: Code
    reason: Reason
    requested_urgency: Urgency
    received_at: Instant
    practice_code: Code
    locality: Locality | None
    is_story_known: bool
    discrepancies: tuple[Discrepancy, ...] = ()
    onward_of: OnwardOf | None = None


class ReferralIdentified(Event):
    """The person has a valid NHS number."""

    TYPE = "referrals.referral.identified.v1"
    TOPIC = "referrals.referral"
    PUBLIC = True


class ReferralIdentityUnverified(Event):
    """An urgent referral was received without a valid NHS number. Tracing follows; care does not wait for it (G11)."""

    TYPE = "referrals.referral.identity-unverified.v1"
    TOPIC = "referrals.referral"
    PUBLIC = True


class ReferralMerged(Event):
    """A second referral for the same person and reason within the merge window was merged into an open one; both references stay valid."""

    TYPE = "referrals.referral.merged.v1"
    TOPIC = "referrals.referral"
    PUBLIC = True

    into_referral_id: UUID


class ReferralTriaged(Event):
    """A clinician decided the urgency of the referral. `has_red_flag`: life is in danger (G23)."""

    TYPE = "referrals.referral.triaged.v1"
    TOPIC = "referrals.referral"
    PUBLIC = True

    outcome: Urgency
    is_complex: bool
    triaged_at: Instant
    has_red_flag: bool = False


class ReferralRouted(Event):
    """The Community Point of Access asked a receiver to accept the referral. The original received time is kept (G02).

    `practice_code` is unknown for a practice that alone says that the person is registered with it.
    `routing` counts the routings of the referral; an answer repeats the number of the routing that it answers.
    `is_by_telephone`: triage chose to assess the person by telephone (G05).
    """

    TYPE = "referrals.referral.routed.v1"
    TOPIC = "referrals.referral"

    route: Route
    service_code: Code
    urgency: Urgency
    source: Source
    reason: Reason
    condition: Condition | None
    received_at: Instant
    clock_starts_at: Instant
    acknowledge_by: Instant
    practice_code: Code
    locality: Locality | None
    is_eligibility_overridden: bool
    is_by_telephone: bool = False
    routing: int = 1
    onward_of: OnwardOf | None = None


class ReferralAccepted(Event):
    """The receiver accepted the referral."""

    TYPE = "referrals.referral.accepted.v1"
    TOPIC = "referrals.referral"
    PUBLIC = True

    service_code: Code
    accepted_at: Instant
    onward_of: OnwardOf | None = None


class ReferralAcceptanceCrossed(Event):
    """An earlier receiver accepted the referral after it had been routed elsewhere; the Community Point of Access decides."""

    TYPE = "referrals.referral.acceptance-crossed.v1"
    TOPIC = "referrals.referral"
    PUBLIC = True

    service_code: Code
    crossed_at: Instant


class ReferralReturned(Event):
    """The receiver returned the referral, or it was taken back unanswered. It is triaged again under the same reference."""

    TYPE = "referrals.referral.returned.v1"
    TOPIC = "referrals.referral"
    PUBLIC = True

    service_code: Code
    reason: ReturnReason
    onward_of: OnwardOf | None = None


class ReferralRecalled(Event):
    """The Community Point of Access takes the referral back from a receiver that has not yet seen the person."""

    TYPE = "referrals.referral.recalled.v1"
    TOPIC = "referrals.referral"

    service_code: Code
    routing: int
    onward_of: OnwardOf | None = None
    sent_as: UUID | None = None


class ReferralCallRepeated(Event):
    """A second urgent call about the person was merged into a referral that a receiver already has. The receiver answers it by `answer_by`.

    `condition` is the condition that the second call names; its text is in the person's record. `merged_referral_id` is the referral of
    the caller: the one that was merged, or the same one when its own referrer raised the urgency.
    """

    TYPE = "referrals.referral.call-repeated.v1"
    TOPIC = "referrals.referral"

    merged_referral_id: UUID
    condition: Condition | None
    called_at: Instant
    answer_by: Instant
    routing: int


class ReferralCallAnswered(Event):
    """The receiver has taken note of the repeated urgent call."""

    TYPE = "referrals.referral.call-answered.v1"
    TOPIC = "referrals.referral"
    PUBLIC = True

    answered_at: Instant


class ReferralDiscrepancyFound(Event):
    """An open referral has a fault since its receipt: the person's practice is unknown, or its receiver lacks words sent since.

    `sent_as`, here and in other events: the referral with which a referrer sent what caused this; absent when staff or the product did.
    """

    TYPE = "referrals.referral.discrepancy-found.v1"
    TOPIC = "referrals.referral"
    PUBLIC = True

    discrepancies: tuple[Discrepancy, ...]
    resolve_by: Instant
    sent_as: UUID | None = None


class ReferralDiscrepancyResolved(Event):
    """The Community Point of Access resolved a fault of a referral, or a correction of the record or of the practices ended it."""

    TYPE = "referrals.referral.discrepancy-resolved.v1"
    TOPIC = "referrals.referral"
    PUBLIC = True

    discrepancies: tuple[Discrepancy, ...]
    resolved_at: Instant
    sent_as: UUID | None = None


class ReferralConditionSet(Event):
    """The condition of the referral is known, or was corrected."""

    TYPE = "referrals.referral.condition-set.v1"
    TOPIC = "referrals.referral"
    PUBLIC = True

    condition: Condition
    sent_as: UUID | None = None


class ReferralSignposted(Event):
    """The person was signposted to a service of the directory that meets the need."""

    TYPE = "referrals.referral.signposted.v1"
    TOPIC = "referrals.referral"
    PUBLIC = True

    service_code: Code


class ReferralInformationRequested(Event):
    """The referrer was asked for information; no clock stops."""

    TYPE = "referrals.referral.information-requested.v1"
    TOPIC = "referrals.referral"
    PUBLIC = True

    asked_at: Instant


class ReferralInformationAnswered(Event):
    """The referrer gave information, requested or not; the text is in the person's record."""

    TYPE = "referrals.referral.information-answered.v1"
    TOPIC = "referrals.referral"
    PUBLIC = True

    answered_at: Instant


class ReferralAmended(Event):
    """A referrer amended what it sent; the text and the telephone are in the person's record.

    `sent_as` is the referral that the referrer sent: the amended one, or one that was merged into it.
    """

    TYPE = "referrals.referral.amended.v1"
    TOPIC = "referrals.referral"
    PUBLIC = True

    amended_at: Instant
    sent_as: UUID
    parts: tuple[AmendedPart, ...]


class ReferralUrgencyRaised(Event):
    """A less urgent referral became urgent. A new clock starts, unless the referral was urgent before (G02, G41)."""

    TYPE = "referrals.referral.urgency-raised.v1"
    TOPIC = "referrals.referral"
    PUBLIC = True

    clock_starts_at: Instant
    sent_as: UUID | None = None


class ReferralAcknowledgementOverdue(Event):
    """The receiver, or triage, has not answered in time; the Community Point of Access is alerted.

    `discrepancies`: the faults that the Community Point of Access has not resolved in time, when it is these that are due.
    `is_call`: it is a repeated urgent call that the receiver has not answered.
    """

    TYPE = "referrals.referral.acknowledgement-overdue.v1"
    TOPIC = "referrals.referral"
    PUBLIC = True

    service_code: Code
    acknowledge_by: Instant
    discrepancies: tuple[Discrepancy, ...] = ()
    is_call: bool = False


class ReferralOutcomeOverdue(Event):
    """A referral was accepted or signposted, and its outcome is overdue; the Community Point of Access asks for it."""

    TYPE = "referrals.referral.outcome-overdue.v1"
    TOPIC = "referrals.referral"
    PUBLIC = True

    service_code: Code
    outcome_by: Instant


class ReferralClosed(Event):
    """The referral ended with an outcome, which the referrer sees."""

    TYPE = "referrals.referral.closed.v1"
    TOPIC = "referrals.referral"
    PUBLIC = True

    outcome: Outcome
    closed_at: Instant
    onward_of: OnwardOf | None = None


class ReferralCancelled(Event):
    """The referrer withdrew the referral, or the person died or moved away."""

    TYPE = "referrals.referral.cancelled.v1"
    TOPIC = "referrals.referral"

    reason: Code
    onward_of: OnwardOf | None = None


class ReferralSeparated(Event):
    """The referral had joined another one, and is open again, alone.

    That one is about another person, whose record was merged by mistake; or it stays with its receiver while this one became urgent.
    """

    TYPE = "referrals.referral.separated.v1"
    TOPIC = "referrals.referral"
    PUBLIC = True

    from_referral_id: UUID
    separated_at: Instant


class ReferralReopened(Event):
    """The referral had ended by mistake, or the person has returned. Its owner has it again.

    `person-restored`: it had ended with a recorded death or move. `ended-in-error`: it was closed or cancelled by mistake; the Community
    Point of Access triages it again unless an outside service continues, so that no other service restores what it had ended.
    `person-returned`: it had ended with a true death or move on record, and the Community Point of Access triages it again.
    """

    TYPE = "referrals.referral.reopened.v1"
    TOPIC = "referrals.referral"
    PUBLIC = True

    reopened_at: Instant
    reason: ReopenReason = ReopenReason.PERSON_RESTORED
    onward_of: OnwardOf | None = None
