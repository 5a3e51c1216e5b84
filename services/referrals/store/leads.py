"""The projection of accountable leads, so that a person's contact is available without the service of the weekly meeting."""

from uuid import UUID

import sqlalchemy as sa

from services.referrals.store.tables import METADATA, Tx
from shared.contracts.envelope import Envelope
from shared.contracts.mdt import LeadActivated
from shared.persistence.projection import upsert_if_newer
from shared.persistence.schema import INSTANT
from shared.persistence.statements import Statement

LEAD = sa.Table(
    "lead",
    METADATA,
    sa.Column("lead_id", sa.Uuid, primary_key=True),
    sa.Column("person_id", sa.Uuid, nullable=False, index=True),
    sa.Column("professional_id", sa.Text, nullable=False),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("organisation", sa.Text, nullable=False),
    sa.Column("is_fallback", sa.Boolean, nullable=False),
    sa.Column("activated_at", INSTANT, nullable=False),
    sa.Column("is_ended", sa.Boolean, nullable=False),
    sa.Column("sequence", sa.Integer, nullable=False),
    comment="Projection of accountable lead professionals, from mdt; the current one is the last activated that has not ended.",
)

_PROJECT = upsert_if_newer(LEAD)
_DROP = Statement(
    sa.update(LEAD)
    .where(LEAD.c.lead_id == sa.bindparam("id"), LEAD.c.sequence < sa.bindparam("at_sequence"))
    .values(is_ended=sa.true(), sequence=sa.bindparam("at_sequence"))
)


async def project_lead(tx: Tx, event: LeadActivated, envelope: Envelope) -> None:
    """This professional is the person's contact."""
    await tx.defer_write(
        _PROJECT,
        lead_id=UUID(envelope.subject),
        person_id=UUID(envelope.key),
        professional_id=event.professional_id,
        role=event.role,
        organisation=event.organisation,
        is_fallback=event.is_fallback,
        activated_at=event.activated_at,
        is_ended=False,
        sequence=envelope.sequence,
    )


async def drop_lead(tx: Tx, envelope: Envelope) -> None:
    """Ends the lead; without another one, the person's GP is the contact."""
    await tx.defer_write(_DROP, id=UUID(envelope.subject), at_sequence=envelope.sequence)
