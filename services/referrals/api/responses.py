"""Views of a referral. Lists have codes and instants; clinicians' words are only in the audited view of one referral."""

from collections.abc import Sequence
from datetime import date, datetime, time
from typing import Any
from uuid import UUID

from services.referrals.domain import Policy
from services.referrals.domain.directory import Need, Serves, Service
from services.referrals.domain.receipt import emergency_alternative
from services.referrals.domain.referral import POINT_OF_ACCESS, Referral, ReferralDeadline, Status, current_deadline, owner
from services.referrals.handlers.receive import Acknowledgement
from services.referrals.queries.feedback import Line
from shared.contracts.codes import Condition, Locality, Urgency
from shared.contracts.referrals import CancelReason, Outcome, Reason, ReturnReason, Route, Source, Story
from shared.web.problems import Problem
from shared.web.responses import ResponseModel, VersionedResponse


class OwnerView(ResponseModel):
    """The service that must act."""

    service_code: str
    organisation: str


class DeadlineView(ResponseModel):
    """The owner's deadline. `overdue_since` stays until the owner has acted."""

    kind: ReferralDeadline
    due_at: datetime
    overdue_since: datetime | None


class ReferralView(VersionedResponse):
    """An open referral always has an owner and a deadline. `emergency_alternative` is the service for a person who cannot wait.

    `also_with` is a second service that accepted the referral after it had been routed elsewhere.
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
    locality: Locality
    received_at: datetime
    clock_starts_at: datetime
    owner: OwnerView | None
    deadline: DeadlineView | None
    route: Route | None
    service_code: str | None
    also_with: str | None
    return_reason: ReturnReason | None
    suggestion: str | None
    emergency_alternative: str | None
    merged_into: UUID | None
    outcome: Outcome | None
    cancel_reason: CancelReason | None
    ended_at: datetime | None

    @classmethod
    def of(cls, referral: Referral, policy: Policy, now: datetime) -> "ReferralView":
        return cls(**referral_fields(referral, policy, now))


class FeedbackLine(ResponseModel):
    at: datetime
    code: str
    text: str


class JoinedView(ResponseModel):
    """Another referral of the same person for the same reason."""

    id: UUID
    reference: str
    status: Status
    outcome: Outcome | None


class FollowedReferralView(ReferralView):
    """One referral with its feedback in words, and the referrals that were merged."""

    triaged_at: datetime | None
    triaged_by: str | None
    triage_reason: str | None
    override_reason: str | None
    question: str | None
    feedback: list[FeedbackLine]
    continued_as: JoinedView | None
    joined_by: list[JoinedView]

    @classmethod
    def following(
        cls,
        referral: Referral,
        *,
        lines: Sequence[Line],
        target: Referral | None,
        joined: Sequence[Referral],
        policy: Policy,
        now: datetime,
    ) -> "FollowedReferralView":
        names = ("triaged_at", "triaged_by", "triage_reason", "override_reason", "question")
        return cls(
            **referral_fields(referral, policy, now, joins=target),
            **{name: getattr(referral, name) for name in names},
            feedback=[FeedbackLine.model_validate(line) for line in lines],
            continued_as=None if target is None else JoinedView.model_validate(target),
            joined_by=[JoinedView.model_validate(each) for each in joined],
        )


class ServiceView(ResponseModel):
    """An entry of the directory, valid from `valid_from` to the day before `valid_until`."""

    code: str
    name: str
    organisation: str
    route: Route
    tier: int
    needs: tuple[Need, ...]
    telephone: str
    serves: Serves
    minimum_age: int | None
    localities: tuple[Locality, ...]
    opens: time | None
    closes: time | None
    valid_from: date
    valid_until: date | None


class ReceivedView(ReferralView):
    """The acknowledgement. A known person's story is returned for confirmation unless the person restricts sharing (AC1, G12)."""

    is_story_known: bool
    story: Story | None
    alternative_service: ServiceView | None

    @classmethod
    def acknowledging(cls, received: Acknowledgement, *, alternative: Service | None, policy: Policy, now: datetime) -> "ReceivedView":
        person = received.person
        return cls(
            **referral_fields(received.referral, policy, now, joins=received.joins),
            is_story_known=received.is_story_known,
            story=person.story if person.is_story_confirmed else None,
            alternative_service=None if alternative is None else ServiceView.model_validate(alternative),
        )


class BatchItemView(ResponseModel):
    """One referral of a batch: its HTTP status, and its acknowledgement or its problem."""

    status: int
    referral: ReceivedView | None = None
    problem: Problem | None = None


class BatchView(ResponseModel):
    items: tuple[BatchItemView, ...]


def referral_fields(referral: Referral, policy: Policy, now: datetime, *, joins: Referral | None = None) -> dict[str, Any]:
    """`joins` is the referral that a merged one continues as."""
    computed = {
        "owner": _owner(referral, policy),
        "deadline": _deadline(referral),
        "emergency_alternative": emergency_alternative(joins or referral, now, policy),
    }
    return {name: getattr(referral, name) for name in ReferralView.model_fields if name not in computed} | computed


def _owner(referral: Referral, policy: Policy) -> OwnerView | None:
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
