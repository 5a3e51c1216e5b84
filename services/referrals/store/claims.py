"""Claims of referrals at the Community Point of Access: one row each, which a later claim replaces."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import asyncpg
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from services.referrals.domain.claims import Claim
from services.referrals.store.tables import METADATA, Tx
from shared.persistence.schema import INSTANT
from shared.persistence.statements import ReadSession, Statement, any_of

CLAIM = sa.Table(
    "claim",
    METADATA,
    sa.Column("referral_id", sa.Uuid, primary_key=True),
    sa.Column("claimed_by", sa.Text, nullable=False),
    sa.Column("claimed_at", INSTANT, nullable=False),
    sa.Column("lapses_at", INSTANT, nullable=False),
    comment="Who works on a referral at the Community Point of Access now, until the claim lapses.",
)

_NEW = insert(CLAIM).values({column.name: sa.bindparam(column.name) for column in CLAIM.columns})
_PUT = Statement(
    _NEW.on_conflict_do_update(
        index_elements=["referral_id"], set_={name: _NEW.excluded[name] for name in ("claimed_by", "claimed_at", "lapses_at")}
    )
)
_DROP = Statement(sa.delete(CLAIM).where(CLAIM.c.referral_id == sa.bindparam("referral_id")))
_LIVE = Statement(
    sa.select(CLAIM).where(CLAIM.c.referral_id == any_of("referral_ids")).where(CLAIM.c.lapses_at > sa.bindparam("now", type_=INSTANT))
)


async def put(tx: Tx, claim: Claim) -> None:
    """The referral is locked, so that of two claims at once the second sees the first."""
    await tx.defer_write(_PUT, **{name: getattr(claim, name) for name in Claim.__slots__})


async def drop(tx: Tx, referral_id: UUID) -> None:
    await tx.defer_write(_DROP, referral_id=referral_id)


async def live(reader: ReadSession, referral_ids: Sequence[UUID], now: datetime) -> dict[UUID, Claim]:
    """The claims that hold, by referral."""
    rows = await reader.fetch(_LIVE, referral_ids=list(referral_ids), now=now) if referral_ids else []
    return {row["referral_id"]: _of(row) for row in rows}


def _of(row: asyncpg.Record) -> Claim:
    return Claim(**{name: row[name] for name in Claim.__slots__})
