"""The projection of other contexts' events, as published: ids and codes only."""

from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB, insert

from services.referrals.store.tables import METADATA, Tx
from shared.contracts.envelope import Envelope
from shared.contracts.event import Event
from shared.persistence.schema import INSTANT
from shared.persistence.statements import Statement

TIMELINE_EVENT = sa.Table(
    "timeline_event",
    METADATA,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("subject", sa.Uuid, nullable=False),
    sa.Column("person_id", sa.Uuid, nullable=False, index=True),
    sa.Column("correlation_id", sa.Uuid, nullable=False, index=True),
    sa.Column("occurred_at", INSTANT, nullable=False),
    sa.Column("organisation", sa.Text, nullable=False),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("data", JSONB, nullable=False),
    comment="Events of the other contexts that concern a person, for timelines.",
)

_PROJECT = Statement(
    insert(TIMELINE_EVENT).values({column.name: sa.bindparam(column.name) for column in TIMELINE_EVENT.columns}).on_conflict_do_nothing()
)


async def project_event(tx: Tx, event: Event, envelope: Envelope) -> None:
    """Stores an event for the timelines of its chain and of its person; a repeated event changes nothing."""
    await tx.defer_write(
        _PROJECT,
        id=envelope.id,
        type=envelope.type,
        subject=UUID(envelope.subject),
        person_id=UUID(envelope.key),
        correlation_id=envelope.correlation_id,
        occurred_at=envelope.time,
        organisation=envelope.actor_org,
        role=envelope.actor_role,
        data=event.model_dump(mode="json"),
    )
