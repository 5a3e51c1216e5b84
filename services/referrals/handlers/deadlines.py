"""A deadline of a referral has passed."""

from collections.abc import Sequence

from services.referrals.domain import deadlines
from services.referrals.domain.referral import ReferralDeadline
from services.referrals.store.referrals import referrals
from services.referrals.store.tables import Tx
from shared.persistence.deadlines import DueDeadline


async def before_due(coming: Sequence[DueDeadline], *, tx: Tx) -> None:
    await referrals.prefetch(tx, [deadline.subject for deadline in coming])


async def on_due(deadline: DueDeadline, *, tx: Tx) -> None:
    referral = await referrals.load(tx, deadline.subject)
    await referrals.save(tx, deadlines.mark_overdue(referral, ReferralDeadline(deadline.kind), tx.now, tx.policy))
