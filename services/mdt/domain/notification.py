"""Notifications of a lead: crises, tasks and reviews of their people (AC6, S05); of the chair, when no lead can act (G15).

Invariant: a notification that needs an answer has a deadline until a recipient acknowledges it, or a command settles the matter. The chair
has it too when the lead does not answer in time.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from services.mdt.domain.access import COORDINATE
from services.mdt.domain.policy import Policy
from shared.kernel.actor import Actor, Professional
from shared.kernel.decision import Deadline
from shared.kernel.errors import FeedAccessDenied, NotFound
from shared.kernel.totality import total
from shared.kernel.working_days import working_days_later


class Kind(StrEnum):
    RESPONSE_ASSIGNED = "response-assigned"
    RESPONSE_CONTACTED = "response-contacted"
    RESPONSE_NO_ACCESS = "response-no-access"
    RESPONSE_BREACHED = "response-breached"
    RESPONSE_ESCALATED = "response-escalated"
    RESPONSE_CLOSED = "response-closed"
    RESPONSE_CANCELLED = "response-cancelled"
    TASK_FULFILLED = "task-fulfilled"
    TASK_BLOCKED = "task-blocked"
    TASK_ESCALATED = "task-escalated"
    TASK_OVERDUE = "task-overdue"
    TASK_CANCELLED = "task-cancelled"
    REVIEW_DUE = "review-due"
    PLAN_UNANSWERED = "plan-unanswered"
    ACTION_OVERDUE = "action-overdue"
    REDIRECTED = "redirected"
    LEAD_PROPOSED = "lead-proposed"
    NO_LEAD_FOUND = "no-lead-found"
    SCREENING_OVERDUE = "screening-overdue"
    FINDING_OVERDUE = "finding-overdue"
    CONCERN = "concern"
    ACTION_RETURNED = "action-returned"
    CARE_ENDED = "care-ended"
    CARE_RESTORED = "care-restored"
    PERSON_MERGED = "person-merged"
    LEAD_MERGED = "lead-merged"
    PERSON_SEPARATED = "person-separated"


#: Whether a recipient must acknowledge it.
NEEDS_ANSWER: Mapping[Kind, bool] = total(
    Kind,
    {
        Kind.RESPONSE_ASSIGNED: False,
        Kind.RESPONSE_CONTACTED: False,
        Kind.RESPONSE_NO_ACCESS: False,  # Rapid Care visits again, or the Community Point of Access has the referral again
        Kind.RESPONSE_BREACHED: True,
        Kind.RESPONSE_ESCALATED: True,
        Kind.RESPONSE_CLOSED: False,
        Kind.RESPONSE_CANCELLED: False,
        Kind.TASK_FULFILLED: False,
        Kind.TASK_BLOCKED: True,
        Kind.TASK_ESCALATED: True,
        Kind.TASK_OVERDUE: False,  # navigation escalates a task that stays overdue
        Kind.TASK_CANCELLED: True,
        Kind.REVIEW_DUE: True,
        Kind.PLAN_UNANSWERED: True,
        Kind.ACTION_OVERDUE: True,
        Kind.REDIRECTED: True,
        Kind.LEAD_PROPOSED: False,  # the proposal has a deadline of its own
        Kind.NO_LEAD_FOUND: True,
        Kind.SCREENING_OVERDUE: True,
        Kind.FINDING_OVERDUE: False,  # the finding has a deadline of its own, and an import has thousands
        Kind.CONCERN: True,
        Kind.ACTION_RETURNED: True,
        Kind.CARE_ENDED: False,
        Kind.CARE_RESTORED: True,
        Kind.PERSON_MERGED: True,  # the lead of the whole person has the other record's plan, too
        Kind.LEAD_MERGED: True,  # the former lead hands over
        Kind.PERSON_SEPARATED: True,
    },
)


class NotificationDeadline(StrEnum):
    """The deadline of the answer."""

    ACKNOWLEDGEMENT = "notification-acknowledgement"


@dataclass(frozen=True, slots=True)
class Notification:
    """One notification of one professional. `subject` is the response, task, plan, lead or case; `id` orders the feed.

    `thread_id` joins a notification that needs an answer with its repetitions: the first acknowledgement ends them. `is_escalated`: the
    chair has it, because the professional has not answered in time. `settled_at`: the matter was settled without an acknowledgement.
    """

    id: int
    professional_id: str
    organisation: str
    person_id: UUID
    kind: Kind
    subject: UUID
    occurred_at: datetime
    acknowledged_at: datetime | None = None
    thread_id: UUID | None = None
    is_escalated: bool = False
    settled_at: datetime | None = None

    @property
    def professional(self) -> Professional:
        return Professional(self.professional_id, self.organisation)

    @property
    def needs_answer(self) -> bool:
        """Whether it still waits for an acknowledgement."""
        return NEEDS_ANSWER[self.kind] and is_unanswered([self])


class NotificationNotFound(NotFound):
    """The professional has no notification with this id."""

    code = "notification-not-found"


def answer_deadline(now: datetime, policy: Policy) -> Deadline:
    """The time until which a recipient acknowledges it; then, and as often again, the chair is notified."""
    due_at = working_days_later(now, policy.acknowledged_within_working_days, policy.zone)
    return Deadline(NotificationDeadline.ACKNOWLEDGEMENT, due_at)


def is_unanswered(thread: Sequence[Notification]) -> bool:
    """Whether no recipient has acknowledged the notification or one of its repetitions, and the matter is not settled."""
    return all(each.acknowledged_at is None and each.settled_at is None for each in thread)


def require_own_feed(actor: Actor, professional: Professional) -> None:
    """Requires the professional of the feed, or a coordinator, who acts for the chair. Raises FeedAccessDenied."""
    if actor.professional != professional and COORDINATE not in actor.scopes:
        raise FeedAccessDenied("The feed belongs to another professional.")


def feed_of(actor: Actor, professional_id: str) -> str | None:
    """The organisation whose feed under this staff code the caller may read: their own, or any one for a coordinator (None).

    Raises FeedAccessDenied.
    """
    if COORDINATE in actor.scopes:
        return None
    require_own_feed(actor, Professional(professional_id, actor.organisation))
    return actor.organisation
