"""Identities of persons: one row for each record that was ever unverified or merged, and the groups of records that mean one person.

A record is locked before its survivor, and no command but a merge or a separation locks two survivors. Those run one after another.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from services.referrals.domain import identity as domain
from services.referrals.domain.identity import Identity, IdentityStatus
from services.referrals.domain.person import PersonNotFound
from services.referrals.domain.record import Group, group_of
from services.referrals.store.tables import METADATA, Tx
from shared.kernel.ids import PersonId
from shared.persistence.batching.batch_repository import BatchRepository
from shared.persistence.batching.prefetch import PrefetchedLookup
from shared.persistence.schema import INSTANT
from shared.persistence.statements import ReadSession, Sql, Statement

_IS_OPEN = sa.text(f"status = '{IdentityStatus.UNVERIFIED}'")

IDENTITY = sa.Table(
    "identity",
    METADATA,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("person_id", sa.Uuid, nullable=False, unique=True),
    sa.Column("correlation_id", sa.Uuid, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("due_at", INSTANT),
    sa.Column("overdue_since", INSTANT),
    sa.Column("merged_into", sa.Uuid, index=True, comment="the surviving record, which is never merged"),
    sa.Column("merge", JSONB, comment="the present merge: when, and by whom"),
    sa.Column("separations", JSONB, nullable=False, comment="former merges: by whom they were ended, and why"),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Index("ix_identity_unverified_due_at", "due_at", "id", postgresql_where=_IS_OPEN),
    comment="Persons without a verified NHS number, and records merged into another. A person without a row is verified.",
)

#: A view of the ids alone. Every question about a person begins with their records, before it is known whether the caller may see them.
MERGED_RECORD = sa.Table(
    "merged_record",
    sa.MetaData(),
    sa.Column("person_id", sa.Uuid, primary_key=True),
    sa.Column("merged_into", sa.Uuid, nullable=False, comment="the surviving record"),
    info={"of": IDENTITY.name},
)

identities = BatchRepository(
    Identity, IDENTITY, topic="referrals.person", key=lambda identity: identity.person_id, not_found=PersonNotFound
)

#: The name of the lock that merges and separations take first.
_MERGES = "merges of persons"
_GROUPS = Sql(
    """
SELECT asked, survivor, array_remove(array_agg(merged.person_id), NULL) AS merged
FROM (SELECT asked, coalesce(own.merged_into, asked) AS survivor FROM unnest($1::uuid[]) AS asked
      LEFT JOIN merged_record AS own ON own.person_id = asked) AS surviving
LEFT JOIN merged_record AS merged ON merged.merged_into = survivor GROUP BY asked, survivor""",
    "people",
    tables=["identity"],
)
_AFTER = sa.tuple_(sa.bindparam("due_at", type_=INSTANT), sa.bindparam("identity_id", type_=sa.Uuid))
_UNVERIFIED = Statement(
    sa.select(IDENTITY)
    .where(IDENTITY.c.status == sa.literal_column(f"'{IdentityStatus.UNVERIFIED}'"))
    .where(_AFTER < sa.tuple_(IDENTITY.c.due_at, IDENTITY.c.id))
    .order_by(IDENTITY.c.due_at, IDENTITY.c.id)
    .limit(sa.bindparam("limit", type_=sa.Integer))
)


async def _groups(reader: ReadSession, people: Sequence[UUID]) -> Mapping[UUID, Group]:
    rows = await reader.fetch(_GROUPS, people=list(people))
    return {row["asked"]: group_of(row["survivor"], row["merged"]) for row in rows}


def _unknown() -> Group:
    raise LookupError("each id has a group")


GROUPS: PrefetchedLookup[UUID, Group] = PrefetchedLookup(_groups, absent=_unknown, tables=("identity",))


async def find_groups(reader: ReadSession, people: Collection[UUID]) -> Mapping[UUID, Group]:
    """The records that mean the same person as each of these, without a lock."""
    return await _groups(reader, list(people)) if people else {}


async def find_group(reader: ReadSession, person_id: UUID) -> Group:
    return (await find_groups(reader, [person_id]))[person_id]


async def lock_groups(tx: Tx, people: Collection[UUID]) -> list[Group]:
    """Locks the records and their survivors until the transaction ends, so that their groups stay as they are."""
    known = GROUPS.known(tx)
    if all(person_id in known for person_id in people):  # locked before they were read
        return [known[person_id] for person_id in people]
    await lock_people(tx, people)
    await GROUPS.prefetch(tx, people)
    groups = [await GROUPS.get(tx, person_id) for person_id in people]
    survivors = {group.survivor for group in groups}.difference(people)
    if not survivors:
        return groups
    await lock_people(tx, survivors)
    for person_id in people:
        GROUPS.forget(tx, person_id)
    await GROUPS.prefetch(tx, people)
    return [await GROUPS.get(tx, person_id) for person_id in people]


async def lock_group(tx: Tx, person_id: UUID) -> Group:
    [group] = await lock_groups(tx, [person_id])
    return group


async def lock_merges(tx: Tx) -> None:
    """Merges and separations wait for each other, before they lock a record."""
    await tx.lock(_MERGES)


async def lock_people(tx: Tx, people: Iterable[UUID]) -> None:
    """Locks the ids until the transaction ends, so that two concurrent first referrals see each other."""
    await tx.lock(*(f"person {person_id}" for person_id in people))


async def find_identity(reader: ReadSession, person_id: UUID) -> Identity:
    """A person without a row is verified, at version 0."""
    known_id = PersonId(person_id)
    return await identities.find(reader, domain.id_of(known_id)) or domain.verified(known_id)


async def unverified(reader: ReadSession, *, after: tuple[datetime, UUID], limit: int) -> list[Identity]:
    """Those whose tracing is due first come first; `after` is the deadline and the id of the identity before."""
    due_at, identity_id = after
    rows = await reader.fetch(_UNVERIFIED, due_at=due_at, identity_id=identity_id, limit=limit)
    return [identities.from_row(row) for row in rows]
