"""Acts on deadlines that have come: the handler's change and the settlement are one transaction.

A batch is done together; when anything in it raises, one by one. A rule that says no settles the deadline as refused;
one that fails again and again is parked for an operator. No deadline is ever skipped, and none acts twice.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import structlog

from shared.kernel.errors import DomainError
from shared.messaging.handling import Wiring
from shared.persistence import timers
from shared.persistence.database import Database
from shared.persistence.failures import CONTENTION, INFRASTRUCTURE
from shared.persistence.timers import Timer
from shared.persistence.transaction import Cause, Transaction
from shared.telemetry import metrics, tracing
from shared.telemetry.logs import frames

log = structlog.get_logger()

#: Not the deadline's fault: everything stays pending and is tried again.
TROUBLE = INFRASTRUCTURE + CONTENTION


@dataclass(frozen=True, slots=True)
class Beat:
    """How often the timekeeper looks, in seconds, how much it takes at once, and how patient it is with a failing handler."""

    idle: float = 0.05
    trouble: float = 0.5
    batch: int = 500
    attempts: int = 3


class Timekeeper:
    def __init__(self, database: Database[Any], wiring: Wiring, beat: Beat = Beat()) -> None:
        self._database, self._wiring, self._beat = database, wiring, beat
        self._failures: dict[int, int] = {}

    async def run(self) -> None:
        """Runs until cancelled; a database that is away is waited for."""
        while True:
            try:
                settled = await self.act()
            except TROUBLE as problem:
                log.warning("timekeeper.trouble", context_name=self._wiring.context, problem=type(problem).__name__)
                settled = 0
                await asyncio.sleep(self._beat.trouble)
            if not settled:
                await asyncio.sleep(self._beat.idle)

    async def act(self) -> int:
        """Settles what is due now; says how many deadlines that were."""
        try:
            return await self._together()
        except TROUBLE:
            raise
        except Exception as problem:
            log.warning("timekeeper.one-by-one", context_name=self._wiring.context, problem=type(problem).__name__)
            return await self._one_by_one()

    async def _together(self) -> int:
        fired = []
        async with self._database.transaction() as tx:
            due = await timers.due(tx, self._beat.batch)
            for timer in due:
                if not tx.cancels(timer.subject, timer.kind):  # by one that came before it in this batch
                    await self._fire(timer, tx)
                    fired.append(timer)
            if fired:
                await timers.settle(tx, fired)
        self._count(fired, "fired")
        return len(due)

    async def _one_by_one(self) -> int:
        """Each once, so that one that fails keeps none of the others waiting."""
        async with self._database.transaction() as tx:
            due = await timers.due(tx, self._beat.batch)
        for timer in due:
            with suppress(timers.CancelledMeanwhile):
                await self._alone(timer)
        return len(due)

    async def _alone(self, timer: Timer) -> None:
        try:
            await self._settle(timer, "fired")
        except DomainError as refusal:
            await self._settle(timer, "refused", refusal.code)
        except TROUBLE:
            raise
        except Exception as problem:
            await self._note(timer, problem)

    async def _note(self, timer: Timer, problem: Exception) -> None:
        failures = self._failures[timer.id] = self._failures.get(timer.id, 0) + 1
        log.error(
            "timekeeper.failed", context_name=self._wiring.context, kind=timer.kind, problem=type(problem).__name__, at=frames(problem)
        )
        if failures >= self._beat.attempts:
            await self._settle(timer, "parked", type(problem).__name__)

    async def _settle(self, timer: Timer, state: str, reason: str | None = None) -> None:
        """Does nothing when somebody else settled it before."""
        async with self._database.transaction() as tx:
            if not await timers.is_pending(tx, timer):
                return
            if state == "fired":
                await self._fire(timer, tx)
            await timers.settle(tx, [timer], state, reason)
        self._count([timer], state)
        self._failures.pop(timer.id, None)

    async def _fire(self, timer: Timer, tx: Transaction[Any]) -> None:
        with tracing.span(f"{self._wiring.context} {timer.kind}") as traceparent:
            tx.cause = Cause(f"deadline {timer.kind}", None, traceparent)
            await self._wiring.on_timer[timer.kind](timer, tx=tx)

    def _count(self, settled: Sequence[Timer], state: str) -> None:
        for timer in settled:
            metrics.TIMERS_SETTLED.labels(self._wiring.context, timer.kind, state).inc()
            metrics.TIMER_LATENESS.labels(self._wiring.context).observe(max(timer.late_by.total_seconds(), 0))
