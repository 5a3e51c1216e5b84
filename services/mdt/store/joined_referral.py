"""Referrals that wait in a case under another id of their person, with what a case of their own needs after a separation."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from services.mdt.domain.case import Case
from services.mdt.store.tables import METADATA, Tx
from shared.contracts.codes import Locality
from shared.kernel.ids import PersonId
from shared.persistence.schema import INSTANT
from shared.persistence.statements import Statement, any_of

JOINED_REFERRAL = sa.Table(
    "joined_referral",
    METADATA,
    sa.Column("referral_id", sa.Uuid, primary_key=True),
    sa.Column("person_id", sa.Uuid, nullable=False),
    sa.Column("practice_code", sa.Text, nullable=False),
    sa.Column("locality", sa.Text),
    sa.Column("is_urgent", sa.Boolean, nullable=False),
    sa.Column("referred_at", INSTANT, nullable=False),
    comment="Referrals that joined a case under another id of their person, which a separation returns to a case of their own person.",
)

_COLUMNS = {column.name: sa.bindparam(column.name, type_=column.type) for column in JOINED_REFERRAL.columns}
_INSERT = Statement(insert(JOINED_REFERRAL).values(_COLUMNS).on_conflict_do_nothing())
_AMONG = JOINED_REFERRAL.c.referral_id == any_of("referral_ids")
_FIND = Statement(sa.select(JOINED_REFERRAL).where(_AMONG).order_by(JOINED_REFERRAL.c.referred_at, JOINED_REFERRAL.c.referral_id))
_DELETE = Statement(sa.delete(JOINED_REFERRAL).where(_AMONG))


@dataclass(frozen=True, slots=True)
class JoinedReferral:
    """A referral of the person `person_id`, as it was routed to the meeting."""

    referral_id: UUID
    person_id: PersonId
    practice_code: str
    locality: Locality | None
    is_urgent: bool
    referred_at: datetime

    @classmethod
    def of(cls, case: Case, referral_id: UUID) -> "JoinedReferral":
        """The referral as a case has it."""
        return cls(referral_id, case.person_id, case.practice_code, case.locality, case.is_urgent, case.referred_at)


async def record_joined(tx: Tx, joined: JoinedReferral) -> None:
    """Keeps the first record: a referral that joins a second case has the same person."""
    await tx.execute(_INSERT, **{name: getattr(joined, name) for name in _COLUMNS})


async def joined_among(tx: Tx, referral_ids: Sequence[UUID]) -> list[JoinedReferral]:
    """Those of the referrals that wait under another id, the oldest one first."""
    return [_of(row) for row in await tx.fetch(_FIND, referral_ids=list(referral_ids))] if referral_ids else []


async def forget_joined(tx: Tx, referral_id: UUID) -> None:
    await tx.execute(_DELETE, referral_ids=[referral_id])


def _of(row: Any) -> JoinedReferral:
    return JoinedReferral(**{**row, "person_id": PersonId(row["person_id"]), "locality": row["locality"] and Locality(row["locality"])})
