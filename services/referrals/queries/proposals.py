"""Proposals that wait for the Community Point of Access, with the persons whom they concern."""

from datetime import date, datetime
from uuid import UUID

import sqlalchemy as sa

from services.referrals.domain import proposals as domain
from services.referrals.domain.person import Person
from services.referrals.domain.proposals import Proposal, ProposalStatus, shown
from services.referrals.store import proposals as store
from services.referrals.store.identity import find_group
from services.referrals.store.people import find_people, get_person
from services.referrals.store.proposals import PROPOSAL, proposals
from shared.kernel.state_table import Transitions
from shared.persistence.schema import INSTANT
from shared.persistence.statements import ReadSession, Statement

#: The deadline and the id of the last proposal of a page.
PageKey = tuple[datetime, UUID]

_KEY = sa.tuple_(PROPOSAL.c.due_at, PROPOSAL.c.id)
_AFTER = sa.tuple_(sa.bindparam("due_at", type_=INSTANT), sa.bindparam("proposal_id", type_=sa.Uuid))
_OPEN = Statement(
    sa.select(PROPOSAL)
    .where(PROPOSAL.c.due_at.is_not(None), PROPOSAL.c.status == sa.literal_column(f"'{ProposalStatus.UNDECIDED}'"), _AFTER < _KEY)
    .order_by(PROPOSAL.c.due_at, PROPOSAL.c.id)
    .limit(sa.bindparam("limit", type_=sa.Integer))
)


async def open_proposals(reader: ReadSession, *, after: PageKey, limit: int) -> list[tuple[Proposal, Person]]:
    """Those of all persons, with the values of today, in the order of their deadlines."""
    due_at, proposal_id = after
    rows = await reader.fetch(_OPEN, due_at=due_at, proposal_id=proposal_id, limit=limit)
    found = [proposals.from_row(row) for row in rows]
    known = await find_people(reader, {each.person_id for each in found})
    people = {person_id: person for person, group in known for person_id in group.ids}
    return [(shown(each, people[each.person_id]), people[each.person_id]) for each in found]


async def proposal(reader: ReadSession, proposal_id: UUID) -> tuple[Proposal, Person]:
    """One, open or decided. Raises ProposalNotFound."""
    found = await store.get_proposal(reader, proposal_id)
    person = await get_person(reader, found.person_id)
    return shown(found, person), person


async def offered(reader: ReadSession, proposal_id: UUID, *, on: date) -> tuple[Proposal, Transitions]:
    """The proposal and the commands that may be given on the day. Raises ProposalNotFound."""
    found = await store.get_proposal(reader, proposal_id)
    return found, domain.offered(is_practice_closed=await store.is_practice_closed(reader, found, on))


async def of_person(reader: ReadSession, person: Person) -> list[Proposal]:
    """The open ones about a person."""
    records = (await find_group(reader, person.id)).ids
    return [shown(each, person) for each in await store.open_of_person(reader, records)]
