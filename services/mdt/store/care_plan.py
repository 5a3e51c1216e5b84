"""Care plans and all their versions. A person has at most one plan that is not closed under each of their ids."""

from dataclasses import dataclass
from uuid import UUID

import sqlalchemy as sa
from pydantic import TypeAdapter
from sqlalchemy.dialects.postgresql import JSONB, insert

from services.mdt.domain.care_plan import OPEN, CarePlan, CarePlanNotFound, PlanVersion, Status
from services.mdt.store.tables import MERGED, METADATA, Tx
from shared.kernel.ids import PersonId
from shared.persistence.batching.batch_repository import BatchRepository
from shared.persistence.schema import INSTANT
from shared.persistence.statements import Statement, is_one_of

_CLOSED = [status for status in Status if status not in OPEN]

CARE_PLAN = sa.Table(
    "care_plan",
    METADATA,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("person_id", sa.Uuid, nullable=False, index=True),
    sa.Column("correlation_id", sa.Uuid, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("locality", sa.Text),
    sa.Column("plan_version", sa.Integer, nullable=False),
    sa.Column("offered", JSONB),
    sa.Column("in_force", JSONB),
    sa.Column("enacted_for", sa.Uuid),
    sa.Column("referral_ids", JSONB, nullable=False),
    sa.Column("fulfilled", JSONB, nullable=False),
    sa.Column(
        "returned", JSONB, nullable=False, comment="actions whose task was cancelled, with the day until which the lead sees to them"
    ),
    sa.Column("review_on", sa.Date, comment="of the version that was offered last"),
    sa.Column("ended", JSONB, comment="the death or move that ended the plan, and the status before"),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Index("uq_care_plan_open", "person_id", unique=True, postgresql_where=sa.column("status", sa.Text).not_in(_CLOSED)),
    comment="Joint care plans; the versions are in care_plan_version.",
)

CARE_PLAN_VERSION = sa.Table(
    "care_plan_version",
    METADATA,
    sa.Column("care_plan_id", sa.Uuid, primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("meeting_id", sa.Uuid, nullable=False, index=True),
    sa.Column("case_id", sa.Uuid, nullable=False),
    sa.Column("content", JSONB, nullable=False),
    sa.Column("offered_at", INSTANT, nullable=False),
    sa.Column("is_agreed_by_person", sa.Boolean, comment="null until the person answers"),
    comment="Every version of a care plan that a meeting offered, with the person's answer; never deleted.",
)

care_plans = BatchRepository(CarePlan, CARE_PLAN, topic="mdt.care-plan", key=lambda plan: plan.person_id, not_found=CarePlanNotFound)

_VERSION: TypeAdapter[PlanVersion] = TypeAdapter(PlanVersion)
_OPEN_OF_PERSON = Statement(
    sa.select(CARE_PLAN.c.id).where(CARE_PLAN.c.person_id == sa.bindparam("person_id"), is_one_of(CARE_PLAN.c.status, OPEN))
)
_OPEN_OF_GROUP = Statement(
    sa.select(CARE_PLAN).where(MERGED.is_of_group(CARE_PLAN.c.person_id), is_one_of(CARE_PLAN.c.status, OPEN)).order_by(CARE_PLAN.c.id)
)
_CLOSED_OF_PERSON = Statement(
    sa.select(CARE_PLAN)
    .where(CARE_PLAN.c.person_id == sa.bindparam("person_id"), CARE_PLAN.c.status == Status.CLOSED.value)
    .order_by(CARE_PLAN.c.id.desc())
    .with_for_update()
)
_COLUMNS = ("care_plan_id", "number", "meeting_id", "case_id", "content", "offered_at", "is_agreed_by_person")
_INSERT = Statement(insert(CARE_PLAN_VERSION).values({name: sa.bindparam(name) for name in _COLUMNS}))
_ANSWER = Statement(
    sa.update(CARE_PLAN_VERSION)
    .where(CARE_PLAN_VERSION.c.care_plan_id == sa.bindparam("plan_id"), CARE_PLAN_VERSION.c.number == sa.bindparam("plan_number"))
    .values(is_agreed_by_person=sa.bindparam("answer"))
)


async def open_plan_id(tx: Tx, person_id: PersonId) -> UUID | None:
    found: UUID | None = await tx.fetch_value(_OPEN_OF_PERSON, person_id=person_id)
    return found


async def open_plan(tx: Tx, person_id: PersonId) -> CarePlan | None:
    """The plan under this id, locked; None when there is none. A case and its plan have one id of the person."""
    found = await open_plan_id(tx, person_id)
    return None if found is None else await care_plans.load(tx, found)


async def open_plans_of(tx: Tx, person_id: PersonId) -> list[CarePlan]:
    """The plans of the person under any of their ids, without a lock, the oldest one first."""
    return [care_plans.from_row(row) for row in await tx.fetch(_OPEN_OF_GROUP, person_id=person_id)]


async def closed_plans(tx: Tx, person_id: PersonId) -> list[CarePlan]:
    """The closed plans under this id, locked, the newest one first."""
    return [care_plans.attach(tx, row) for row in await tx.fetch(_CLOSED_OF_PERSON, person_id=person_id)]


@dataclass(frozen=True, slots=True)
class Discussion:
    """A meeting and the case that it discussed."""

    meeting_id: UUID
    case_id: UUID


async def save_version(tx: Tx, plan_id: UUID, version: PlanVersion, discussion: Discussion, *, is_agreed_by_person: bool | None) -> None:
    """Inserts a version, with the person's answer when there is one."""
    row = {"care_plan_id": plan_id, "number": version.number, "offered_at": version.offered_at}
    where = {"meeting_id": discussion.meeting_id, "case_id": discussion.case_id}
    await tx.execute(_INSERT, **row, **where, content=_VERSION.dump_python(version), is_agreed_by_person=is_agreed_by_person)


async def save_answer(tx: Tx, plan_id: UUID, number: int, *, is_agreed_by_person: bool) -> None:
    await tx.execute(_ANSWER, plan_id=plan_id, plan_number=number, answer=is_agreed_by_person)
