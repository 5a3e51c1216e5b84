"""What referrers amended, in their words, for the referrer who sent it and for the Community Point of Access."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from services.referrals.commands import AmendReferral
from services.referrals.domain.referral import Referral
from services.referrals.store.tables import METADATA, Tx
from shared.kernel.ids import new_id
from shared.persistence.schema import INSTANT
from shared.persistence.statements import ReadSession, Statement, any_of

AMENDMENT = sa.Table(
    "amendment",
    METADATA,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("referral_id", sa.Uuid, nullable=False, index=True, comment="the referral that the referrer sent, also a merged one"),
    sa.Column("amended_at", INSTANT, nullable=False),
    sa.Column("information", sa.Text),
    sa.Column("telephone", sa.Text),
    sa.Column("is_urgent", sa.Boolean, nullable=False),
    comment="Amendments of referrals by their referrers, as sent.",
)

_ADD = Statement(insert(AMENDMENT).values({column.name: sa.bindparam(column.name) for column in AMENDMENT.columns}))
_OF_REFERRALS = Statement(
    sa.select(AMENDMENT).where(AMENDMENT.c.referral_id == any_of("referral_ids")).order_by(AMENDMENT.c.amended_at, AMENDMENT.c.id)
)


@dataclass(frozen=True, slots=True)
class SentAmendment:
    """An amendment as its referrer sent it."""

    referral_id: UUID
    amended_at: datetime
    information: str | None
    telephone: str | None
    is_urgent: bool


async def add(tx: Tx, referral: Referral, command: AmendReferral) -> None:
    await tx.defer_write(
        _ADD,
        id=new_id(),
        referral_id=referral.id,
        amended_at=tx.now,
        information=command.information,
        telephone=command.telephone,
        is_urgent=command.is_urgent,
    )


async def of_referrals(reader: ReadSession, referral_ids: Sequence[UUID]) -> list[SentAmendment]:
    """Oldest first."""
    rows = await reader.fetch(_OF_REFERRALS, referral_ids=list(referral_ids)) if referral_ids else []
    return [SentAmendment(**{name: row[name] for name in SentAmendment.__slots__}) for row in rows]
