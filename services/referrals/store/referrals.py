"""Referrals: one row each. The reference of an ended referral stays valid."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from services.referrals.domain.referral import MERGEABLE, Referral, ReferralNotFound, Status
from services.referrals.store.directory import same_practice
from services.referrals.store.people import PERSON
from services.referrals.store.tables import METADATA, Tx
from shared.persistence.batching.batch_repository import BatchRepository
from shared.persistence.batching.prefetch import PrefetchedLookup, PrefetchedSupply
from shared.persistence.schema import INSTANT
from shared.persistence.statements import ReadSession, Statement, any_of

REFERRAL = sa.Table(
    "referral",
    METADATA,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("person_id", sa.Uuid, nullable=False, index=True),
    sa.Column("correlation_id", sa.Uuid, nullable=False, index=True),
    sa.Column("reference", sa.Text, nullable=False, unique=True),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("condition", sa.Text),
    sa.Column("requested_urgency", sa.Text, nullable=False),
    sa.Column("urgency", sa.Text, nullable=False),
    sa.Column("referrer_organisation", sa.Text, nullable=False),
    sa.Column("practice_code", sa.Text, nullable=False),
    sa.Column("locality", sa.Text),
    sa.Column("is_practice_covered", sa.Boolean, nullable=False),
    sa.Column("is_identified", sa.Boolean, nullable=False),
    sa.Column("received_at", INSTANT, nullable=False),
    sa.Column("clock_starts_at", INSTANT, nullable=False),
    sa.Column("was_urgent", sa.Boolean, nullable=False),
    sa.Column("due_at", INSTANT),
    sa.Column("overdue_since", INSTANT),
    sa.Column("triaged_at", INSTANT),
    sa.Column("triaged_by", sa.Text),
    sa.Column("triage_reason", sa.Text),
    sa.Column("is_complex", sa.Boolean, nullable=False),
    sa.Column("has_red_flag", sa.Boolean, nullable=False),
    sa.Column("is_by_telephone", sa.Boolean, nullable=False),
    sa.Column("routing", sa.Integer, nullable=False),
    sa.Column("route", sa.Text),
    sa.Column("service_code", sa.Text),
    sa.Column("receiver_organisation", sa.Text),
    sa.Column("also_with", sa.Text),
    sa.Column("override_reason", sa.Text),
    sa.Column("return_reason", sa.Text),
    sa.Column("suggestion", sa.Text),
    sa.Column("asked_in", sa.Text),
    sa.Column("question", sa.Text),
    sa.Column("informed_at", INSTANT),
    sa.Column("raised_at", INSTANT, comment="the referrer raised the urgency, which waits for a review"),
    sa.Column("call_repeated_at", INSTANT),
    sa.Column("answer_by", INSTANT),
    sa.Column("call_overdue_since", INSTANT),
    sa.Column("discrepancies", JSONB, nullable=False),
    sa.Column("discrepancies_due_at", INSTANT),
    sa.Column("discrepancy_reason", sa.Text),
    sa.Column("merged_into", sa.Uuid, index=True),
    sa.Column("outcome", sa.Text),
    sa.Column("cancel_reason", sa.Text),
    sa.Column("ended_at", INSTANT),
    sa.Column("ended_from", sa.Text),
    sa.Column("reopen_reason", sa.Text, comment="why an end was a mistake"),
    sa.Column("person_is_recorded_as", sa.Text),
    sa.Column("onward_of", JSONB, comment="the request of another service from which the referral comes"),
    sa.Column("onward_obstacle", sa.Text, comment="why the service that was named could not be asked"),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Index("ix_referral_referrer_organisation_id", "referrer_organisation", "id"),
    sa.Index("ix_referral_practice_code_id", "practice_code", "id"),
    sa.Index("ix_referral_open_due_at", "due_at", "id", postgresql_where=sa.text("ended_at IS NULL")),
    sa.Index("ix_referral_faults", "discrepancies_due_at", postgresql_where=sa.text("discrepancies_due_at IS NOT NULL")),
    sa.Index("ix_referral_receiver_organisation", "receiver_organisation", postgresql_where=sa.text("ended_at IS NULL")),
    comment="Referrals from receipt to closure, with owner, deadline and routing.",
)

#: The sequence of reference numbers.
NUMBERS = sa.Sequence("referral_number", metadata=METADATA)

referrals = BatchRepository(
    Referral, REFERRAL, topic="referrals.referral", key=lambda referral: referral.person_id, not_found=ReferralNotFound
)

_NEXT_NUMBERS = Statement(
    sa.select(NUMBERS.next_value()).select_from(sa.func.generate_series(1, sa.bindparam("count", type_=sa.Integer)).alias("each"))
)
_MERGEABLE_FOR = Statement(
    sa.select(REFERRAL)
    .where(REFERRAL.c.person_id == any_of("people"))
    .where(REFERRAL.c.status == sa.any_(sa.bindparam("statuses", type_=sa.ARRAY(sa.Text))))
    .order_by(REFERRAL.c.id)
    .with_for_update()
)
_OPEN_ABOUT = Statement(
    sa.select(REFERRAL)
    .where(REFERRAL.c.person_id == any_of("people"), REFERRAL.c.ended_at.is_(None))
    .order_by(REFERRAL.c.id)
    .with_for_update()
)
_TARGET = REFERRAL.alias("target")
_JOINED_ACROSS = Statement(
    sa.select(REFERRAL)
    .where(REFERRAL.c.status == sa.literal_column(f"'{Status.MERGED}'"))
    .where(REFERRAL.c.person_id == any_of("people"))
    .where(
        sa.exists().where(
            _TARGET.c.id == REFERRAL.c.merged_into,
            _TARGET.c.person_id == any_of("others"),
        )
    )
    .order_by(REFERRAL.c.id)
    .with_for_update(of=REFERRAL)
)
_PERSON_OF = Statement(sa.select(REFERRAL.c.person_id).where(REFERRAL.c.id == sa.bindparam("referral_id")))
_RECORDED_PRACTICE = Statement(
    sa.select(REFERRAL.c.person_id, REFERRAL.c.referrer_organisation, PERSON.c.practice_code).where(
        REFERRAL.c.id == sa.bindparam("referral_id"),
        PERSON.c.id == REFERRAL.c.person_id,
        PERSON.c.is_practice_confirmed == sa.any_(sa.bindparam("is_confirmed", type_=sa.ARRAY(sa.Boolean))),
    )
)
_IS_RELIED_ON = Statement(sa.select(sa.exists().where(REFERRAL.c.merged_into == sa.bindparam("referral_id"))))


async def _next_numbers(tx: Tx, count: int) -> list[int]:
    return [number for (number,) in await tx.fetch(_NEXT_NUMBERS, count=count)]


async def _mergeable_ids(tx: Tx, people: Sequence[UUID]) -> Mapping[UUID, Sequence[UUID]]:
    """Locks the mergeable referrals of each person; their ids by person."""
    ids: defaultdict[UUID, list[UUID]] = defaultdict(list)
    for row in await tx.fetch(_MERGEABLE_FOR, people=list(people), statuses=list(MERGEABLE)):
        ids[row["person_id"]].append(referrals.attach(tx, row).id)
    return ids


#: The numbers of references, each used once; a refused referral leaves a gap.
REFERENCE_NUMBERS: PrefetchedSupply[int] = PrefetchedSupply(_next_numbers)
MERGEABLE_IDS: PrefetchedLookup[UUID, Sequence[UUID]] = PrefetchedLookup(_mergeable_ids, absent=tuple)


async def mergeable_for(tx: Tx, people: Sequence[UUID]) -> list[Referral]:
    """The mergeable referrals of a person, of all their records, locked, so that none of them ends during the merge."""
    ids = [referral_id for person_id in people for referral_id in await MERGEABLE_IDS.get(tx, person_id)]
    candidates = [await referrals.find(tx, referral_id, lock=True) for referral_id in ids]
    for person_id in people:
        MERGEABLE_IDS.forget(tx, person_id)
    return [referral for referral in candidates if referral is not None]


async def open_about(tx: Tx, people: Sequence[UUID]) -> list[Referral]:
    """The person's open referrals, locked. `people` are the ids of the person's records."""
    return [referrals.attach(tx, row) for row in await tx.fetch(_OPEN_ABOUT, people=list(people))]


async def joined_across(tx: Tx, people: Sequence[UUID], others: Sequence[UUID]) -> list[Referral]:
    """The referrals of these records that were merged into one of the others, locked."""
    return [referrals.attach(tx, row) for row in await tx.fetch(_JOINED_ACROSS, people=list(people), others=list(others))]


async def person_of(tx: Tx, referral_id: UUID) -> UUID:
    """The person of a referral, without a lock. Raises ReferralNotFound."""
    person_id: UUID | None = await tx.fetch_value(_PERSON_OF, referral_id=referral_id)
    if person_id is None:
        raise ReferralNotFound(f"No referral has the id {referral_id}.")
    return person_id


async def stated_by_referrer(tx: Tx, referral_id: UUID, *, is_alone: bool) -> UUID | None:
    """The person of a referral by the practice of their record, without a lock. `is_alone`: no one else says that it is."""
    found = await tx.fetch_one(_RECORDED_PRACTICE, referral_id=referral_id, is_confirmed=[False] if is_alone else [False, True])
    same = await same_practice(tx, found["practice_code"], tx.policy.day_of(tx.now)) if found else ()
    return found["person_id"] if found and found["referrer_organisation"] in same else None


async def is_relied_on(reader: ReadSession, referral: Referral) -> bool:
    """Whether another referral was merged into this one, also one of a colleague. A withdrawn one relies on it no longer."""
    is_relied_on: bool = await reader.fetch_value(_IS_RELIED_ON, referral_id=referral.id)
    return is_relied_on
