"""Sets the clock of care, where time travel is allowed."""

from datetime import datetime

import asyncpg

from infra.contexts import CONTEXTS

_JUMP = "UPDATE {context}.clock_shift SET shift = $1 - clock_timestamp()"


async def set_clock(owner: "asyncpg.Connection[asyncpg.Record]", instant: datetime) -> None:
    """Sets it for every context in one transaction; it goes on from there."""
    async with owner.transaction():
        for context in CONTEXTS:
            await owner.execute(_JUMP.format(context=context), instant)
