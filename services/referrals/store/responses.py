"""The projection of Rapid Care's responses: what the Community Point of Access must see of a referral that Rapid Care has.

Each event sets what it states, and the sequences decide about opposite events, so that any order of arrival gives the same row.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from services.referrals.store.tables import METADATA, Tx
from shared.contracts.rapid_care import OverdueStep
from shared.persistence.schema import INSTANT
from shared.persistence.statements import ReadSession, Statement, any_of

RESPONSE = sa.Table(
    "response",
    METADATA,
    sa.Column("response_id", sa.Uuid, primary_key=True),
    sa.Column("referral_id", sa.Uuid, index=True),
    sa.Column("opens_at", INSTANT),
    sa.Column("due_at", INSTANT),
    sa.Column("at_risk_since", INSTANT),
    sa.Column("breached_at", INSTANT),
    sa.Column("is_breach_cleared", sa.Boolean, nullable=False),
    sa.Column("contacted_at", INSTANT),
    sa.Column("overdue_since", INSTANT),
    sa.Column("overdue_step", sa.Text),
    sa.Column("overdue_sequence", sa.Integer, nullable=False),
    sa.Column("progress_sequence", sa.Integer, nullable=False),
    sa.Column("ended_sequence", sa.Integer, nullable=False),
    sa.Column("restored_sequence", sa.Integer, nullable=False),
    comment="Projection of Rapid Care's responses, from rapid_care.",
)
_NOTHING: Mapping[str, Any] = {column.name: None for column in RESPONSE.columns} | {
    "is_breach_cleared": False,
    "overdue_sequence": 0,
    "progress_sequence": 0,
    "ended_sequence": 0,
    "restored_sequence": 0,
}


def _merge() -> Statement:
    new = insert(RESPONSE).values({column.name: sa.bindparam(column.name, type_=column.type) for column in RESPONSE.columns})
    stated, stored = new.excluded, RESPONSE.c
    is_later = stated.overdue_sequence > stored.overdue_sequence
    changes: dict[str, Any] = {name: sa.func.coalesce(stated[name], stored[name]) for name in ("referral_id", "opens_at", "due_at")}
    changes |= {name: sa.func.least(stated[name], stored[name]) for name in ("at_risk_since", "breached_at", "contacted_at")}
    changes |= {name: sa.func.greatest(stated[name], stored[name]) for name in _NOTHING if name.endswith("_sequence")}
    changes |= {name: sa.case((is_later, stated[name]), else_=stored[name]) for name in ("overdue_since", "overdue_step")}
    changes["is_breach_cleared"] = sa.or_(stated.is_breach_cleared, stored.is_breach_cleared)
    return Statement(new.on_conflict_do_update(index_elements=["response_id"], set_=changes))


_MERGE = _merge()
#: Whether the response has not ended, and whether a step of it is overdue.
IS_LIVE = RESPONSE.c.ended_sequence <= RESPONSE.c.restored_sequence
IS_OVERDUE = RESPONSE.c.overdue_sequence > RESPONSE.c.progress_sequence
IS_BREACHED = sa.and_(RESPONSE.c.breached_at.is_not(None), sa.not_(RESPONSE.c.is_breach_cleared))
_OF_REFERRALS = Statement(
    sa.select(
        RESPONSE.c.referral_id,
        RESPONSE.c.opens_at,
        RESPONSE.c.due_at,
        RESPONSE.c.at_risk_since,
        sa.case((IS_BREACHED, RESPONSE.c.breached_at)).label("breached_at"),
        RESPONSE.c.contacted_at,
        sa.case((IS_OVERDUE, RESPONSE.c.overdue_step)).label("overdue_step"),
    )
    .where(RESPONSE.c.referral_id == any_of("referral_ids"), IS_LIVE)
    .order_by(RESPONSE.c.response_id)
)


@dataclass(frozen=True, slots=True)
class ReceiverProgress:
    """Rapid Care's progress with a referral. `opens_at` is the opening until which the response is held.

    `contacted_at` is when a clinician first saw the person: a visit without access is none.
    """

    opens_at: datetime | None
    due_at: datetime | None
    at_risk_since: datetime | None
    breached_at: datetime | None
    contacted_at: datetime | None
    overdue_step: OverdueStep | None


async def merge(tx: Tx, response_id: UUID, **stated: Any) -> None:
    """Records what an event about the response states."""
    await tx.defer_write(_MERGE, **{**_NOTHING, "response_id": response_id, **stated})


async def progress(reader: ReadSession, referral_ids: Collection[UUID]) -> dict[UUID, ReceiverProgress]:
    """The progress of the last response that has not ended, by referral."""
    rows = await reader.fetch(_OF_REFERRALS, referral_ids=list(referral_ids)) if referral_ids else []
    return {row["referral_id"]: _progress(dict(row)) for row in rows}


async def is_contacted(reader: ReadSession, referral_id: UUID) -> bool:
    """Whether Rapid Care has seen the person for this referral."""
    found = (await progress(reader, [referral_id])).get(referral_id)
    return found is not None and found.contacted_at is not None


def _progress(row: dict[str, Any]) -> ReceiverProgress:
    step = row["overdue_step"]
    values = {name: value for name, value in row.items() if name not in {"referral_id", "overdue_step"}}
    return ReceiverProgress(**values, overdue_step=OverdueStep(step) if step else None)
