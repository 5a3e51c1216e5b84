"""Moves the clock of care for all processes at once, from deadline to deadline, so that each is acted on at its own time."""

from datetime import datetime

import asyncpg

from infra.migrate import CONTEXTS
from infra.quiet import settle

_NEXT = "SELECT min(due_at) FROM {context}.timer WHERE state = 'pending'"
_JUMP = "UPDATE {context}.clock_shift SET shift = $1 - clock_timestamp()"


async def now(owner: "asyncpg.Connection[asyncpg.Record]") -> datetime:
    instant: datetime = await owner.fetchval("SELECT clock_timestamp() + shift FROM referrals.clock_shift")
    return instant


async def travel(owner: "asyncpg.Connection[asyncpg.Record]", instant: datetime) -> None:
    """Lives through everything that falls due before `instant`, then stands there. Raises TimeoutError when something hangs."""
    await settle(owner)
    while True:
        due = [each for context in CONTEXTS if (each := await owner.fetchval(_NEXT.format(context=context))) and each <= instant]
        if not due:
            break
        await jump(owner, min(due))
        await settle(owner)
    await jump(owner, instant)


async def jump(owner: "asyncpg.Connection[asyncpg.Record]", instant: datetime) -> None:
    """Sets the clock of every context in one transaction; it goes on from there."""
    async with owner.transaction():
        for context in CONTEXTS:
            await owner.execute(_JUMP.format(context=context), instant)
