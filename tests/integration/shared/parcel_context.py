"""A small context for the tests of shared/: a parcel is sent and accepted, or its recipient is reminded once at its deadline.

The context uses the schema and the events of Rapid Care.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, TypeAlias
from uuid import UUID

import sqlalchemy as sa

from shared.contracts.care_policy import CarePolicy
from shared.contracts.codes import Condition, Locality
from shared.contracts.envelope import Envelope
from shared.contracts.rapid_care import ResponseAccepted, ResponseAtRisk, ResponseRequested
from shared.kernel.decision import Deadline, Decision
from shared.kernel.errors import NotFound
from shared.kernel.ids import new_id
from shared.kernel.state_table import Transitions, require_transition, transition
from shared.kernel.target import Target
from shared.messaging.subscriptions import Subscriptions
from shared.messaging.topics import TopicDeclaration
from shared.persistence.batching.batch_repository import BatchRepository
from shared.persistence.deadlines import DueDeadline
from shared.persistence.schema import INSTANT, metadata
from shared.persistence.transaction import Transaction

TOPIC = "rapid-care.response"
TOPICS = [TopicDeclaration(TOPIC, is_compacted=False, retention_days=1)]
REMINDER = "reminder"
ACCEPTANCE_LIMIT = timedelta(hours=2)


class Status(StrEnum):
    SENT = "sent"
    ACCEPTED = "accepted"


@dataclass(frozen=True, slots=True)
class Parcel:
    id: UUID
    person_id: UUID
    correlation_id: UUID
    status: Status
    condition: Condition
    due_at: datetime
    version: int = 0


@dataclass(frozen=True, slots=True)
class AcceptParcel:
    """The recipient accepts the parcel."""


@dataclass(frozen=True, slots=True)
class Behaviour(CarePolicy):
    """The policy of both contexts, changed by a test: handlers fail for some conditions, a rule refuses others."""

    failing: set[Condition] = field(default_factory=set)
    refused: set[Condition] = field(default_factory=set)


Tx: TypeAlias = Transaction[Behaviour]


class ParcelNotFound(NotFound):
    code = "parcel-not-found"


PARCEL: Transitions = {
    AcceptParcel: transition(Status.SENT, Status.ACCEPTED, ResponseAccepted),
    REMINDER: transition(Status.SENT, (), ResponseAtRisk),
}

TABLE = sa.Table(
    "parcel",
    metadata(),
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("person_id", sa.Uuid, nullable=False),
    sa.Column("correlation_id", sa.Uuid, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("condition", sa.Text, nullable=False),
    sa.Column("due_at", INSTANT, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    schema="rapid_care",
)
parcels = BatchRepository(Parcel, TABLE, topic=TOPIC, key=lambda parcel: parcel.person_id, not_found=ParcelNotFound)


def a_parcel(
    now: datetime, *, parcel_id: UUID | None = None, person_id: UUID | None = None, condition: Condition = Condition.COPD
) -> Parcel:
    return Parcel(parcel_id or new_id(), person_id or new_id(), new_id(), Status.SENT, condition, now + ACCEPTANCE_LIMIT)


def requested(parcel: Parcel, now: datetime) -> ResponseRequested:
    return ResponseRequested(
        referral_id=parcel.correlation_id,
        condition=parcel.condition,
        received_at=now,
        clock_starts_at=now,
        due_at=parcel.due_at,
        crosses_close=False,
        locality=Locality.WEST,
    )


async def send(tx: Transaction[Any], parcel: Parcel) -> Parcel:
    """Saves a new parcel with its event and its deadline."""
    return await parcels.save(tx, Decision(parcel, [requested(parcel, tx.now)], [Deadline(REMINDER, parcel.due_at)]))


async def accept(target: Target, *, tx: Transaction[Any]) -> Parcel:
    parcel = await parcels.load(tx, target.id, if_version=target.version)
    require_transition(parcel.status, AcceptParcel, PARCEL)
    accepted = ResponseAccepted(referral_id=parcel.correlation_id, accepted_at=tx.now, due_at=parcel.due_at)
    return await parcels.save(tx, Decision(replace(parcel, status=Status.ACCEPTED), [accepted], cancels=[REMINDER]))


async def on_reminder(deadline: DueDeadline, *, tx: Tx) -> None:
    parcel = await parcels.load(tx, deadline.subject)
    require_transition(parcel.status, REMINDER, PARCEL)
    if parcel.condition in tx.policy.failing:
        raise ArithmeticError
    await parcels.save(tx, Decision(parcel, [ResponseAtRisk(referral_id=parcel.correlation_id, minutes_elapsed=120, due_at=parcel.due_at)]))


async def on_response_at_risk(_: ResponseAtRisk, __: Envelope, *, tx: Tx) -> None:
    """A worker needs a subscription, so the sender subscribes to its own events."""


SENDING = Subscriptions(context="rapid_care", on_event={ResponseAtRisk: (on_response_at_risk,)}, on_deadline={REMINDER: on_reminder})
