"""Projections: the person's record, the care plan and the accountable lead for the briefing.

Events may arrive in any order: a row is replaced only by a later one (`sequence`). Rows are of one id; reads are of the person, under all
ids that were merged.
"""

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from services.rapid_care.domain.dispatch import CrisisPlan
from services.rapid_care.store.tables import CARE_PLAN, INFORMATION, LEAD, MERGED, PERSON, Tx
from shared.contracts.care_plans import CarePlanRecorded
from shared.contracts.envelope import Envelope
from shared.contracts.mdt import LeadActivated
from shared.contracts.persons import PersonRecordRecorded
from shared.persistence.projection import upsert_if_newer
from shared.persistence.statements import ReadSession, Statement

_PROJECT_PERSON = upsert_if_newer(PERSON)
_PROJECT_LEAD = upsert_if_newer(LEAD)
_PROJECT_PLAN = upsert_if_newer(CARE_PLAN, omit=("is_closed", "marked_sequence"))
_MARKED = ("care_plan_id", "person_id", "is_closed", "marked_sequence")
_MARK = insert(CARE_PLAN).values(sequence=0, **{name: sa.bindparam(name) for name in _MARKED})
_MARK_PLAN = Statement(
    _MARK.on_conflict_do_update(
        index_elements=["care_plan_id"],
        set_={name: _MARK.excluded[name] for name in ("is_closed", "marked_sequence")},
        where=_MARK.excluded.marked_sequence > CARE_PLAN.c.marked_sequence,
    )
)

_PROJECT_INFORMATION = upsert_if_newer(INFORMATION, order=("informed_at",))
_INFORMED_AT = Statement(sa.select(INFORMATION.c.informed_at).where(INFORMATION.c.referral_id == sa.bindparam("referral_id")))

_PERSON = Statement(
    sa.select(PERSON.c.record)
    .where(MERGED.is_of_group(PERSON.c.person_id))
    .order_by((PERSON.c.person_id == sa.bindparam("person_id")).desc(), PERSON.c.sequence.desc(), PERSON.c.person_id)
    .limit(1)
)
#: A plan with a crisis section comes first.
_PLANS = Statement(
    sa.select(CARE_PLAN.c.record)
    .where(MERGED.is_of_group(CARE_PLAN.c.person_id), ~CARE_PLAN.c.is_closed, CARE_PLAN.c.record.is_not(None))
    .order_by(CARE_PLAN.c.record["crisis"].astext.is_(None), CARE_PLAN.c.recorded_at.desc(), CARE_PLAN.c.care_plan_id)
)
_LEAD = Statement(
    sa.select(LEAD.c.record)
    .where(MERGED.is_of_group(LEAD.c.person_id), LEAD.c.activated_at.is_not(None))
    .order_by(LEAD.c.activated_at.desc())
    .limit(1)
)


async def project_person(tx: Tx, record: PersonRecordRecorded, envelope: Envelope) -> None:
    await tx.defer_write(_PROJECT_PERSON, person_id=UUID(envelope.key), sequence=envelope.sequence, record=record.model_dump(mode="json"))


async def project_information(tx: Tx, referral_id: UUID, informed_at: datetime) -> None:
    await tx.defer_write(_PROJECT_INFORMATION, referral_id=referral_id, informed_at=informed_at)


async def informed_at(reader: ReadSession, referral_id: UUID) -> datetime | None:
    """The time of the referrer's last information."""
    at: datetime | None = await reader.fetch_value(_INFORMED_AT, referral_id=referral_id)
    return at


async def project_plan(tx: Tx, record: CarePlanRecorded, envelope: Envelope) -> None:
    await tx.defer_write(
        _PROJECT_PLAN,
        care_plan_id=record.care_plan_id,
        person_id=UUID(envelope.key),
        sequence=envelope.sequence,
        record=record.model_dump(mode="json"),
        recorded_at=envelope.time,
    )


async def mark_plan(tx: Tx, envelope: Envelope, *, is_closed: bool) -> None:
    """Closes or reopens the plan, also before its first record has arrived: the two travel on different topics."""
    ids = {"care_plan_id": UUID(envelope.subject), "person_id": UUID(envelope.key)}
    await tx.defer_write(_MARK_PLAN, **ids, is_closed=is_closed, marked_sequence=envelope.sequence)


async def project_lead(tx: Tx, lead: LeadActivated, envelope: Envelope) -> None:
    await _project_lead(tx, lead, envelope)


async def drop_lead(tx: Tx, envelope: Envelope) -> None:
    """Keeps the row with its sequence, so that an earlier activation that arrives later does not restore the lead."""
    await _project_lead(tx, None, envelope)


async def person(reader: ReadSession, person_id: UUID) -> PersonRecordRecorded | None:
    """The person's latest record, of this id if there is one."""
    record = await reader.fetch_value(_PERSON, person_id=person_id)
    return None if record is None else PersonRecordRecorded.model_validate(record)


async def plans(reader: ReadSession, person_id: UUID) -> list[CarePlanRecorded]:
    """The care plans in force, those with a crisis section first. A person has several after a merge of two with a plan each."""
    return [CarePlanRecorded.model_validate(row["record"]) for row in await reader.fetch(_PLANS, person_id=person_id)]


async def lead(reader: ReadSession, person_id: UUID) -> LeadActivated | None:
    """The current accountable lead professional."""
    record = await reader.fetch_value(_LEAD, person_id=person_id)
    return None if record is None else LeadActivated.model_validate(record)


async def crisis_plan(reader: ReadSession, person_id: UUID) -> CrisisPlan | None:
    """The plan in force that has a crisis section, and its version."""
    with_section = (plan for plan in await plans(reader, person_id) if plan.crisis)
    return next((CrisisPlan(plan.care_plan_id, plan.plan_version) for plan in with_section), None)


async def _project_lead(tx: Tx, lead: LeadActivated | None, envelope: Envelope) -> None:
    await tx.defer_write(
        _PROJECT_LEAD,
        lead_id=UUID(envelope.subject),
        person_id=UUID(envelope.key),
        sequence=envelope.sequence,
        record=lead and lead.model_dump(mode="json"),
        activated_at=lead and lead.activated_at,
    )
