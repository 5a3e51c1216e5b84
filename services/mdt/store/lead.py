"""Accountable leads. The database itself refuses a second active lead under one id of a person (G46).

The lock of a person's leads keeps the lead the only one under all ids that were merged.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from uuid import UUID

import asyncpg
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from services.mdt.domain.lead import OPEN, Lead, LeadAlreadyActive, LeadNotFound, Status, is_practice_gp
from services.mdt.domain.lead_succession import Leads
from services.mdt.store.tables import MERGED, METADATA, Tx
from shared.contracts.practices import GP_PREFIX
from shared.kernel.actor import Professional
from shared.kernel.decision import Decision
from shared.kernel.ids import PersonId
from shared.persistence.batching.batch_repository import BatchRepository
from shared.persistence.batching.prefetch import PrefetchedLookup
from shared.persistence.schema import INSTANT
from shared.persistence.statements import Statement, any_of, is_one_of

_ONE_ACTIVE = "uq_lead_active"

LEAD = sa.Table(
    "lead",
    METADATA,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("person_id", sa.Uuid, nullable=False, index=True),
    sa.Column("correlation_id", sa.Uuid, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("professional_id", sa.Text, nullable=False, index=True),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("organisation", sa.Text, nullable=False),
    sa.Column("practice_code", sa.Text, nullable=False),
    sa.Column("is_fallback", sa.Boolean, nullable=False),
    sa.Column("alternatives", JSONB, nullable=False),
    sa.Column("answer_by", INSTANT),
    sa.Column("activated_at", INSTANT),
    sa.Column("care_plan_id", sa.Uuid),
    sa.Column("by_change", JSONB, comment="the death or move that ended the lead, and the status before"),
    sa.Column("by_merge", INSTANT, comment="when the lead ended, because the person's other record had a lead as well"),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Index(_ONE_ACTIVE, "person_id", unique=True, postgresql_where=sa.text(f"status = '{Status.ACTIVE}'")),
    comment="Accountable lead professionals, proposed, active and past; at most one is active for a person.",
)

leads = BatchRepository(Lead, LEAD, topic="mdt.lead", key=lambda lead: lead.person_id, not_found=LeadNotFound)

_OPEN_OF_PERSON = Statement(
    sa.select(LEAD).where(MERGED.is_of_group(LEAD.c.person_id), is_one_of(LEAD.c.status, OPEN)).order_by(LEAD.c.id).with_for_update(of=LEAD)
)


_ENDED_OF_PERSON = Statement(
    sa.select(LEAD)
    .where(LEAD.c.person_id == sa.bindparam("person_id"), LEAD.c.status == Status.ENDED.value)
    .order_by(LEAD.c.id)
    .with_for_update()
)
_OPEN_OF_PEOPLE = Statement(sa.select(LEAD).where(LEAD.c.person_id == any_of("person_ids"), is_one_of(LEAD.c.status, OPEN)))
_LED_BY_PRACTICES = Statement(
    sa.select(LEAD)
    .where(LEAD.c.status == Status.ACTIVE.value, LEAD.c.professional_id == sa.func.concat(GP_PREFIX, LEAD.c.organisation))
    .order_by(LEAD.c.person_id)
)
_ACTIVE = Statement(
    sa.select(LEAD).where(MERGED.is_of_group(LEAD.c.person_id), LEAD.c.status == Status.ACTIVE.value).order_by(LEAD.c.id).limit(1)
)


async def _practices_that_lead(tx: Tx, person_ids: Sequence[UUID]) -> Mapping[UUID, frozenset[str]]:
    found = [leads.from_row(row) for row in await tx.fetch(_OPEN_OF_PEOPLE, person_ids=person_ids)]
    practices: defaultdict[UUID, frozenset[str]] = defaultdict(frozenset)
    for lead in filter(is_practice_gp, found):
        practices[lead.person_id] |= {lead.organisation}
    return practices


#: The practices whose GP is the active or a proposed lead, by person; none for leads by name, and without a lead.
PRACTICES_THAT_LEAD: PrefetchedLookup[UUID, frozenset[str]] = PrefetchedLookup(_practices_that_lead, absent=frozenset, tables=("lead",))


async def lock_leads(tx: Tx, person_id: PersonId) -> None:
    """Serialises decisions about a person's lead. Take it before any of their leads is locked.

    The lock of this id keeps its merges and separations away; that of the survivor is common to all ids of the person.
    """
    await tx.lock(f"leads of {person_id}")
    survivor = await MERGED.survivor(tx, person_id)
    if survivor:
        await tx.lock(f"leads of {survivor}")


async def led_by_practices(tx: Tx) -> list[Lead]:
    """The active leads that are practices, without a lock, in the order of their people."""
    return [leads.from_row(row) for row in await tx.fetch(_LED_BY_PRACTICES)]


async def active_lead(tx: Tx, person_id: PersonId) -> Lead | None:
    """The active lead of the person under any of their ids, without a lock."""
    row = await tx.fetch_one(_ACTIVE, person_id=person_id)
    return leads.from_row(row) if row else None


async def active_professional(tx: Tx, person_id: PersonId) -> Professional | None:
    """The professional who is the active lead."""
    lead = await active_lead(tx, person_id)
    return lead.professional if lead else None


async def open_leads(tx: Tx, person_id: PersonId) -> Leads:
    """The active and the proposed leads of the person under any of their ids, locked."""
    return Leads.of(await all_open_leads(tx, person_id))


async def open_leads_under(tx: Tx, person_id: PersonId) -> Leads:
    """The active and the proposed leads under this id, locked."""
    return Leads.of([lead for lead in await all_open_leads(tx, person_id) if lead.person_id == person_id])


async def all_open_leads(tx: Tx, person_id: PersonId) -> list[Lead]:
    """The open leads of the person under any of their ids, locked. While a merge is carried out, two are active."""
    return [leads.from_row(row) for row in await tx.fetch(_OPEN_OF_PERSON, person_id=person_id)]


async def ended_leads(tx: Tx, person_id: PersonId) -> list[Lead]:
    """The ended leads and proposals under this id, locked."""
    return [leads.attach(tx, row) for row in await tx.fetch(_ENDED_OF_PERSON, person_id=person_id)]


async def save_leads(tx: Tx, decisions: Sequence[Decision[Lead]]) -> list[Lead]:
    """Saves in this order, so that the outgoing lead is saved before the incoming one. Raises LeadAlreadyActive."""
    try:
        return [await leads.save(tx, decision) for decision in decisions]
    except asyncpg.UniqueViolationError as problem:
        if problem.constraint_name == _ONE_ACTIVE:
            raise LeadAlreadyActive("Another professional became the lead first.") from problem
        raise
