"""Faulty timekeepers, and the two-hour clock of a response that nobody answers."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from infra.operations.verify.verdict import Verdict
from services.rapid_care import subscriptions
from shared.messaging.deadline_scheduler import DeadlineScheduler
from shared.persistence import deadlines
from shared.persistence.errors import INFRASTRUCTURE_ERRORS
from tests.builders.rapid_care import RapidCare, rapid_care
from tests.builders.referrals import MONDAY, referrals
from tests.chaos.defects.consumers import URGENT
from tests.chaos.defects.stack import Ground, consume, doing, relaying

_ADMINISTRATOR = "57P01"


class SettlesAfterwards(DeadlineScheduler):
    """Acts on deadlines in one transaction and settles them in the next."""

    async def _process_in_one_transaction(self) -> int:
        async with self._database.transaction() as tx:
            due = await deadlines.due(tx, self._settings.batch, self._deferred())
            for deadline in due:
                await self._fire(deadline, tx)
        async with self._database.transaction() as tx:
            await deadlines.resolve(tx, due)
        return len(due)


class LooksAhead(DeadlineScheduler):
    """Takes what is due within five minutes, not to be late."""

    async def _process_in_one_transaction(self) -> int:
        async with self._database.transaction() as tx:
            now, tx.now = tx.now, tx.now + timedelta(minutes=5)
            due = await deadlines.due(tx, self._settings.batch, self._deferred())
            tx.now = now
            for deadline in due:
                await self._fire(deadline, tx)
            await deadlines.resolve(tx, due)
        return len(due)


async def fired_twice(ground: Ground, *, is_seeded: bool) -> Verdict:
    """The database ends the timekeeper's connection when it settles the breach."""
    async with _requested(ground) as care:
        care.context.clock.advance(timedelta(hours=3))
        kind = SettlesAfterwards if is_seeded else DeadlineScheduler
        async with ground.raising("rapid_care.deadline", _ADMINISTRATOR, when="NEW.kind = 'breach' AND NEW.state = 'fired'", times=1):
            await _act_twice(care, kind(care.context.database, subscriptions.SUBSCRIPTIONS))
        return await ground.judge(care.context.clock)


async def breached_early(ground: Ground, *, is_seeded: bool) -> Verdict:
    """Nothing fails; it is two minutes before the deadline, and then it is after."""
    async with _requested(ground) as care:
        kind = LooksAhead if is_seeded else DeadlineScheduler
        for passes in (timedelta(minutes=118), timedelta(minutes=10)):
            care.context.clock.advance(passes)
            await kind(care.context.database, subscriptions.SUBSCRIPTIONS).process_due()
        return await ground.judge(care.context.clock)


@asynccontextmanager
async def _requested(ground: Ground) -> AsyncIterator[RapidCare]:
    """One response, whose clock has just begun."""
    async with (
        referrals(ground.owner_url, ground.keys, MONDAY) as desk,
        rapid_care(ground.owner_url, ground.keys, MONDAY) as care,
        doing(relaying(ground, "referrals", desk.context.database), consume(ground, subscriptions.SUBSCRIPTIONS, care.context.database)),
    ):
        await desk.routed(**URGENT)
        await ground.until("rapid_care.response")
        yield care


async def _act_twice(care: RapidCare, keeper: DeadlineScheduler) -> None:
    """As it does of itself, again and again, whatever happened; a second later."""
    with pytest.raises(INFRASTRUCTURE_ERRORS):
        await keeper.process_due()
    care.context.clock.advance(timedelta(seconds=1))
    await keeper.process_due()
