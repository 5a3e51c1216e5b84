"""Recorded lives: one row for each person with a recorded death or move, also for a person without a referral."""

from collections.abc import Iterable, Sequence
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from services.referrals.domain import life as domain
from services.referrals.domain.life import Life, LifeStatus
from services.referrals.domain.person import PersonNotFound
from services.referrals.domain.referral import OPEN, Referral
from services.referrals.store.identity import GROUPS, lock_group
from services.referrals.store.people import PERSON
from services.referrals.store.referrals import REFERRAL, referrals
from services.referrals.store.tables import METADATA, Tx
from services.referrals.store.timeline import TIMELINE_EVENT
from shared.kernel.decision import Decision
from shared.kernel.ids import PersonId
from shared.persistence.batching.batch_repository import BatchRepository
from shared.persistence.statements import ReadSession, Statement, any_of

LIFE = sa.Table(
    "life",
    METADATA,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("person_id", sa.Uuid, nullable=False),
    sa.Column("correlation_id", sa.Uuid, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("changes", JSONB, nullable=False, comment="the recorded death and move that hold, the last one at the end"),
    sa.Column("restoration", JSONB, comment="the last reversal of a mistaken change"),
    sa.Column("returned", JSONB, comment="the last return of the person after a change"),
    sa.Column("version", sa.Integer, nullable=False),
    comment="Recorded deaths and moves of persons, and their reversal. A person without a row is living.",
)

lives = BatchRepository(Life, LIFE, topic="referrals.person", key=lambda life: life.person_id, not_found=PersonNotFound)

_PERSON_ID = sa.bindparam("person_id", type_=sa.Uuid)
_RECORDS = (PERSON.c.id == _PERSON_ID, TIMELINE_EVENT.c.person_id == _PERSON_ID, LIFE.c.id == sa.bindparam("life_id", type_=sa.Uuid))
_IS_KNOWN = Statement(sa.select(sa.or_(*(sa.exists().where(record) for record in _RECORDS))))
_OF_PEOPLE = REFERRAL.c.person_id == any_of("people")
_IS_OPEN = REFERRAL.c.status == sa.any_(sa.bindparam("statuses", type_=sa.ARRAY(sa.Text)))
_OPEN_IDS = Statement(sa.select(REFERRAL.c.id).where(_OF_PEOPLE, _IS_OPEN))
_LOCK_OPEN = Statement(sa.select(REFERRAL).where(_OF_PEOPLE, _IS_OPEN).order_by(REFERRAL.c.id).with_for_update())
_LOCK_ENDED = Statement(sa.select(REFERRAL).where(_OF_PEOPLE, REFERRAL.c.ended_from.is_not(None)).order_by(REFERRAL.c.id).with_for_update())
_IS_REPORTED = sa.and_(REFERRAL.c.ended_at.is_not(None), REFERRAL.c.discrepancies_due_at.is_not(None))
_LOCK_REPORTED = Statement(sa.select(REFERRAL).where(_OF_PEOPLE, _IS_REPORTED).order_by(REFERRAL.c.id).with_for_update())
_MARK_OPEN = Statement(sa.update(REFERRAL).where(_OF_PEOPLE, _IS_OPEN).values(person_is_recorded_as=sa.bindparam("recorded_as")))
_KEEP_ENDED = Statement(sa.update(REFERRAL).where(_OF_PEOPLE, REFERRAL.c.ended_from.is_not(None)).values(ended_from=None))


async def find_life(reader: ReadSession, person_id: PersonId) -> Life:
    """Without a lock; the life of a person without a row is living, at version 0."""
    return await lives.find(reader, domain.id_of(person_id)) or domain.living(person_id)


async def lock_life(tx: Tx, person_id: PersonId) -> Life:
    """Locks the person, then the row of their life. The person is locked before any of their referrals."""
    await lock_group(tx, person_id)
    return await _of_record(tx, person_id)


async def save_life(tx: Tx, decision: Decision[Life]) -> Life:
    """Saves the change for each record of the person, with an event for each. The person is locked."""
    others = [await _of_record(tx, each) for each in await _records(tx, decision.state.person_id) if each != decision.state.person_id]
    for other in others:
        await lives.save(tx, domain.follow(other, decision))
    return await lives.save(tx, decision)


async def prefetch_lives(tx: Tx, people: Iterable[UUID]) -> None:
    """Reads the lives of people whom this transaction has locked. Does nothing outside a batch."""
    await lives.prefetch(tx, [domain.id_of(PersonId(person_id)) for person_id in people])


async def is_known(reader: ReadSession, person_id: PersonId) -> bool:
    """Whether the person was referred, or another service has published an event about them."""
    known: bool = await reader.fetch_value(_IS_KNOWN, person_id=person_id, life_id=domain.id_of(person_id))
    return known


async def lock_open_referrals(tx: Tx, person_id: UUID) -> list[Referral]:
    """The open referrals of a person, locked in the order of their ids."""
    rows = await tx.fetch(_LOCK_OPEN, people=await _records(tx, person_id), statuses=list(OPEN))
    return [referrals.attach(tx, row) for row in rows]


async def lock_ended_referrals(tx: Tx, person_id: UUID) -> list[Referral]:
    """The referrals of a person that a death or a move has ended, locked in the order of their ids."""
    rows = await tx.fetch(_LOCK_ENDED, people=await _records(tx, person_id))
    return [referrals.attach(tx, row) for row in rows]


async def lock_reported_referrals(tx: Tx, person_id: UUID) -> list[Referral]:
    """The withdrawn referrals of a person whose report of a death or a move stands, locked in the order of their ids."""
    rows = await tx.fetch(_LOCK_REPORTED, people=await _records(tx, person_id))
    return [referrals.attach(tx, row) for row in rows]


async def open_referral_ids(tx: Tx, people: Sequence[UUID]) -> list[UUID]:
    """Without a lock, for a prefetch that locks them together with others."""
    return [row["id"] for row in await tx.fetch(_OPEN_IDS, people=list(people), statuses=list(OPEN))] if people else []


async def mark_open_referrals(tx: Tx, person_id: UUID, contradicts: LifeStatus | None) -> None:
    """Notes, at the open referrals of a person, the recorded status that they contradict."""
    await tx.execute(_MARK_OPEN, people=await _records(tx, person_id), statuses=list(OPEN), recorded_as=contradicts)


async def keep_ended_referrals(tx: Tx, person_id: UUID) -> None:
    """No later reversal reopens the referrals of a person that a death or a move has ended until now."""
    await tx.execute(_KEEP_ENDED, people=await _records(tx, person_id))


async def _of_record(tx: Tx, person_id: PersonId) -> Life:
    return await lives.find(tx, domain.id_of(person_id), lock=True) or domain.living(person_id)


async def _records(tx: Tx, person_id: UUID) -> list[PersonId]:
    """The ids of all records of the person, whom the transaction has locked."""
    return list((await GROUPS.get(tx, person_id)).ids)
