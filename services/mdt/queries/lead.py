"""Leads by person and by professional, with the next steps of their people."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg
import sqlalchemy as sa

from services.mdt.domain import care_plan, case
from services.mdt.domain.care_plan import CarePlan
from services.mdt.domain.lead import OPEN, Lead, LeadNotFound, Status
from services.mdt.store import lead as store
from services.mdt.store.care_plan import CARE_PLAN, care_plans
from services.mdt.store.case import CASE
from services.mdt.store.lead import LEAD, leads
from services.mdt.store.tables import MERGED
from shared.persistence.statements import ReadSession, Statement, any_of, is_one_of

#: The professional who is the active lead of a person.
active_professional = store.active_professional

_OF_PERSON = Statement(
    sa.select(LEAD).where(MERGED.is_of_group(LEAD.c.person_id), is_one_of(LEAD.c.status, OPEN)).order_by(LEAD.c.status, LEAD.c.id)
)
_OF_PROFESSIONAL = Statement(
    sa.select(LEAD)
    .where(LEAD.c.professional_id == sa.bindparam("professional_id", type_=sa.Text), is_one_of(LEAD.c.status, OPEN))
    .where(LEAD.c.organisation == sa.func.coalesce(sa.bindparam("organisation", type_=sa.Text), LEAD.c.organisation))
    .order_by(LEAD.c.id)
)
_AMONG = any_of("person_ids")
_PLANS = Statement(sa.select(CARE_PLAN).where(CARE_PLAN.c.person_id == _AMONG, is_one_of(CARE_PLAN.c.status, care_plan.OPEN)))
_AGENDAS = Statement(
    sa.select(CASE.c.person_id, CASE.c.meeting_id, CASE.c.meeting_starts_at).where(
        CASE.c.person_id == _AMONG, CASE.c.status == case.Status.LISTED.value
    )
)


@dataclass(frozen=True, slots=True)
class OwnPerson:
    """One of a professional's people: lead, plan and next meeting. A person with several plans, after a merge, is repeated.

    A proposed lead sees neither plan nor meeting before the acceptance.
    """

    lead: Lead
    plan: CarePlan | None
    meeting_id: UUID | None
    meeting_starts_at: datetime | None


async def lead(reader: ReadSession, lead_id: UUID) -> Lead:
    """Raises LeadNotFound."""
    found = await leads.find(reader, lead_id)
    if found is None:
        raise LeadNotFound(f"No lead has the id {lead_id}.")
    return found


async def leads_of_person(reader: ReadSession, person_id: UUID) -> list[Lead]:
    """The active lead of the person, then the proposed ones, under any of their ids."""
    return [leads.from_row(row) for row in await reader.fetch(_OF_PERSON, person_id=person_id)]


async def people_of(reader: ReadSession, professional_id: str, organisation: str | None) -> list[OwnPerson]:
    """The people whose active or proposed lead the professional is; of every organisation that uses the code when none is named."""
    own = [leads.from_row(row) for row in await reader.fetch(_OF_PROFESSIONAL, professional_id=professional_id, organisation=organisation)]
    groups = await MERGED.groups_of(reader, [each.person_id for each in own])
    person_ids = list({member for group in groups.values() for member in group})
    plans: dict[UUID, CarePlan] = {
        plan.person_id: plan for plan in map(care_plans.from_row, await reader.fetch(_PLANS, person_ids=person_ids))
    }
    agendas = {row["person_id"]: row for row in await reader.fetch(_AGENDAS, person_ids=person_ids)}
    entries = [(each, member) for each in own for member in _members(each, groups[each.person_id], plans)]
    return [_own(each, plans.get(member), agendas.get(member)) for each, member in entries]


def _members(each: Lead, group: Sequence[UUID], plans: Mapping[UUID, CarePlan]) -> list[UUID]:
    """The lead's own id, and for an active lead the other ids of the person that have a plan."""
    others = group[1:] if each.status is Status.ACTIVE else ()
    return [each.person_id, *(member for member in others if member in plans)]


def _own(each: Lead, plan: CarePlan | None, agenda: asyncpg.Record | None) -> OwnPerson:
    if each.status is not Status.ACTIVE:
        return OwnPerson(each, None, None, None)
    meeting = (agenda["meeting_id"], agenda["meeting_starts_at"]) if agenda else (None, None)
    return OwnPerson(each, plan, *meeting)
