"""Moves the clock of care from deadline to deadline, so that each fires at its due time."""

from datetime import datetime

import asyncpg

from infra.contexts import CONTEXTS
from infra.dev_stack.clock_offset import set_clock
from infra.dev_stack.drain import wait_until_drained

_NEXT = "SELECT min(due_at) FROM {context}.deadline WHERE state = 'pending'"


async def travel(owner: "asyncpg.Connection[asyncpg.Record]", instant: datetime) -> None:
    """Fires every deadline due before `instant` in order, then sets the clock to `instant`. Raises TimeoutError when work stays pending."""
    await wait_until_drained(owner)
    while True:
        due = [each for context in CONTEXTS if (each := await owner.fetchval(_NEXT.format(context=context))) and each <= instant]
        if not due:
            break
        await set_clock(owner, min(due))
        await wait_until_drained(owner)
    await set_clock(owner, instant)
