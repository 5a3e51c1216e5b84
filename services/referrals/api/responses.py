"""Views of a referral. Lists have codes and instants; clinicians' words are only in the audited view of one referral."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from services.referrals.domain import Policy
from services.referrals.domain.deadlines import promised_by
from services.referrals.domain.directory import Need, Serves, Service
from services.referrals.domain.life import LifeStatus
from services.referrals.domain.receipt import clock_starts_at, emergency_alternative, opening
from services.referrals.domain.referral import (
    POINT_OF_ACCESS,
    OnwardObstacle,
    Referral,
    ReferralDeadline,
    Status,
    current_deadline,
    is_with_receiver,
    owner,
)
from services.referrals.domain.referrer_view import joined_as_seen, seen
from services.referrals.handlers.receive import Acknowledgement
from services.referrals.queries.amendments import SentAmendment
from services.referrals.queries.feedback import Line
from services.referrals.queries.people import Contact
from services.referrals.queries.referrals import ReceiverProgress
from shared.contracts.codes import IS_URGENT, Condition, Locality, Urgency
from shared.contracts.persons import Story
from shared.contracts.rapid_care import OverdueStep
from shared.contracts.referral_codes import CancelReason, Discrepancy, Outcome, Reason, ReturnReason, Route, Source
from shared.contracts.referrals import OnwardOf
from shared.web.problems import Problem
from shared.web.responses import LocalTime, NameView, ResponseModel, VersionedResponse


class OwnerView(ResponseModel):
    """The service that must act."""

    service_code: str
    organisation: str


class ContactView(ResponseModel):
    """The one responsible professional. `is_gp_by_default`: no other lead was agreed.

    `is_family_kept_informed` is absent to a referrer without a further relationship.
    """

    professional_id: str
    role: str
    organisation: str
    telephone: str
    is_gp_by_default: bool
    since: datetime | None
    is_family_kept_informed: bool | None


class ResponsibleView(ResponseModel):
    """The one answer to "who is responsible now?".

    `contact` is the professional who answers for the person's care as a whole: the accountable lead, else the GP. `owner` is the service
    that must act next on the referral; a person's page names that of the most urgent open referral, and none without one. To a referrer
    without a further relationship it is that of what its own organisation sent.
    """

    contact: ContactView
    owner: OwnerView | None


class DeadlineView(ResponseModel):
    """The owner's deadline. `overdue_since` stays until the owner has acted."""

    kind: ReferralDeadline
    due_at: datetime
    overdue_since: datetime | None


class ReferralView(VersionedResponse):
    """An open referral always has an owner and a deadline. `emergency_alternative` is the service for a person who cannot wait.

    `opens_at`: the opening for which an urgent referral of closed hours waits; its clock starts then. `receiver_*`: Rapid Care's
    progress; `receiver_due_at` is the time by which a clinician reaches the person. `answer_by`: the receiver's answer to a second
    urgent call, which was repeated at `call_repeated_at`. `informed_at`: the referrer's last information is in the person's record.
    `raised_at`: the referrer raised the urgency; the owner reviews it by `answer_by` or the deadline, whichever there is.
    `discrepancies`: faults of an urgent referral, which the Community Point of Access resolves by `discrepancies_due_at`.

    `also_with` is a service that accepted the referral after it had been routed elsewhere or had ended. `person_is_recorded_as`: the
    referral contradicts a recorded death or move.

    `onward_of` is the response or the case of the service that asked for it, with the reference of the referral that began the chain.
    `onward_obstacle` is why the service that was asked for, `suggestion`, could not be asked.
    """

    id: UUID
    reference: str
    status: Status
    person_id: UUID
    is_identified: bool
    source: Source
    reason: Reason
    condition: Condition | None
    requested_urgency: Urgency
    urgency: Urgency
    is_complex: bool
    has_red_flag: bool
    referrer_organisation: str
    practice_code: str
    is_practice_covered: bool
    is_by_telephone: bool
    locality: Locality | None
    received_at: datetime
    clock_starts_at: datetime
    opens_at: datetime | None
    owner: OwnerView | None
    deadline: DeadlineView | None
    route: Route | None
    service_code: str | None
    also_with: str | None
    receiver_due_at: datetime | None
    receiver_at_risk_since: datetime | None
    receiver_breached_at: datetime | None
    receiver_contacted_at: datetime | None
    receiver_overdue_step: OverdueStep | None
    call_repeated_at: datetime | None
    answer_by: datetime | None
    call_overdue_since: datetime | None
    informed_at: datetime | None
    raised_at: datetime | None
    discrepancies: tuple[Discrepancy, ...]
    discrepancies_due_at: datetime | None
    return_reason: ReturnReason | None
    suggestion: str | None
    emergency_alternative: str | None
    merged_into: UUID | None
    person_is_recorded_as: LifeStatus | None
    onward_of: OnwardOf | None
    onward_obstacle: OnwardObstacle | None
    outcome: Outcome | None
    cancel_reason: CancelReason | None
    ended_at: datetime | None

    @classmethod
    def of(cls, referral: Referral, policy: Policy, now: datetime, progress: ReceiverProgress | None = None) -> "ReferralView":
        return cls(**referral_fields(referral, policy, now, progress=progress))


class NamedReferralView(ReferralView):
    """A referral of a list of work, with the person's name.

    An onward referral of a person whom case finding alone knows has no name.
    """

    person: NameView | None


class FeedbackLine(ResponseModel):
    at: datetime
    code: str
    text: str


class JoinedView(ResponseModel):
    """Another referral of the same person for the same reason.

    Status and outcome are absent to the referrer of one that joined the referral of another organisation: the feedback says how it goes on.
    """

    id: UUID
    reference: str
    status: Status | None
    outcome: Outcome | None

    @classmethod
    def of(cls, referral: Referral, *, is_shown: bool) -> "JoinedView":
        return cls.model_validate(referral) if is_shown else cls(id=referral.id, reference=referral.reference, status=None, outcome=None)


class AmendmentView(ResponseModel):
    """An amendment as its referrer sent it; `referral_id` is the referral that it was sent for, also a merged one."""

    referral_id: UUID
    amended_at: datetime
    information: str | None
    telephone: str | None
    is_urgent: bool


class OnwardView(JoinedView):
    """A referral by which a service asked another one, `service_code`, to continue the care."""

    onward_of: OnwardOf | None
    service_code: str | None


class ServiceView(ResponseModel):
    """An entry of the directory, valid from `valid_from` to the day before `valid_until`.

    Without an `organisation` the service is the practice where the person is registered.
    """

    code: str
    name: str
    organisation: str | None
    route: Route
    tier: int
    needs: tuple[Need, ...]
    telephone: str
    serves: Serves
    minimum_age: int | None
    localities: tuple[Locality, ...]
    opens: LocalTime | None
    closes: LocalTime | None
    valid_from: date
    valid_until: date | None


class AdvisedReferralView(ReferralView):
    """`alternative_service` is the directory's entry of `emergency_alternative`: the service to call for a person who cannot wait."""

    alternative_service: ServiceView | None

    @classmethod
    def advising(
        cls, referral: Referral, *, alternative: Service | None, policy: Policy, now: datetime, progress: ReceiverProgress | None
    ) -> "AdvisedReferralView":
        return cls(**referral_fields(referral, policy, now, progress=progress), alternative_service=_service(alternative))


#: The reasons that staff write for each other.
_NOTES = ("triage_reason", "override_reason", "discrepancy_reason", "reopen_reason")


class FollowedReferralView(AdvisedReferralView):
    """One referral with its feedback in words, the referrals that were merged, and the person's responsible professional.

    `amendments` are those that the caller's organisation sent for it; the Community Point of Access sees those of merged referrals too.
    `onward` are the referrals of the same chain by which services asked other services to continue. The reasons of staff are notes for
    those who act for the person: a referrer has the feedback, and the question that it answers.
    """

    responsible: ResponsibleView
    triaged_at: datetime | None
    triaged_by: str | None
    triage_reason: str | None
    override_reason: str | None
    question: str | None
    discrepancy_reason: str | None
    reopen_reason: str | None
    feedback: list[FeedbackLine]
    amendments: list[AmendmentView]
    continued_as: JoinedView | None
    joined_by: list[JoinedView]
    onward: list[OnwardView]

    @classmethod
    def following(
        cls,
        referral: Referral,
        *,
        lines: Sequence[Line],
        amendments: Sequence[SentAmendment],
        target: Referral | None,
        joined: Sequence[Referral],
        onward: Sequence[Referral],
        contact: Contact,
        alternative: Service | None,
        progress: ReceiverProgress | None,
        has_notes: bool,
        is_joined_shown: bool,
        policy: Policy,
        now: datetime,
    ) -> "FollowedReferralView":
        return cls(
            **referral_fields(referral, policy, now, joins=target, progress=progress),
            **{name: getattr(referral, name) for name in ("triaged_at", "triaged_by", "question")},
            **{name: getattr(referral, name) if has_notes else None for name in _NOTES},
            alternative_service=_service(alternative),
            responsible=ResponsibleView(
                contact=ContactView.model_validate(contact), owner=owner_of(target or referral, policy) if is_joined_shown else None
            ),
            feedback=[FeedbackLine.model_validate(line) for line in lines],
            amendments=[AmendmentView.model_validate(each) for each in amendments],
            continued_as=None if target is None else JoinedView.of(target, is_shown=is_joined_shown),
            joined_by=[JoinedView.model_validate(each) for each in joined],
            onward=[OnwardView.model_validate(each) for each in onward],
        )


class ReceivedView(AdvisedReferralView):
    """The acknowledgement. A known person's story is returned for confirmation (AC1) to those who may see it.

    The person's practice and the Community Point of Access may, as far as the person shares it (G12). It is also absent when the referral
    names the person otherwise than the record.
    """

    is_story_known: bool
    story: Story | None

    @classmethod
    def acknowledging(cls, received: Acknowledgement, *, alternative: Service | None, policy: Policy, now: datetime) -> "ReceivedView":
        own, joins = received.referral, received.joins
        if received.hidden:
            own, joins = seen(own, received.hidden), joins and joined_as_seen(joins, own)
        return cls(
            **referral_fields(own, policy, now, joins=joins),
            is_story_known=received.is_story_known,
            story=received.story,
            alternative_service=_service(alternative),
        )


class BatchItemView(ResponseModel):
    """One referral of a batch: its HTTP status, and its acknowledgement or its problem."""

    status: int
    referral: ReceivedView | None = None
    problem: Problem | None = None


class BatchView(ResponseModel):
    items: tuple[BatchItemView, ...]


def referral_fields(
    referral: Referral, policy: Policy, now: datetime, *, joins: Referral | None = None, progress: ReceiverProgress | None = None
) -> dict[str, Any]:
    """`joins` is the referral that a merged one continues as; `progress` is that of Rapid Care."""
    acting = joins or referral
    computed = {
        "owner": owner_of(referral, policy),
        "deadline": _deadline(referral),
        "emergency_alternative": emergency_alternative(acting, now, policy),
        "clock_starts_at": clock_starts_at(acting, policy),
        "opens_at": _opens_at(acting, now, policy),
        **_receiver_fields(progress if is_with_receiver(acting) else None),
        "answer_by": promised_by(acting),
        **{name: getattr(acting, name) for name in ("call_repeated_at", "call_overdue_since")},
    }
    return {name: getattr(referral, name) for name in ReferralView.model_fields if name not in computed} | computed


def _opens_at(referral: Referral, now: datetime, policy: Policy) -> datetime | None:
    """The opening that an urgent referral waits for."""
    starts_at = clock_starts_at(referral, policy)
    is_waiting = referral.ended_at is None and IS_URGENT[referral.urgency]
    return (starts_at if starts_at > now else opening(now, policy)) if is_waiting and not _is_reached(referral, now, policy) else None


def _is_reached(referral: Referral, now: datetime, policy: Policy) -> bool:
    return referral.status is Status.ACCEPTED and clock_starts_at(referral, policy) <= now


def _receiver_fields(progress: ReceiverProgress | None) -> dict[str, Any]:
    names = ("due_at", "at_risk_since", "breached_at", "contacted_at", "overdue_step")
    return {f"receiver_{name}": getattr(progress, name, None) for name in names}


def _service(service: Service | None) -> ServiceView | None:
    return None if service is None else ServiceView.model_validate(service)


def owner_of(referral: Referral, policy: Policy) -> OwnerView | None:
    code = owner(referral)
    if code is None:
        return None
    organisation = policy.organisation if code == POINT_OF_ACCESS else referral.receiver_organisation
    return OwnerView(service_code=code, organisation=organisation or policy.organisation)


def _deadline(referral: Referral) -> DeadlineView | None:
    kind = current_deadline(referral)
    if kind is None or referral.due_at is None:
        return None
    return DeadlineView(kind=kind, due_at=referral.due_at, overdue_since=referral.overdue_since)
