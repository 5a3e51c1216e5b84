"""Seeded defects of the deadline scheduler, with the two-hour clock of a response without a first contact."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from infra.operations.verify.verdict import Verdict
from services.rapid_care import subscriptions
from services.rapid_care.domain.response import ResponseDeadline
from services.rapid_care.handlers.deadlines import on_breach
from shared.messaging.deadline_scheduler import DeadlineScheduler
from shared.messaging.subscriptions import OnDeadline
from shared.persistence import deadlines
from shared.persistence.deadlines import DueDeadline
from shared.persistence.errors import INFRASTRUCTURE_ERRORS
from shared.persistence.transaction import Transaction
from tests.builders.rapid_care import RapidCareClient, rapid_care
from tests.builders.referrals import MONDAY, referrals
from tests.chaos.defects.consumers import URGENT
from tests.chaos.defects.stack import DefectStack, run_consumer, run_relay, running

_ADMIN_SHUTDOWN = "57P01"


class TwoTransactionScheduler(DeadlineScheduler):
    """Handles deadlines in one transaction and resolves them in the next."""

    async def _process_in_one_transaction(self) -> int:
        async with self._database.transaction() as tx:
            due = await deadlines.due(tx, self._settings.batch, self._deferred())
            for deadline in due:
                await self._fire(deadline, tx)
        async with self._database.transaction() as tx:
            await deadlines.resolve(tx, due)
        return len(due)


class EarlyScheduler(DeadlineScheduler):
    """Fires deadlines that are due within five minutes."""

    async def _process_in_one_transaction(self) -> int:
        async with self._database.transaction() as tx:
            now, tx.now = tx.now, tx.now + timedelta(minutes=5)
            due = await deadlines.due(tx, self._settings.batch, self._deferred())
            tx.now = now
            for deadline in due:
                await self._fire(deadline, tx)
            await deadlines.resolve(tx, due)
        return len(due)


async def fired_twice(stack: DefectStack, *, is_seeded: bool) -> Verdict:
    """PostgreSQL terminates the scheduler's session when it resolves the breach."""
    async with _requested(stack) as care:
        care.context.clock.advance(timedelta(hours=3))
        kind = TwoTransactionScheduler if is_seeded else DeadlineScheduler
        async with stack.raising("rapid_care.deadline", _ADMIN_SHUTDOWN, when="NEW.kind = 'breach' AND NEW.state = 'fired'", times=1):
            await _process_twice(care, kind(care.context.database, subscriptions.SUBSCRIPTIONS))
        return await stack.verify(care.context.clock)


async def breached_early(stack: DefectStack, *, is_seeded: bool) -> Verdict:
    """No fault: the scheduler runs two minutes before the deadline, and again after it."""
    async with _requested(stack) as care:
        kind = EarlyScheduler if is_seeded else DeadlineScheduler
        for interval in (timedelta(minutes=118), timedelta(minutes=10)):
            care.context.clock.advance(interval)
            await kind(care.context.database, subscriptions.SUBSCRIPTIONS).process_due()
        return await stack.verify(care.context.clock)


async def breached_in_silence(stack: DefectStack, *, is_seeded: bool) -> Verdict:
    """No fault: the scheduler runs after the deadline."""
    replaced: OnDeadline = {ResponseDeadline.BREACH: breach_without_a_chase} if is_seeded else {}
    async with _requested(stack) as care:
        care.context.clock.advance(timedelta(hours=3))
        seeded = replace(subscriptions.SUBSCRIPTIONS, on_deadline={**subscriptions.SUBSCRIPTIONS.on_deadline, **replaced})
        await DeadlineScheduler(care.context.database, seeded).process_due()
        return await stack.verify(care.context.clock)


async def breach_without_a_chase(deadline: DueDeadline, *, tx: Transaction[Any]) -> None:
    """Publishes the breach, and sets no deadline for the visit."""
    await on_breach(deadline, tx=tx)
    tx.cancel_deadlines(deadline.subject, ResponseDeadline.CONTACT)


@asynccontextmanager
async def _requested(stack: DefectStack) -> AsyncIterator[RapidCareClient]:
    """Yields a context with one response, whose two-hour clock has just started."""
    async with (
        referrals(stack.owner_url, stack.keys, MONDAY) as client,
        rapid_care(stack.owner_url, stack.keys, MONDAY) as care,
        running(
            run_relay(stack, "referrals", client.context.database), run_consumer(stack, subscriptions.SUBSCRIPTIONS, care.context.database)
        ),
    ):
        await client.refer_and_route(**URGENT)
        await stack.until_rows("rapid_care.response")
        yield care


async def _process_twice(care: RapidCareClient, scheduler: DeadlineScheduler) -> None:
    """Runs the scheduler again a second after its failure, as its loop does."""
    with pytest.raises(INFRASTRUCTURE_ERRORS):
        await scheduler.process_due()
    care.context.clock.advance(timedelta(seconds=1))
    await scheduler.process_due()
