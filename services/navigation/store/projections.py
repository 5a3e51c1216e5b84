"""Projections of other contexts: the person's record, the lead, the risk level, and the care plans.

Rows are of one id; reads are of the person, under all ids that were merged.
"""

from typing import Any
from uuid import UUID

import sqlalchemy as sa
from pydantic import TypeAdapter
from sqlalchemy.dialects.postgresql import JSONB

from services.navigation.domain.access import Lead
from services.navigation.store.tables import MERGED, METADATA, Tx
from services.navigation.store.task import TASK
from shared.contracts.codes import Locality, PlaceOfCare, RiskLevel
from shared.contracts.mdt import LeadActivated
from shared.contracts.persons import PersonRecordRecorded
from shared.kernel.ids import PersonId
from shared.persistence.projection import upsert_if_newer
from shared.persistence.schema import INSTANT
from shared.persistence.statements import ReadSession, Statement

PERSON = sa.Table(
    "person",
    METADATA,
    sa.Column("person_id", sa.Uuid, primary_key=True),
    sa.Column("sequence", sa.Integer, nullable=False),
    sa.Column("record", JSONB, nullable=False),
    comment="Projection of the person's record, from referrals.",
)

LEAD = sa.Table(
    "lead",
    METADATA,
    sa.Column("person_id", sa.Uuid, primary_key=True),
    sa.Column("lead_id", sa.Uuid, nullable=False),
    sa.Column("professional_id", sa.Text, nullable=False),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("organisation", sa.Text, nullable=False),
    sa.Column("is_fallback", sa.Boolean, nullable=False),
    sa.Column("activated_at", INSTANT, nullable=False),
    comment="Projection of the accountable lead professional, from mdt.",
)

RISK = sa.Table(
    "risk",
    METADATA,
    sa.Column("person_id", sa.Uuid, primary_key=True),
    sa.Column("sequence", sa.Integer, nullable=False),
    sa.Column("level", sa.SmallInteger, nullable=False),
    comment="Projection of the person's last published risk level, from mdt.",
)

CARE_PLAN = sa.Table(
    "care_plan",
    METADATA,
    sa.Column("care_plan_id", sa.Uuid, primary_key=True),
    sa.Column("person_id", sa.Uuid, nullable=False, index=True),
    sa.Column("sequence", sa.Integer, nullable=False),
    sa.Column("preferred_place_of_care", sa.Text, nullable=False),
    sa.Column("is_in_force", sa.Boolean, nullable=False),
    comment="Projection of the care plans, from mdt.",
)


_UPSERT_PERSON = upsert_if_newer(PERSON)
_UPSERT_LEAD = upsert_if_newer(LEAD, order=("activated_at",))
_UPSERT_LEVEL = upsert_if_newer(RISK)
_UPSERT_PLAN = upsert_if_newer(CARE_PLAN)
_DROP_LEAD = Statement(sa.delete(LEAD).where(LEAD.c.lead_id == sa.bindparam("lead_id")))
_SET_IN_FORCE = Statement(
    sa.update(CARE_PLAN).where(CARE_PLAN.c.care_plan_id == sa.bindparam("plan")).values(is_in_force=sa.bindparam("in_force"))
)
_PERSON_ID = sa.bindparam("person_id", type_=sa.Uuid)


def lead_query(person_id: sa.ColumnElement[Any]) -> sa.Select[Any]:
    """The lead of the person: the one that was activated last under any id."""
    return sa.select(LEAD).where(MERGED.is_of_group(LEAD.c.person_id, person_id)).order_by(LEAD.c.activated_at.desc()).limit(1)


def record_query(person_id: sa.ColumnElement[Any]) -> sa.Select[Any]:
    """The person's record: that of this id, else of another one."""
    of_person = sa.select(PERSON.c.record).where(MERGED.is_of_group(PERSON.c.person_id, person_id))
    return of_person.order_by((PERSON.c.person_id == person_id).desc(), PERSON.c.person_id).limit(1)


_LEAD_OF = Statement(lead_query(_PERSON_ID))
_LEVEL_OF = Statement(sa.select(sa.func.max(RISK.c.level)).where(MERGED.is_of_group(RISK.c.person_id)))
_RECORD = Statement(record_query(_PERSON_ID))
_IS_KNOWN = Statement(sa.select(sa.exists().where(MERGED.is_of_group(PERSON.c.person_id))))
_LEAD_ROW = TypeAdapter(Lead)
_RECORDED_LOCALITY = record_query(_PERSON_ID).with_only_columns(PERSON.c.record["locality"].astext).scalar_subquery()
#: A record counts also when it has no locality, because the person's practice is unknown.
_LOCALITY = Statement(
    sa.select(
        sa.case(
            (sa.exists().where(MERGED.is_of_group(PERSON.c.person_id)), _RECORDED_LOCALITY),
            else_=sa.select(TASK.c.locality)
            .where(MERGED.is_of_group(TASK.c.person_id), TASK.c.locality.is_not(None))
            .order_by(TASK.c.created_at.desc())
            .limit(1)
            .scalar_subquery(),
        )
    )
)


async def project_person(tx: Tx, person_id: PersonId, sequence: int, record: PersonRecordRecorded) -> None:
    await tx.defer_write(_UPSERT_PERSON, person_id=person_id, sequence=sequence, record=record.model_dump(mode="json"))


async def project_lead(tx: Tx, person_id: PersonId, lead_id: UUID, activated: LeadActivated) -> None:
    await tx.defer_write(_UPSERT_LEAD, person_id=person_id, lead_id=lead_id, **activated.model_dump())


async def drop_lead(tx: Tx, lead_id: UUID) -> None:
    """Deletes this lead, unless another lead has replaced it."""
    await tx.defer_write(_DROP_LEAD, lead_id=lead_id)


async def project_plan(tx: Tx, person_id: PersonId, care_plan_id: UUID, sequence: int, place: PlaceOfCare) -> None:
    values = {"person_id": person_id, "sequence": sequence, "preferred_place_of_care": place, "is_in_force": True}
    await tx.defer_write(_UPSERT_PLAN, care_plan_id=care_plan_id, **values)


async def set_plan_in_force(tx: Tx, care_plan_id: UUID, *, is_in_force: bool) -> None:
    await tx.defer_write(_SET_IN_FORCE, plan=care_plan_id, in_force=is_in_force)


async def lead_of(reader: ReadSession, person_id: PersonId) -> Lead | None:
    """The accountable lead of the person, whichever of their ids the lead was activated under."""
    row = await reader.fetch_one(_LEAD_OF, person_id=person_id)
    return None if row is None else _LEAD_ROW.validate_python(dict(row))


async def record_of(reader: ReadSession, person_id: PersonId) -> PersonRecordRecorded | None:
    """The newest record of the person, of this id if there is one; None when none has arrived."""
    record = await reader.fetch_value(_RECORD, person_id=person_id)
    return None if record is None else PersonRecordRecorded.model_validate(record, extra="ignore")


async def is_known(reader: ReadSession, person_id: PersonId) -> bool:
    """Whether navigation has a record of the person."""
    found: bool = await reader.fetch_value(_IS_KNOWN, person_id=person_id)
    return found


async def project_level(tx: Tx, person_id: PersonId, sequence: int, level: RiskLevel) -> None:
    await tx.defer_write(_UPSERT_LEVEL, person_id=person_id, sequence=sequence, level=level)


async def level_of(reader: ReadSession, person_id: PersonId) -> RiskLevel | None:
    """The last published level, the highest of the person's ids; None for a person who was always at the two lowest."""
    found: int | None = await reader.fetch_value(_LEVEL_OF, person_id=person_id)
    return None if found is None else RiskLevel(found)


async def locality_of(reader: ReadSession, person_id: PersonId) -> Locality | None:
    """The locality of the record; without a record that of the newest task. None for an unknown one."""
    found: str | None = await reader.fetch_value(_LOCALITY, person_id=person_id)
    return Locality(found) if found else None
