"""Notifies the accountable lead of events that concern the person."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from services.mdt.domain.lead import gp, is_practice_gp
from services.mdt.domain.notification import Kind, Notification, NotificationDeadline, answer_deadline, is_unanswered, require_own_feed
from services.mdt.store.lead import active_lead
from services.mdt.store.notification import escalate, load_notification, mark_acknowledged, notify, thread
from services.mdt.store.person import practice_of
from services.mdt.store.tables import Tx
from shared.contracts.envelope import Envelope
from shared.contracts.event import Event
from shared.contracts.navigation import (
    COORDINATOR_REASONS,
    TaskBlocked,
    TaskCancelled,
    TaskEscalated,
    TaskFulfilled,
    TaskOverdue,
    TaskSource,
)
from shared.contracts.rapid_care import (
    ResponseAssigned,
    ResponseBreached,
    ResponseCancelled,
    ResponseClosed,
    ResponseContacted,
    ResponseEscalated,
    ResponseOutcome,
)
from shared.kernel.actor import Professional
from shared.kernel.ids import PersonId
from shared.kernel.totality import total
from shared.persistence.deadlines import DueDeadline
from shared.persistence.transaction import EventSubject

#: The kind of notification for each event that a lead is notified of.
NOTIFICATIONS: Mapping[type[Event], Kind] = {
    ResponseAssigned: Kind.RESPONSE_ASSIGNED,
    ResponseContacted: Kind.RESPONSE_CONTACTED,
    ResponseBreached: Kind.RESPONSE_BREACHED,
    ResponseEscalated: Kind.RESPONSE_ESCALATED,
    ResponseClosed: Kind.RESPONSE_CLOSED,
    ResponseCancelled: Kind.RESPONSE_CANCELLED,
    TaskFulfilled: Kind.TASK_FULFILLED,
    TaskBlocked: Kind.TASK_BLOCKED,
    TaskEscalated: Kind.TASK_ESCALATED,
    TaskOverdue: Kind.TASK_OVERDUE,
}


#: Whether the work of a cancelled task is the lead's. A plan has its action again, a referral returns, case finding reviews again.
_IS_LEADS: Mapping[TaskSource, bool] = total(
    TaskSource,
    {
        TaskSource.CARE_PLAN: False,
        TaskSource.LEAD: True,
        TaskSource.RAPID_CARE: True,
        TaskSource.REFERRAL: False,
        TaskSource.RISK: False,
        TaskSource.MDT: True,
        TaskSource.HOSPITAL_DISCHARGE: True,
        TaskSource.PERSON: True,
    },
)


async def on_notifiable_event(event: Event, envelope: Envelope, *, tx: Tx) -> None:
    person_id, subject, kind = PersonId(UUID(envelope.key)), UUID(envelope.subject), _kind(event)
    if kind is Kind.CONCERN:
        await notify_lead_or_chair(tx, person_id, kind, subject, envelope.time)
    else:
        await notify_lead(tx, person_id, kind, subject, envelope.time)


async def on_task_cancelled(event: TaskCancelled, envelope: Envelope, *, tx: Tx) -> None:
    """A coordinator of navigation gave up work that has no other owner: the lead has it."""
    if _IS_LEADS[event.source] and event.reason in COORDINATOR_REASONS:
        await notify_lead_or_chair(tx, PersonId(UUID(envelope.key)), Kind.TASK_CANCELLED, UUID(envelope.subject), envelope.time)


async def acknowledge_notification(notification_id: int, *, tx: Tx) -> Notification:
    """Marks the notification as seen, which ends its repetitions; idempotent. Raises NotificationNotFound, FeedAccessDenied."""
    notification = await load_notification(tx, notification_id)
    require_own_feed(tx.actor, notification.professional)
    tx.audit(notification.subject)
    if notification.acknowledged_at is None:
        await mark_acknowledged(tx, notification.id, tx.now)
    if notification.thread_id:
        tx.cancel_deadlines(notification.thread_id, NotificationDeadline.ACKNOWLEDGEMENT)
    return replace(notification, acknowledged_at=notification.acknowledged_at or tx.now)


async def on_unanswered(deadline: DueDeadline, *, tx: Tx) -> None:
    """Notifies the chair of what no recipient has acknowledged, and repeats this until one does."""
    repeated = await thread(tx, deadline.subject)
    if is_unanswered(repeated):
        await escalate(tx, repeated[0])
        about = EventSubject(deadline.subject, repeated[0].person_id, deadline.correlation_id)
        tx.set_deadline(about, answer_deadline(tx.now, tx.policy))


async def notify_lead_or_chair(tx: Tx, person_id: PersonId, kind: Kind, subject: UUID, occurred_at: datetime) -> None:
    """Notifies the lead. Without one, also the chair at once: a GP who leads for want of another may not look here."""
    has_lead = await active_lead(tx, person_id) is not None
    await (notify_lead if has_lead else notify_lead_and_chair)(tx, person_id, kind, subject, occurred_at)


async def notify_lead_and_chair(tx: Tx, person_id: PersonId, kind: Kind, subject: UUID, occurred_at: datetime) -> None:
    """Notifies both; the first acknowledgement counts."""
    if await notify_lead(tx, person_id, kind, subject, occurred_at) != tx.policy.chair:
        await notify(tx, tx.policy.chair, person_id, kind, subject, occurred_at)


async def notify_lead(tx: Tx, person_id: PersonId, kind: Kind, subject: UUID, occurred_at: datetime) -> Professional:
    """Notifies the lead; without one the GP (AC7); without a known practice the chair. A practice that leads is that of today.

    Returns the recipient.
    """
    lead = await active_lead(tx, person_id)
    if lead is None or is_practice_gp(lead):
        practice_code = await practice_of(tx, person_id)
        recipient = gp(practice_code).professional if practice_code else tx.policy.chair
    else:
        recipient = lead.professional
    await notify(tx, recipient, person_id, kind, subject, occurred_at)
    return recipient


def _kind(event: Event) -> Kind:
    match event:
        case TaskFulfilled(is_concern=True):
            return Kind.CONCERN
        case ResponseContacted(is_seen=False) | ResponseClosed(outcome=ResponseOutcome.NO_ACCESS):
            return Kind.RESPONSE_NO_ACCESS
        case _:
            return NOTIFICATIONS[type(event)]
