"""The table of practices in this context, resolved on the day of the transaction."""

from collections.abc import Collection

from services.mdt.store.tables import Tx
from shared.contracts.codes import Locality
from shared.contracts.practices import Practice
from shared.persistence.practices import practices_of


async def practice_today(tx: Tx, code: str) -> Practice | None:
    """The practice for which the code stands today; None for one outside the borough, and for one that closed without a successor."""
    return (await practices_of(tx, [code])).on(code, tx.policy.day_of(tx.now))


async def acting_practice(tx: Tx, code: str) -> str | None:
    """The code under which people of this code are cared for today; a code outside the table stands for itself."""
    return (await practices_of(tx, [code])).acting(code, tx.policy.day_of(tx.now))


async def same_practice(tx: Tx, code: str) -> Collection[str]:
    """The codes that stand for the same practice today, the code among them."""
    return (await practices_of(tx, [code])).same_as(code, tx.policy.day_of(tx.now))


async def codes_of_practice(tx: Tx, code: str) -> Collection[str]:
    """The codes whose people this practice cares for today; none once it has closed."""
    return (await practices_of(tx, [code])).codes_of(code, tx.policy.day_of(tx.now))


async def locality_of_practice(tx: Tx, code: str) -> Locality | None:
    practice = await practice_today(tx, code)
    return practice.locality if practice else None
