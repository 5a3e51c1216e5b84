"""Persons: one row each, and a lock for concurrent first referrals of one person."""

from collections.abc import Iterable
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from services.referrals.domain.person import Person, PersonNotFound
from services.referrals.store.tables import METADATA, Tx
from shared.persistence.batching.batch_repository import BatchRepository
from shared.persistence.statements import ReadSession

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
    sa.Column("locality", sa.Text, nullable=False),
    sa.Column("story", JSONB, nullable=False),
    sa.Column("number_as_typed", sa.Text, comment="the unverified number as received"),
    sa.Column("born_as_typed", sa.Text, comment="the impossible date of birth as received"),
    sa.Column("sharing", sa.Text, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    comment="People who were referred: identity, demographics, story and sharing preference.",
)

persons = BatchRepository(Person, PERSON, topic="referrals.person-record", key=lambda person: person.id, not_found=PersonNotFound)


async def get_person(reader: ReadSession, person_id: UUID) -> Person:
    """Takes no lock: receipt locks a person before their referrals, so a transaction with a referral's lock must not wait for its person.

    Raises PersonNotFound.
    """
    person = await persons.find(reader, person_id)
    if person is None:
        raise PersonNotFound("No person has this id.")
    return person


async def lock_people(tx: Tx, people: Iterable[UUID]) -> None:
    """Locks the ids until the transaction ends, so that two concurrent first referrals see each other."""
    await tx.lock(*(f"person {person_id}" for person_id in people))
