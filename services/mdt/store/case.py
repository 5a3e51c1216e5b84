"""Cases, and their slots at meetings. A person has at most one open case under each of their ids."""

from collections.abc import Mapping, Sequence
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from services.mdt.domain.case import OPEN, Case, CaseNotFound, Status
from services.mdt.domain.meeting import AgendaUsage, Slot
from services.mdt.store.tables import MERGED, METADATA, Tx
from shared.kernel.ids import PersonId
from shared.kernel.totality import total
from shared.persistence.batching.batch_repository import BatchRepository
from shared.persistence.schema import INSTANT
from shared.persistence.statements import ReadSession, Statement, any_of, is_one_of

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
    sa.Column("closed_at", INSTANT),
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
    sa.select(CASE).where(CASE.c.person_id == any_of("person_ids"), is_one_of(CASE.c.status, OPEN)).order_by(CASE.c.id).with_for_update()
)
_OPEN_OF_GROUP = Statement(
    sa.select(CASE).where(MERGED.is_of_group(CASE.c.person_id), is_one_of(CASE.c.status, OPEN)).order_by(CASE.c.id).with_for_update(of=CASE)
)
_OTHER = CASE.alias("other")
_IS_OTHER = sa.and_(MERGED.is_of_group(_OTHER.c.person_id, CASE.c.person_id), _OTHER.c.id != CASE.c.id, is_one_of(_OTHER.c.status, OPEN))
_OTHERS = Statement(
    sa.select(
        CASE.c.id, sa.func.array(sa.select(_OTHER.c.id).where(_IS_OTHER).order_by(_OTHER.c.id).scalar_subquery()).label("others")
    ).where(CASE.c.id == any_of("case_ids"))
)
_CLOSED_OF_PEOPLE = Statement(
    sa.select(CASE)
    .where(CASE.c.person_id == any_of("person_ids"), CASE.c.status == Status.CLOSED.value)
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


#: The open case under an id.
OPEN_CASES = cases.index(_OPEN_OF_PEOPLE, keys="person_ids", column="person_id")


async def prefetch_open_cases(tx: Tx, people: Sequence[PersonId]) -> None:
    """Reads the ids of the people and the open cases under them, by two statements for a batch."""
    await MERGED.groups.prefetch(tx, people)
    await OPEN_CASES.prefetch(tx, [member for person_id in people for member in await MERGED.groups.get(tx, person_id)])


async def open_case_of(tx: Tx, person_id: PersonId) -> Case | None:
    """The open case of the person, locked: that under this id, else under another one."""
    for member in await MERGED.groups.get(tx, person_id):
        case = await OPEN_CASES.find(tx, member)
        if case:
            return case
    return None


async def open_cases_of(tx: Tx, person_id: PersonId) -> list[Case]:
    """The open cases of the person under any of their ids, locked."""
    return [cases.attach(tx, row) for row in await tx.fetch(_OPEN_OF_GROUP, person_id=person_id)]


async def other_open_cases(reader: ReadSession, case_ids: Sequence[UUID]) -> Mapping[UUID, tuple[UUID, ...]]:
    """The other open cases of the person of each case, for cases that have any."""
    rows = await reader.fetch(_OTHERS, case_ids=list(case_ids))
    return {row["id"]: tuple(row["others"]) for row in rows if row["others"]}


async def closed_cases(tx: Tx, person_ids: Sequence[UUID]) -> list[Case]:
    """The closed cases under these ids, locked, the newest one first."""
    return [cases.attach(tx, row) for row in await tx.fetch(_CLOSED_OF_PEOPLE, person_ids=list(person_ids))]


async def listed_cases(tx: Tx, meeting_id: UUID) -> list[Case]:
    """The cases of an agenda, locked, without those that were discussed while this waited for the lock."""
    ids = [row["id"] for row in await tx.fetch(_LISTED, meeting_id=meeting_id)]
    locked = [await cases.load(tx, case_id) for case_id in ids]
    return [case for case in locked if case.status is Status.LISTED and case.meeting_id == meeting_id]


async def agenda_usage(tx: Tx, meeting_id: UUID) -> AgendaUsage:
    row = await tx.fetch_one(_COUNT_USED_SLOTS, meeting_id=meeting_id)
    return AgendaUsage() if row is None else AgendaUsage(**row)
