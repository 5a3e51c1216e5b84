"""Acts on deadlines that have come: the handler's change and the settlement are one transaction.

A batch is done together; when anything in it raises, one by one. A rule that says no settles the deadline as refused.
One that fails stays pending, and so late, and is tried again after growing pauses that hold up no other; after a minute
of them it is parked for an operator. No deadline is ever skipped, and none acts twice.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic
from typing import Any

import structlog

from shared.kernel.errors import Conflict, DomainError
from shared.messaging.subscriptions import Wiring
from shared.persistence import deadlines
from shared.persistence.database import Database
from shared.persistence.deadlines import Timer
from shared.persistence.errors import CONTENTION, INFRASTRUCTURE
from shared.persistence.transaction import Cause, Transaction
from shared.telemetry import metrics, tracing
from shared.telemetry.logs import frames

log = structlog.get_logger()

_FORGOTTEN_SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class Beat:
    """How seldom the timekeeper looks, in seconds, how much it takes at once, and how patient it is with a failing handler."""

    idle: float = 0.05
    trouble: float = 0.5
    batch: int = 500
    attempts: int = 8
    first_pause: float = 0.5
    longest_pause: float = 32.0

    def pause(self, attempt: int) -> float:
        return min(self.first_pause * 2.0 ** min(attempt - 1, 30), self.longest_pause)


@dataclass(slots=True)
class Trial:
    """A deadline that did not succeed: how often its handler failed, how often others were in its way, and when it is its turn again."""

    failures: int = 0
    clashes: int = 0
    again_at: float = 0.0


class Timekeeper:
    is_working = True  # it needs nothing but the database

    def __init__(self, database: Database[Any], wiring: Wiring, beat: Beat = Beat()) -> None:
        self._database, self._wiring, self._beat = database, wiring, beat
        self._trials: dict[int, Trial] = {}
        self._rest = beat.idle

    async def run(self) -> None:
        """Runs until cancelled; a database that is away is waited for."""
        while True:
            try:
                settled = await self.act() if await self.is_time() else 0
            except INFRASTRUCTURE as problem:
                log.warning("timekeeper.trouble", context_name=self._wiring.context, problem=type(problem).__name__)
                settled = 0
                await asyncio.sleep(self._beat.trouble)
            if not settled:
                await asyncio.sleep(self._rest)

    async def is_time(self) -> bool:
        """Whether a deadline has come: a look costs less than a transaction, and most find nothing.

        Notes how long to rest where nothing is settled: until the next one comes, if that is before it would look again.
        """
        async with self._database.looking() as reader:
            ahead = await deadlines.next_in(reader, self._database.clock, self._waiting())
        seconds = self._beat.idle if ahead is None else ahead.total_seconds()
        self._rest = min(seconds, self._beat.idle) if seconds > 0 else self._beat.idle
        return seconds <= 0

    async def act(self) -> int:
        """Settles what is due now; says how many deadlines that were."""
        try:
            return await self._together()
        except INFRASTRUCTURE:
            raise
        except Exception as problem:
            log.warning("timekeeper.one-by-one", context_name=self._wiring.context, problem=type(problem).__name__)
            return await self._one_by_one()

    async def _together(self) -> int:
        fired = []
        async with self._database.transaction() as tx:
            due = await deadlines.due(tx, self._beat.batch, self._waiting())
            if len(due) > 1:
                tx.gather()
                await self._wiring.read_ahead([(timer.kind, timer) for timer in due], tx=tx)
            for timer in due:
                if not tx.cancels(timer.subject, timer.kind):  # by one that came before it in this batch
                    await self._fire(timer, tx)
                    fired.append(timer)
            if fired:
                await deadlines.settle(tx, fired)
        self._count(fired, "fired")
        return len(due)

    async def _one_by_one(self) -> int:
        """Each once, so that one that fails keeps none of the others waiting."""
        async with self._database.transaction() as tx:
            due = await deadlines.due(tx, self._beat.batch, self._waiting())
        for timer in due:
            with suppress(deadlines.CancelledMeanwhile):
                await self._alone(timer)
        return len(due)

    async def _alone(self, timer: Timer) -> None:
        try:
            await self._settle(timer, "fired")
        except INFRASTRUCTURE:
            raise
        except CONTENTION as problem:
            self._wait_for_others(timer, problem)
        except Conflict as lost:  # it may be won the next time, and is no answer
            await self._note(timer, lost)
        except DomainError as refusal:
            await self._settle(timer, "refused", refusal.code)
        except Exception as problem:
            await self._note(timer, problem)

    async def _note(self, timer: Timer, problem: Exception) -> None:
        """It is tried again later, and parked in the end."""
        trial = self._trials.setdefault(timer.id, Trial())
        trial.failures += 1
        log.error(
            "timekeeper.failed", context_name=self._wiring.context, kind=timer.kind, problem=type(problem).__name__, at=frames(problem)
        )
        if trial.failures >= self._beat.attempts:
            await self._settle(timer, "parked", type(problem).__name__)
        else:
            trial.again_at = monotonic() + self._beat.pause(trial.failures)

    def _wait_for_others(self, timer: Timer, problem: Exception) -> None:
        trial = self._trials.setdefault(timer.id, Trial())
        trial.clashes += 1
        trial.again_at = monotonic() + self._beat.pause(trial.clashes)
        metrics.CONTENTION.labels(self._wiring.context, "timekeeper").inc()
        log.warning("timekeeper.contention", context_name=self._wiring.context, kind=timer.kind, problem=type(problem).__name__)

    def _waiting(self) -> list[int]:
        """Those whose turn has not come. What was cancelled while it waited is forgotten."""
        now = monotonic()
        self._trials = {timer: trial for timer, trial in self._trials.items() if trial.again_at > now - _FORGOTTEN_SECONDS}
        return [timer for timer, trial in self._trials.items() if trial.again_at > now]

    async def _settle(self, timer: Timer, state: str, reason: str | None = None) -> None:
        """Does nothing when somebody else settled it before."""
        async with self._database.transaction() as tx:
            settled = [timer] if await deadlines.is_pending(tx, timer) else []
            if settled and state == "fired":
                await self._fire(timer, tx)
            if settled:
                await deadlines.settle(tx, settled, state, reason)
        self._count(settled, state)
        self._trials.pop(timer.id, None)

    async def _fire(self, timer: Timer, tx: Transaction[Any]) -> None:
        with tracing.span(f"{self._wiring.context} {timer.kind}") as traceparent:
            tx.cause = Cause(f"deadline {timer.kind}", None, traceparent)
            await self._wiring.on_timer[timer.kind](timer, tx=tx)

    def _count(self, settled: Sequence[Timer], state: str) -> None:
        for timer in settled:
            metrics.TIMERS_SETTLED.labels(self._wiring.context, timer.kind, state).inc()
            metrics.TIMER_LATENESS.labels(self._wiring.context).observe(timer.late_by.total_seconds())
