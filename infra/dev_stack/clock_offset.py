"""Sets the clock of care; effective only where time travel is allowed."""

from datetime import datetime

import asyncpg

from infra.contexts import CONTEXTS

_SET_CLOCK = "UPDATE {context}.clock_offset SET delta = $1 - clock_timestamp()"


async def set_clock(owner: "asyncpg.Connection[asyncpg.Record]", instant: datetime) -> None:
    """Sets the clock of every context to `instant` in one transaction; it then runs on."""
    async with owner.transaction():
        for context in CONTEXTS:
            await owner.execute(_SET_CLOCK.format(context=context), instant)
