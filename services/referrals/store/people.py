"""Persons: one row for each record. The one record of merged ones is composed when it is read."""

from collections.abc import Collection
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from services.referrals.domain.person import Person, PersonNotFound
from services.referrals.domain.record import Group, Records, compose
from services.referrals.store.identity import GROUPS, find_group, find_groups, lock_people
from services.referrals.store.person_repository import PersonRepository
from services.referrals.store.tables import METADATA, Tx
from shared.persistence.schema import INSTANT
from shared.persistence.statements import ReadSession, Statement, any_of

PERSON = sa.Table(
    "person",
    METADATA,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("correlation_id", sa.Uuid, nullable=False),
    sa.Column("nhs_number", sa.Text),
    sa.Column("given_name", sa.Text, nullable=False),
    sa.Column("family_name", sa.Text, nullable=False),
    sa.Column("born_on", sa.Date),
    sa.Column("address", sa.Text, nullable=False),
    sa.Column("telephone", sa.Text),
    sa.Column("practice_code", sa.Text, nullable=False),
    sa.Column("residence", sa.Text, nullable=False),
    sa.Column("locality", sa.Text, comment="of the practice of today; null for an unknown one"),
    sa.Column("story", JSONB, nullable=False),
    sa.Column("number_as_typed", sa.Text, comment="the unverified number as received"),
    sa.Column("born_as_typed", sa.Text, comment="the impossible date of birth as received"),
    sa.Column("sharing", sa.Text, nullable=False),
    sa.Column("sharing_stated_by", sa.Text, comment="who stated the preference; null for the default one, and when no one is named"),
    sa.Column("former_values", JSONB, nullable=False, comment="values that staff have replaced, the oldest first"),
    sa.Column("erased_at", INSTANT, comment="no word from before is left; null again after a referral with the number"),
    sa.Column("is_practice_confirmed", sa.Boolean, nullable=False, comment="not only the practice itself has stated it"),
    sa.Column("practice_doubts", JSONB, nullable=False, comment="of triagers, each about a practice; a confirmation ends it"),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("given_name_form", sa.Text, comment="this and the other forms: as `record_fields` compares the values"),
    sa.Column("family_name_form", sa.Text),
    sa.Column("address_form", sa.Text),
    sa.Column("postcode_form", sa.Text, comment="at the end of the address"),
    sa.Column("telephone_form", sa.Text, comment="the last ten digits"),
    sa.Column("number_form", sa.Text, comment="the ten digits of the unverified number"),
    sa.Index("ix_person_born_on_family_name_form", "born_on", "family_name_form"),
    sa.Index("ix_person_address_form", "address_form"),
    sa.Index("ix_person_postcode_form", "postcode_form"),
    sa.Index("ix_person_telephone_form", "telephone_form"),
    sa.Index("ix_person_number_form", "number_form", postgresql_where=sa.text("number_form IS NOT NULL")),
    comment="People who were referred: identity, demographics, story and sharing preference.",
)

#: The practice that may see the person; null for one that only itself has stated.
REGISTERED_PRACTICE: sa.ColumnElement[str] = sa.case((PERSON.c.is_practice_confirmed, PERSON.c.practice_code))

persons = PersonRepository(Person, PERSON, topic="referrals.person-record", key=lambda person: person.id, not_found=PersonNotFound)

_BY_IDS = Statement(sa.select(PERSON).where(PERSON.c.id == any_of("people")))

__all__ = [
    "PERSON",
    "REGISTERED_PRACTICE",
    "find_people",
    "find_person",
    "get_person",
    "lock_people",
    "persons",
    "records_in",
    "records_of",
]


async def get_person(reader: ReadSession, person_id: UUID) -> Person:
    """The person's one record under this id, without a lock.

    Receipt locks a person before their referrals, so a transaction with a referral's lock must not wait for its person.

    Raises PersonNotFound.
    """
    person = await find_person(reader, person_id)
    if person is None:
        raise PersonNotFound("No person has this id.")
    return person


async def find_person(reader: ReadSession, person_id: UUID, group: Group | None = None) -> Person | None:
    """The person's one record under this id; `group` spares a statement."""
    own = await persons.find(reader, person_id)
    group = (group or await find_group(reader, person_id)) if own else None
    if own is None or group is None or not group.merged:
        return own
    return compose(own, group, await _records(reader, group.ids))


async def find_people(reader: ReadSession, people: Collection[UUID]) -> list[tuple[Person, Group]]:
    """The one record of each person of these ids, under the id of the surviving record, with all ids."""
    groups = {group.survivor: group for group in (await find_groups(reader, people)).values()}
    records = {record.id: record for record in await _records(reader, [each for group in groups.values() for each in group.ids])}
    known = [(records[survivor], group) for survivor, group in groups.items() if survivor in records]
    return [(compose(own, group, [records[each] for each in group.ids]), group) for own, group in known]


async def records_of(tx: Tx, person_id: UUID) -> Records:
    """The records of a person whom the transaction has locked."""
    return await records_in(tx, await GROUPS.get(tx, person_id))


async def records_in(tx: Tx, group: Group) -> Records:
    """The records of a group that the transaction has locked."""
    return Records(group, tuple(await persons.records(tx, group)) if group.merged else ())


async def _records(reader: ReadSession, people: Collection[UUID]) -> list[Person]:
    return [persons.from_row(row) for row in await reader.fetch(_BY_IDS, people=list(people))] if people else []
