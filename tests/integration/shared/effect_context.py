"""The receiving context: one row in the schema of Navigation for every applied event, so that a second effect shows."""

from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from shared.contracts.envelope import Envelope
from shared.contracts.rapid_care import ResponseAccepted, ResponseRequested
from shared.kernel.errors import RuleBroken
from shared.messaging.subscriptions import Subscriptions
from shared.persistence.schema import INSTANT, REAL_TIME, metadata
from shared.persistence.statements import Statement
from tests.integration.shared.parcel_context import Tx

TABLE = sa.Table(
    "effect",
    metadata(),
    sa.Column("seq", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("event_id", sa.Uuid, nullable=False),
    sa.Column("subject", sa.Uuid, nullable=False),
    sa.Column("sequence", sa.Integer, nullable=False),
    sa.Column("person_id", sa.Uuid, nullable=False),
    sa.Column("at", INSTANT, nullable=False, server_default=REAL_TIME),
    schema="navigation",
)
_FIELDS = ("event_id", "subject", "sequence", "person_id")
_INSERT = Statement(insert(TABLE).values({name: sa.bindparam(name) for name in _FIELDS}))


class ParcelUnwanted(RuleBroken):
    code = "parcel-unwanted"


async def on_requested(event: ResponseRequested, envelope: Envelope, *, tx: Tx) -> None:
    if event.condition in tx.policy.refused:
        raise ParcelUnwanted("The recipient refuses this condition.")
    await _insert_effect(envelope, tx)
    if event.condition in tx.policy.failing:
        raise ArithmeticError


async def on_accepted(_: ResponseAccepted, envelope: Envelope, *, tx: Tx) -> None:
    await _insert_effect(envelope, tx)


async def _insert_effect(envelope: Envelope, tx: Tx) -> None:
    subject, person_id = UUID(envelope.subject), UUID(envelope.key)
    await tx.execute(_INSERT, event_id=envelope.id, subject=subject, sequence=envelope.sequence, person_id=person_id)


RECEIVING = Subscriptions(
    context="navigation", on_event={ResponseRequested: (on_requested,), ResponseAccepted: (on_accepted,)}, on_deadline={}
)
