"""A deadline of a referral has passed."""

from collections.abc import Sequence

from services.referrals.domain import deadlines
from services.referrals.domain.referral import Due
from services.referrals.store.referrals import referrals
from services.referrals.store.tables import Tx
from shared.persistence.deadlines import Timer


async def before_due(coming: Sequence[Timer], *, tx: Tx) -> None:
    await referrals.read_ahead(tx, [timer.subject for timer in coming])


async def on_due(timer: Timer, *, tx: Tx) -> None:
    referral = await referrals.load(tx, timer.subject)
    await referrals.save(tx, deadlines.remind(referral, Due(timer.kind), tx.now, tx.policy))
