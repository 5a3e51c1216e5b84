"""A deadline of a referral has passed."""

from collections.abc import Sequence

from services.referrals.domain import deadlines
from services.referrals.domain.referral import Due
from services.referrals.store.referrals import referrals
from services.referrals.store.tables import Tx
from shared.persistence.deadlines import DueDeadline


async def before_due(coming: Sequence[DueDeadline], *, tx: Tx) -> None:
    await referrals.prefetch(tx, [timer.subject for timer in coming])


async def on_due(timer: DueDeadline, *, tx: Tx) -> None:
    referral = await referrals.load(tx, timer.subject)
    await referrals.save(tx, deadlines.mark_overdue(referral, Due(timer.kind), tx.now, tx.policy))
