"""What other contexts told, kept for our own screens: the person's record, the words of the care plan, the lead.

A copy is overwritten only by something newer (`sequence`), whatever order the events come in.
"""

from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from services.rapid_care.domain.dispatch import CrisisPlan
from services.rapid_care.store.tables import CARE_PLAN, LEAD, PERSON, Tx
from shared.contracts.envelope import Envelope
from shared.contracts.mdt import CarePlanRecorded, LeadActivated
from shared.contracts.referrals import PersonRecordRecorded
from shared.persistence.statements import ReadSession, Statement


def _newest(table: sa.Table, *columns: str) -> Statement:
    """Inserts a copy under its key, or replaces an older one."""
    new = insert(table).values({name: sa.bindparam(name) for name in columns})
    key = [column.name for column in table.primary_key]
    changes = {name: new.excluded[name] for name in columns if name not in key}
    return Statement(new.on_conflict_do_update(index_elements=key, set_=changes, where=table.c.sequence < new.excluded.sequence))


_COPY_PERSON = _newest(PERSON, "person_id", "sequence", "record")
_COPY_LEAD = _newest(LEAD, "lead_id", "person_id", "sequence", "record", "activated_at")
_COPY_PLAN = _newest(CARE_PLAN, "care_plan_id", "person_id", "sequence", "record", "recorded_at")
_CLOSE = insert(CARE_PLAN).values(
    care_plan_id=sa.bindparam("care_plan_id"), person_id=sa.bindparam("person_id"), sequence=0, is_closed=True
)
_CLOSE_PLAN = Statement(_CLOSE.on_conflict_do_update(index_elements=["care_plan_id"], set_={"is_closed": True}))

_PERSON = Statement(sa.select(PERSON.c.record).where(PERSON.c.person_id == sa.bindparam("person_id")))
_PLAN = Statement(
    sa.select(CARE_PLAN.c.record)
    .where(CARE_PLAN.c.person_id == sa.bindparam("person_id"), ~CARE_PLAN.c.is_closed, CARE_PLAN.c.record.is_not(None))
    .order_by(CARE_PLAN.c.recorded_at.desc())
    .limit(1)
)
_LEAD = Statement(
    sa.select(LEAD.c.record)
    .where(LEAD.c.person_id == sa.bindparam("person_id"), LEAD.c.activated_at.is_not(None))
    .order_by(LEAD.c.activated_at.desc())
    .limit(1)
)


async def copy_person(tx: Tx, envelope: Envelope, record: PersonRecordRecorded) -> None:
    await tx.defer_write(_COPY_PERSON, person_id=UUID(envelope.key), sequence=envelope.sequence, record=record.model_dump(mode="json"))


async def copy_plan(tx: Tx, envelope: Envelope, record: CarePlanRecorded) -> None:
    await tx.defer_write(
        _COPY_PLAN,
        care_plan_id=record.care_plan_id,
        person_id=UUID(envelope.key),
        sequence=envelope.sequence,
        record=record.model_dump(mode="json"),
        recorded_at=envelope.time,
    )


async def close_plan(tx: Tx, envelope: Envelope) -> None:
    await tx.defer_write(_CLOSE_PLAN, care_plan_id=UUID(envelope.subject), person_id=UUID(envelope.key))


async def copy_lead(tx: Tx, envelope: Envelope, lead: LeadActivated | None) -> None:
    """Without `lead` it has ended."""
    await tx.defer_write(
        _COPY_LEAD,
        lead_id=UUID(envelope.subject),
        person_id=UUID(envelope.key),
        sequence=envelope.sequence,
        record=lead and lead.model_dump(mode="json"),
        activated_at=lead and lead.activated_at,
    )


async def person(reader: ReadSession, person_id: UUID) -> PersonRecordRecorded | None:
    """What the person told once, as it was last recorded."""
    record = await reader.fetch_value(_PERSON, person_id=person_id)
    return None if record is None else PersonRecordRecorded.model_validate(record)


async def plan(reader: ReadSession, person_id: UUID) -> CarePlanRecorded | None:
    """The care plan that is in force."""
    record = await reader.fetch_value(_PLAN, person_id=person_id)
    return None if record is None else CarePlanRecorded.model_validate(record)


async def lead(reader: ReadSession, person_id: UUID) -> LeadActivated | None:
    """The accountable lead professional of today."""
    record = await reader.fetch_value(_LEAD, person_id=person_id)
    return None if record is None else LeadActivated.model_validate(record)


async def crisis_plan(reader: ReadSession, person_id: UUID) -> CrisisPlan | None:
    """The version of the plan in force that has a crisis section."""
    found = await plan(reader, person_id)
    return CrisisPlan(found.care_plan_id, found.plan_version) if found and found.crisis else None
