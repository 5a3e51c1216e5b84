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

from shared.kernel.backoff import delay
from shared.kernel.errors import Conflict, DomainError
from shared.messaging.subscriptions import Subscriptions
from shared.persistence import deadlines
from shared.persistence.database import Database
from shared.persistence.deadlines import DueDeadline
from shared.persistence.errors import CONTENTION_ERRORS, INFRASTRUCTURE_ERRORS
from shared.persistence.transaction import RequestContext, Transaction
from shared.telemetry import metrics, tracing
from shared.telemetry.logs import frames

log = structlog.get_logger()

_FORGOTTEN_SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class SchedulerSettings:
    """How seldom the timekeeper looks, in seconds, how much it takes at once, and how patient it is with a failing handler."""

    idle: float = 0.05
    error_delay: float = 0.5
    batch: int = 500
    attempts: int = 8
    first_pause: float = 0.5
    longest_pause: float = 32.0

    def pause(self, attempt: int) -> float:
        return delay(attempt, first=self.first_pause, longest=self.longest_pause)


@dataclass(slots=True)
class RetryState:
    """A deadline that did not succeed: how often its handler failed, how often others were in its way, and when it is its turn again."""

    failures: int = 0
    clashes: int = 0
    again_at: float = 0.0


class DeadlineScheduler:
    is_working = True  # it needs nothing but the database

    def __init__(self, database: Database[Any], wiring: Subscriptions, beat: SchedulerSettings = SchedulerSettings()) -> None:
        self._database, self._subscriptions, self._settings = database, wiring, beat
        self._retries: dict[int, RetryState] = {}
        self._poll_delay = beat.idle

    async def run(self) -> None:
        """Runs until cancelled; a database that is away is waited for."""
        while True:
            try:
                settled = await self.process_due() if await self.has_due() else 0
            except INFRASTRUCTURE_ERRORS as problem:
                log.warning("scheduler.failed", context_name=self._subscriptions.context, problem=type(problem).__name__)
                settled = 0
                await asyncio.sleep(self._settings.error_delay)
            if not settled:
                await asyncio.sleep(self._poll_delay)

    async def has_due(self) -> bool:
        """Whether a deadline has come: a look costs less than a transaction, and most find nothing.

        Notes how long to rest where nothing is settled: until the next one comes, if that is before it would look again.
        """
        async with self._database.autocommit() as reader:
            ahead = await deadlines.next_in(reader, self._database.clock, self._deferred())
        seconds = self._settings.idle if ahead is None else ahead.total_seconds()
        self._poll_delay = min(seconds, self._settings.idle) if seconds > 0 else self._settings.idle
        return seconds <= 0

    async def process_due(self) -> int:
        """Settles what is due now; says how many deadlines that were."""
        try:
            return await self._process_in_one_transaction()
        except INFRASTRUCTURE_ERRORS:
            raise
        except Exception as problem:
            log.warning("scheduler.batch-split", context_name=self._subscriptions.context, problem=type(problem).__name__)
            return await self._process_singly()

    async def _process_in_one_transaction(self) -> int:
        fired = []
        async with self._database.transaction() as tx:
            due = await deadlines.due(tx, self._settings.batch, self._deferred())
            if len(due) > 1:
                tx.start_batch()
                await self._subscriptions.prefetch([(deadline.kind, deadline) for deadline in due], tx=tx)
            for deadline in due:
                if not tx.has_cancelled(deadline.subject, deadline.kind):  # by one that came before it in this batch
                    await self._fire(deadline, tx)
                    fired.append(deadline)
            if fired:
                await deadlines.resolve(tx, fired)
        self._count(fired, "fired")
        return len(due)

    async def _process_singly(self) -> int:
        """Each once, so that one that fails keeps none of the others waiting."""
        async with self._database.transaction() as tx:
            due = await deadlines.due(tx, self._settings.batch, self._deferred())
        for deadline in due:
            with suppress(deadlines.DeadlineCancelled):
                await self._process_single(deadline)
        return len(due)

    async def _process_single(self, deadline: DueDeadline) -> None:
        try:
            await self._resolve(deadline, "fired")
        except INFRASTRUCTURE_ERRORS:
            raise
        except CONTENTION_ERRORS as problem:
            self._wait_for_others(deadline, problem)
        except Conflict as lost:  # it may be won the next time, and is no answer
            await self._record_failure(deadline, lost)
        except DomainError as refusal:
            await self._resolve(deadline, "refused", refusal.code)
        except Exception as problem:
            await self._record_failure(deadline, problem)

    async def _record_failure(self, deadline: DueDeadline, problem: Exception) -> None:
        """It is tried again later, and parked in the end."""
        trial = self._retries.setdefault(deadline.id, RetryState())
        trial.failures += 1
        log.error(
            "deadline.failed",
            context_name=self._subscriptions.context,
            kind=deadline.kind,
            problem=type(problem).__name__,
            at=frames(problem),
        )
        if trial.failures >= self._settings.attempts:
            await self._resolve(deadline, "parked", type(problem).__name__)
        else:
            trial.again_at = monotonic() + self._settings.pause(trial.failures)

    def _wait_for_others(self, deadline: DueDeadline, problem: Exception) -> None:
        trial = self._retries.setdefault(deadline.id, RetryState())
        trial.clashes += 1
        trial.again_at = monotonic() + self._settings.pause(trial.clashes)
        metrics.TRANSACTION_CONFLICTS.labels(self._subscriptions.context, "timekeeper").inc()
        log.warning("deadline.conflict", context_name=self._subscriptions.context, kind=deadline.kind, problem=type(problem).__name__)

    def _deferred(self) -> list[int]:
        """Those whose turn has not come. What was cancelled while it waited is forgotten."""
        now = monotonic()
        self._retries = {deadline: trial for deadline, trial in self._retries.items() if trial.again_at > now - _FORGOTTEN_SECONDS}
        return [deadline for deadline, trial in self._retries.items() if trial.again_at > now]

    async def _resolve(self, deadline: DueDeadline, state: str, reason: str | None = None) -> None:
        """Does nothing when somebody else settled it before."""
        async with self._database.transaction() as tx:
            settled = [deadline] if await deadlines.is_pending(tx, deadline) else []
            if settled and state == "fired":
                await self._fire(deadline, tx)
            if settled:
                await deadlines.resolve(tx, settled, state, reason)
        self._count(settled, state)
        self._retries.pop(deadline.id, None)

    async def _fire(self, deadline: DueDeadline, tx: Transaction[Any]) -> None:
        with tracing.span(f"{self._subscriptions.context} {deadline.kind}") as traceparent:
            tx.request = RequestContext.of_system(f"deadline {deadline.kind}", None, traceparent)
            await self._subscriptions.on_deadline[deadline.kind](deadline, tx=tx)

    def _count(self, settled: Sequence[DueDeadline], state: str) -> None:
        for deadline in settled:
            metrics.DEADLINES_FIRED.labels(self._subscriptions.context, deadline.kind, state).inc()
            metrics.DEADLINE_LATENESS.labels(self._subscriptions.context).observe(deadline.late_by.total_seconds())
