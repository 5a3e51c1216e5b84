"""Fires due deadlines: the handler's change and the deadline's resolution are one transaction.

A failing batch runs again one deadline at a time. A deadline that a domain rule refuses ends as refused. A deadline that fails stays
pending and overdue. It is retried after growing pauses that delay no other, and parked for an operator after a minute. No deadline is
skipped, and none fires twice.
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

_RETRY_STATE_SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class SchedulerSettings:
    """Poll delays and pauses in seconds, deadlines per batch, and attempts before a failing deadline is parked."""

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
    """A deadline that failed: failures of its handler, transaction conflicts, and the monotonic time of the next attempt."""

    failures: int = 0
    conflicts: int = 0
    next_attempt_at: float = 0.0


class DeadlineScheduler:
    is_working = True  # the scheduler needs only the database

    def __init__(self, database: Database[Any], subscriptions: Subscriptions, settings: SchedulerSettings = SchedulerSettings()) -> None:
        self._database, self._subscriptions, self._settings = database, subscriptions, settings
        self._retries: dict[int, RetryState] = {}
        self._poll_delay = settings.idle

    async def run(self) -> None:
        """Runs until cancelled; waits while the database is unavailable."""
        while True:
            try:
                resolved = await self.process_due() if await self.has_due() else 0
            except INFRASTRUCTURE_ERRORS as problem:
                log.warning("scheduler.failed", context_name=self._subscriptions.context, problem=type(problem).__name__)
                resolved = 0
                await asyncio.sleep(self._settings.error_delay)
            if not resolved:
                await asyncio.sleep(self._poll_delay)

    async def has_due(self) -> bool:
        """Whether a deadline is due. Two statements without a transaction: most polls find none.

        Sets the poll delay to the time until the next deadline, when that is shorter than the idle delay.
        """
        async with self._database.autocommit() as reader:
            until_next = await deadlines.next_in(reader, self._database.clock, self._deferred())
        seconds = self._settings.idle if until_next is None else until_next.total_seconds()
        self._poll_delay = min(seconds, self._settings.idle) if seconds > 0 else self._settings.idle
        return seconds <= 0

    async def process_due(self) -> int:
        """Fires the due deadlines; returns their number."""
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
                if not tx.has_cancelled(deadline.subject, deadline.kind):  # by an earlier deadline of this batch
                    await self._fire(deadline, tx)
                    fired.append(deadline)
            if fired:
                await deadlines.resolve(tx, fired)
        self._count(fired, "fired")
        return len(due)

    async def _process_singly(self) -> int:
        """Fires each deadline once in a transaction for it alone, so that a failing deadline delays no other."""
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
            self._record_conflict(deadline, problem)
        except Conflict as lost:  # the next attempt may succeed
            await self._record_failure(deadline, lost)
        except DomainError as refusal:
            await self._resolve(deadline, "refused", refusal.code)
        except Exception as problem:
            await self._record_failure(deadline, problem)

    async def _record_failure(self, deadline: DueDeadline, problem: Exception) -> None:
        """Schedules the next attempt, or parks the deadline after the last."""
        retry = self._retries.setdefault(deadline.id, RetryState())
        retry.failures += 1
        log.error(
            "deadline.failed",
            context_name=self._subscriptions.context,
            kind=deadline.kind,
            problem=type(problem).__name__,
            at=frames(problem),
        )
        if retry.failures >= self._settings.attempts:
            await self._resolve(deadline, "parked", type(problem).__name__)
        else:
            retry.next_attempt_at = monotonic() + self._settings.pause(retry.failures)

    def _record_conflict(self, deadline: DueDeadline, problem: Exception) -> None:
        retry = self._retries.setdefault(deadline.id, RetryState())
        retry.conflicts += 1
        retry.next_attempt_at = monotonic() + self._settings.pause(retry.conflicts)
        metrics.TRANSACTION_CONFLICTS.labels(self._subscriptions.context, "scheduler").inc()
        log.warning("deadline.conflict", context_name=self._subscriptions.context, kind=deadline.kind, problem=type(problem).__name__)

    def _deferred(self) -> list[int]:
        """The ids of deadlines whose next attempt is not due yet. Forgets deadlines that were cancelled since their failure."""
        now = monotonic()
        self._retries = {deadline: retry for deadline, retry in self._retries.items() if retry.next_attempt_at > now - _RETRY_STATE_SECONDS}
        return [deadline for deadline, retry in self._retries.items() if retry.next_attempt_at > now]

    async def _resolve(self, deadline: DueDeadline, state: str, reason: str | None = None) -> None:
        """Does nothing when another process has resolved it."""
        async with self._database.transaction() as tx:
            resolved = [deadline] if await deadlines.is_pending(tx, deadline) else []
            if resolved and state == "fired":
                await self._fire(deadline, tx)
            if resolved:
                await deadlines.resolve(tx, resolved, state, reason)
        self._count(resolved, state)
        self._retries.pop(deadline.id, None)

    async def _fire(self, deadline: DueDeadline, tx: Transaction[Any]) -> None:
        with tracing.span(f"{self._subscriptions.context} {deadline.kind}") as traceparent:
            tx.request = RequestContext.of_system(f"deadline {deadline.kind}", None, traceparent)
            await self._subscriptions.on_deadline[deadline.kind](deadline, tx=tx)

    def _count(self, resolved: Sequence[DueDeadline], state: str) -> None:
        for deadline in resolved:
            metrics.DEADLINES_FIRED.labels(self._subscriptions.context, deadline.kind, state).inc()
            metrics.DEADLINE_LATENESS.labels(self._subscriptions.context).observe(deadline.late_by.total_seconds())
