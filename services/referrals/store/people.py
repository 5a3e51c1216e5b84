"""Persons: one row each, and a queue for whoever registers or refers the same one."""

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
    sa.Column("born_on", sa.Date, nullable=False),
    sa.Column("address", sa.Text, nullable=False),
    sa.Column("telephone", sa.Text),
    sa.Column("practice_code", sa.Text, nullable=False),
    sa.Column("residence", sa.Text, nullable=False),
    sa.Column("locality", sa.Text, nullable=False),
    sa.Column("story", JSONB, nullable=False),
    sa.Column("number_as_typed", sa.Text, comment="the unverified number as received"),
    sa.Column("sharing", sa.Text, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    comment="People who were referred: identity, demographics, story and sharing preference.",
)

persons = BatchRepository(Person, PERSON, topic="referrals.person-record", key=lambda person: person.id, not_found=PersonNotFound)


async def seen(reader: ReadSession, person_id: UUID) -> Person:
    """Without a lock: intake locks a person before their referrals, so whoever holds a referral must not wait for its person.

    Raises PersonNotFound.
    """
    found = await persons.find(reader, person_id)
    if found is None:
        raise PersonNotFound("No person has this id.")
    return found


async def lock_people(tx: Tx, people: Iterable[UUID]) -> None:
    """Until the transaction ends, nobody else refers these: two first referrals at once must not miss each other."""
    await tx.lock(*(f"person {person_id}" for person_id in people))
