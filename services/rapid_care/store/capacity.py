"""The referral count and the published capacity level of each month."""

from datetime import date

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from services.rapid_care.domain.capacity import Capacity
from services.rapid_care.store.tables import CAPACITY, MONTHLY_REFERRAL_COUNT, Tx
from shared.kernel.errors import NotFound
from shared.kernel.ids import derived_id
from shared.persistence.batching.batch_repository import BatchRepository
from shared.persistence.statements import Statement

capacities = BatchRepository(Capacity, CAPACITY, topic="rapid-care.capacity", key=lambda capacity: capacity.id, not_found=NotFound)

_FIRST = insert(MONTHLY_REFERRAL_COUNT).values(month=sa.bindparam("month"), referrals=1)
_COUNT = Statement(
    _FIRST.on_conflict_do_update(index_elements=["month"], set_={"referrals": MONTHLY_REFERRAL_COUNT.c.referrals + 1}).returning(
        MONTHLY_REFERRAL_COUNT.c.referrals
    )
)


async def count_referral(tx: Tx, month: date) -> int:
    """The month's number of referrals including this one. A concurrent count waits until the transaction ends."""
    referrals: int = await tx.fetch_value(_COUNT, month=month)
    return referrals


async def capacity_of(tx: Tx, month: date) -> Capacity:
    """The month's capacity, locked; a new one when no level was published for it."""
    capacity_id = derived_id("rapid-care", "capacity", month)
    return await capacities.find(tx, capacity_id, lock=True) or Capacity(capacity_id, month)
