"""Cases, and their slots at meetings. A person has at most one open case."""

from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from services.mdt.domain.case import OPEN, Case, CaseNotFound, Status
from services.mdt.domain.meeting import AgendaUsage, Slot
from services.mdt.store.tables import METADATA, Tx
from shared.kernel.ids import PersonId
from shared.kernel.totality import total
from shared.persistence.batching.batch_repository import BatchRepository
from shared.persistence.schema import INSTANT
from shared.persistence.statements import Statement, is_one_of

CASE = sa.Table(
    "case",
    METADATA,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("person_id", sa.Uuid, nullable=False, index=True),
    sa.Column("correlation_id", sa.Uuid, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("practice_code", sa.Text, nullable=False),
    sa.Column("locality", sa.Text),
    sa.Column("is_urgent", sa.Boolean, nullable=False),
    sa.Column("referred_at", INSTANT, nullable=False),
    sa.Column("referral_ids", JSONB, nullable=False),
    sa.Column("needs_mental_health", sa.Boolean, nullable=False),
    sa.Column("meeting_id", sa.Uuid, index=True),
    sa.Column("meeting_starts_at", INSTANT),
    sa.Column("slot", sa.Text),
    sa.Column("is_deferred", sa.Boolean, nullable=False),
    sa.Column("deferrals", sa.Integer, nullable=False),
    sa.Column("discussed_in", sa.Uuid, index=True),
    sa.Column("rolled_from", sa.Uuid),
    sa.Column("care_plan_id", sa.Uuid),
    sa.Column("ended", JSONB, comment="the death or move that ended the case, and the status before"),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Index("ix_case_referred_at_id", "referred_at", "id"),
    sa.Index(
        "uq_case_open",
        "person_id",
        unique=True,
        postgresql_where=sa.column("status", sa.Text).in_(OPEN),
    ),
    comment="Cases before the weekly meeting, from referral to step-down.",
)

cases = BatchRepository(Case, CASE, topic="mdt.case", key=lambda case: case.person_id, not_found=CaseNotFound)

_OPEN_OF_PEOPLE = Statement(
    sa.select(CASE)
    .where(CASE.c.person_id == sa.any_(sa.bindparam("person_ids", type_=sa.ARRAY(sa.Uuid))), is_one_of(CASE.c.status, OPEN))
    .order_by(CASE.c.id)
    .with_for_update()
)
_CLOSED_OF_PERSON = Statement(
    sa.select(CASE)
    .where(CASE.c.person_id == sa.bindparam("person_id"), CASE.c.status == Status.CLOSED.value)
    .order_by(CASE.c.referred_at.desc(), CASE.c.id.desc())
    .with_for_update()
)
_LISTED = Statement(
    sa.select(CASE.c.id)
    .where(CASE.c.meeting_id == sa.bindparam("meeting_id"), CASE.c.status == Status.LISTED.value)
    .order_by(CASE.c.referred_at, CASE.c.id)
)
#: The field of AgendaUsage that counts the slots of a kind.
_USAGE = total(Slot, {Slot.ORDINARY: "ordinary", Slot.URGENT: "urgent"})
_COUNT_USED_SLOTS = Statement(
    sa.select(*(sa.func.count().filter(CASE.c.slot == slot.value).label(field) for slot, field in _USAGE.items())).where(
        CASE.c.meeting_id == sa.bindparam("meeting_id"), CASE.c.status == Status.LISTED.value
    )
)


#: The open case of a person, by their id.
OPEN_CASES = cases.index(_OPEN_OF_PEOPLE, keys="person_ids", column="person_id")


async def closed_cases(tx: Tx, person_id: PersonId) -> list[Case]:
    """The closed cases of the person, locked, the newest one first."""
    return [cases.attach(tx, row) for row in await tx.fetch(_CLOSED_OF_PERSON, person_id=person_id)]


async def listed_cases(tx: Tx, meeting_id: UUID) -> list[Case]:
    """The cases of an agenda, locked, without those that were discussed while this waited for the lock."""
    ids = [row["id"] for row in await tx.fetch(_LISTED, meeting_id=meeting_id)]
    locked = [await cases.load(tx, case_id) for case_id in ids]
    return [case for case in locked if case.status is Status.LISTED and case.meeting_id == meeting_id]


async def agenda_usage(tx: Tx, meeting_id: UUID) -> AgendaUsage:
    row = await tx.fetch_one(_COUNT_USED_SLOTS, meeting_id=meeting_id)
    return AgendaUsage() if row is None else AgendaUsage(**row)
