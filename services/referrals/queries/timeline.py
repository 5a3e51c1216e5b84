"""The events of a chain or of a person in all services: those of this context and the projected ones (AC6)."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from services.referrals.domain import identity, life
from services.referrals.domain.referral import Referral
from services.referrals.domain.referrer_view import HiddenPart, shown
from services.referrals.store.identity import IDENTITY, find_group
from services.referrals.store.life import LIFE
from services.referrals.store.people import PERSON
from services.referrals.store.referrals import REFERRAL
from services.referrals.store.tables import EVENT, Tx
from services.referrals.store.timeline import TIMELINE_EVENT
from shared.kernel.actor import SYSTEM
from shared.persistence.schema import INSTANT
from shared.persistence.statements import ReadSession, Statement, any_of

#: Events of one transaction share an instant; their ids are ordered by the time at which they were made.
PageKey = tuple[datetime, UUID]


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """One event: ids and codes only. A restricted event has no data. A referrer does not see who else acted for the person."""

    id: UUID
    type: str
    subject: UUID
    occurred_at: datetime
    organisation: str | None
    role: str | None
    data: dict[str, Any] | None


_PUBLIC_TOPICS = ("referrals.referral", "referrals.person", "referrals.proposal")
_PUBLIC_DATA = sa.case(
    (
        EVENT.c.topic.in_([sa.literal_column(f"'{topic}'") for topic in _PUBLIC_TOPICS]),
        sa.cast(sa.func.convert_from(EVENT.c.data, sa.literal_column("'UTF8'")), JSONB),
    ),
    else_=sa.null(),
)
_OWN = (EVENT.c.id, EVENT.c.type, EVENT.c.subject, EVENT.c.occurred_at, EVENT.c.actor_org, EVENT.c.actor_role, _PUBLIC_DATA.label("data"))
_OTHERS = (
    TIMELINE_EVENT.c.id,
    TIMELINE_EVENT.c.type,
    TIMELINE_EVENT.c.subject,
    TIMELINE_EVENT.c.occurred_at,
    TIMELINE_EVENT.c.organisation.label("actor_org"),
    TIMELINE_EVENT.c.role.label("actor_role"),
    TIMELINE_EVENT.c.data,
)


def _timeline(own: sa.ColumnElement[bool], others: sa.ColumnElement[bool]) -> Statement:
    both = sa.union_all(sa.select(*_OWN).where(own), sa.select(*_OTHERS).where(others)).subquery()
    after = sa.tuple_(sa.bindparam("occurred_at", type_=INSTANT), sa.bindparam("event_id", type_=sa.Uuid))
    page = sa.select(both).where(after < sa.tuple_(both.c.occurred_at, both.c.id)).order_by(both.c.occurred_at, both.c.id)
    return Statement(page.limit(sa.bindparam("limit", type_=sa.Integer)))


_CHAIN = sa.bindparam("correlation_id", type_=sa.Uuid)
_OF_CHAIN = _timeline(EVENT.c.correlation_id == _CHAIN, TIMELINE_EVENT.c.correlation_id == _CHAIN)
_OF_OWN = _timeline(
    sa.and_(
        EVENT.c.subject == sa.bindparam("referral_id", type_=sa.Uuid),
        EVENT.c.id != sa.all_(sa.bindparam("unseen", type_=sa.ARRAY(sa.Uuid))),
    ),
    sa.false(),
)
#: The fields of an event of a referral that may name another referral.
_NAMES_OF_REFERRALS = frozenset({"from_referral_id", "into_referral_id", "merged_referral_id", "sent_as"})

_PEOPLE = any_of("people")
#: The records of the person and of their life and identity: behind the second wall, which the event log is not.
_SUBJECTS = any_of("subjects")
_RECORDS = sa.union_all(*(sa.select(table.c.id).where(table.c.id == _SUBJECTS) for table in (PERSON, LIFE, IDENTITY)))
_CHAINS_OF_PERSON = sa.select(REFERRAL.c.correlation_id).where(REFERRAL.c.person_id == _PEOPLE)
_OF_PERSON = _timeline(
    sa.or_(
        EVENT.c.subject == sa.any_(sa.func.array(_RECORDS.scalar_subquery(), type_=sa.ARRAY(sa.Uuid))),
        sa.and_(EVENT.c.correlation_id.in_(_CHAINS_OF_PERSON), EVENT.c.key == _PEOPLE),
    ),
    TIMELINE_EVENT.c.person_id == _PEOPLE,
)


async def of_chain(reader: ReadSession, referral: Referral, *, after: PageKey, limit: int) -> list[TimelineEntry]:
    """The chain that a referral began, oldest first."""
    occurred_at, event_id = after
    rows = await reader.fetch(_OF_CHAIN, correlation_id=referral.correlation_id, occurred_at=occurred_at, event_id=event_id, limit=limit)
    return [_entry(row) for row in rows]


async def of_referral(tx: Tx, referral: Referral, hidden: HiddenPart, *, after: PageKey, limit: int) -> list[TimelineEntry]:
    """The events of one referral for its referrer, oldest first. No entry names another referral, or a mark that is not shown.

    It names no other organisation than the referrer's own, that of the Community Point of Access, and the receiver of the referral.
    """
    occurred_at, event_id = after
    page = {"occurred_at": occurred_at, "event_id": event_id, "limit": limit}
    rows = await tx.fetch(_OF_OWN, referral_id=referral.id, unseen=list(hidden.events), **page)
    named = {referral.referrer_organisation, referral.receiver_organisation, tx.policy.organisation, SYSTEM.organisation}
    return [_alone(_entry(row), hidden, named) for row in rows]


async def of_person(reader: ReadSession, person_id: UUID, *, after: PageKey, limit: int) -> list[TimelineEntry]:
    """All chains of a person, under each of their ids, including those that began with case finding."""
    occurred_at, event_id = after
    people = (await find_group(reader, person_id)).ids
    subjects = [subject for each in people for subject in (each, life.id_of(each), identity.id_of(each))]
    rows = await reader.fetch(_OF_PERSON, people=list(people), subjects=subjects, occurred_at=occurred_at, event_id=event_id, limit=limit)
    return [_entry(row) for row in rows]


def _entry(row: Any) -> TimelineEntry:
    data = None if row["data"] is None else dict(row["data"])
    return TimelineEntry(row["id"], row["type"], row["subject"], row["occurred_at"], row["actor_org"], row["actor_role"], data)


def _alone(entry: TimelineEntry, hidden: HiddenPart, named: Collection[str | None]) -> TimelineEntry:
    """Without the ids of other referrals, and without the name of another organisation."""
    alone = entry if entry.organisation in named else replace(entry, organisation=None, role=None)
    if entry.data is None:
        return alone
    kept = {name: each for name, each in entry.data.items() if name not in _NAMES_OF_REFERRALS or each == str(entry.subject)}
    return replace(alone, data=shown(entry.id, kept, hidden))
