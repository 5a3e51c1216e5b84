"""Notifications of a lead: crises, tasks and reviews of their people (AC6, S05); of the chair, when no lead can act (G15)."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from shared.kernel.actor import Actor
from shared.kernel.errors import FeedAccessDenied, NotFound


class Kind(StrEnum):
    RESPONSE_ASSIGNED = "response-assigned"
    RESPONSE_CONTACTED = "response-contacted"
    RESPONSE_BREACHED = "response-breached"
    RESPONSE_ESCALATED = "response-escalated"
    RESPONSE_CLOSED = "response-closed"
    RESPONSE_CANCELLED = "response-cancelled"
    TASK_FULFILLED = "task-fulfilled"
    TASK_BLOCKED = "task-blocked"
    TASK_ESCALATED = "task-escalated"
    TASK_OVERDUE = "task-overdue"
    REVIEW_DUE = "review-due"
    PLAN_UNANSWERED = "plan-unanswered"
    ACTION_OVERDUE = "action-overdue"
    REDIRECTED = "redirected"
    LEAD_PROPOSED = "lead-proposed"
    NO_LEAD_FOUND = "no-lead-found"
    SCREENING_OVERDUE = "screening-overdue"


@dataclass(frozen=True, slots=True)
class Notification:
    """One notification of one professional. `subject` is the response, task, plan, lead or case; `id` orders the feed."""

    id: int
    professional_id: str
    person_id: UUID
    kind: Kind
    subject: UUID
    occurred_at: datetime
    acknowledged_at: datetime | None = None


class NotificationNotFound(NotFound):
    """The professional has no notification with this id."""

    code = "notification-not-found"


def require_own_feed(actor: Actor, professional_id: str) -> None:
    """Requires the professional of the feed, or a coordinator, who acts for the chair. Raises FeedAccessDenied."""
    if actor.id != professional_id and "mdt:coordinate" not in actor.scopes:
        raise FeedAccessDenied("The feed belongs to another professional.")
