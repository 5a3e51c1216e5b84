"""The tables of Rapid Care, and the only SQL that writes them."""

from typing import TypeAlias

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB, insert

from services.rapid_care import domain
from shared.contracts.referrals import PersonRecordRecorded
from shared.kernel.ids import PersonId
from shared.persistence.aggregates import Aggregates
from shared.persistence.platform import INSTANT, metadata, platform_tables
from shared.persistence.statements import Statement
from shared.persistence.transaction import Transaction

Tx: TypeAlias = Transaction[domain.Policy]

METADATA = metadata()
platform_tables(METADATA)

RESPONSE = sa.Table(
    "response",
    METADATA,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("person_id", sa.Uuid, nullable=False, index=True),
    sa.Column("referral_id", sa.Uuid, nullable=False, index=True),
    sa.Column("correlation_id", sa.Uuid, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("condition", sa.Text, nullable=False),
    sa.Column("locality", sa.Text, nullable=False),
    sa.Column("received_at", INSTANT, nullable=False),
    sa.Column("clock_starts_at", INSTANT, nullable=False),
    sa.Column("due_at", INSTANT, nullable=False),
    sa.Column("clinician_id", sa.Text),
    sa.Column("contacted_at", INSTANT),
    sa.Column("contact_mode", sa.Text),
    sa.Column("breached_at", INSTANT),
    sa.Column("health_needs", JSONB, nullable=False),
    sa.Column("social_needs", JSONB, nullable=False),
    sa.Column("package", JSONB, nullable=False),
    sa.Column("stepped_down_to", sa.Text),
    sa.Column("outcome", sa.Text),
    sa.Column("version", sa.Integer, nullable=False),
)

PERSON = sa.Table(
    "person",
    METADATA,
    sa.Column("person_id", sa.Uuid, primary_key=True),
    sa.Column("sequence", sa.Integer, nullable=False),
    sa.Column("record", JSONB, nullable=False),
    comment="the copy of what the person told once",
)

responses = Aggregates(
    domain.Response, RESPONSE, topic="rapid-care.response", key=lambda response: response.person_id, not_found=domain.ResponseNotFound
)

_COPY = insert(PERSON).values({name: sa.bindparam(name) for name in ("person_id", "sequence", "record")})
_COPY_PERSON = Statement(
    _COPY.on_conflict_do_update(
        index_elements=["person_id"],
        set_={"sequence": _COPY.excluded.sequence, "record": _COPY.excluded.record},
        where=PERSON.c.sequence < _COPY.excluded.sequence,
    )
)


async def copy_person(tx: Tx, person_id: PersonId, sequence: int, record: PersonRecordRecorded) -> None:
    """Keeps the newest record of a person, whatever order the events come in."""
    await tx.execute(_COPY_PERSON, person_id=person_id, sequence=sequence, record=record.model_dump(mode="json"))
