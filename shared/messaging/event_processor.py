"""Applies arrived records, each once, in the order of their partition.

A batch is one transaction. When anything in it raises, it is rolled back and done again by halves, down to the one record that
raises: a rule that says no settles the event as refused; what cannot be read, or fails again and again, is parked, and later records
of its key behind it; trouble of the machinery is raised, so that nothing is acknowledged. When nothing but parking is left
to do, the version is at fault: the intake stops, also after a restart, until an operator replays or acknowledges.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeGuard
from uuid import UUID

import structlog

from shared.contracts.envelope import Envelope, Record, Undecodable, decode, read_envelope, type_of
from shared.contracts.event import Event
from shared.contracts.registry import event_type
from shared.kernel.backoff import delay
from shared.kernel.errors import Conflict, DomainError
from shared.messaging.subscriptions import Subscriptions
from shared.persistence import inbox, parked
from shared.persistence.database import Database
from shared.persistence.errors import CONTENTION_ERRORS, INFRASTRUCTURE_ERRORS
from shared.persistence.transaction import RequestContext, Transaction
from shared.telemetry import metrics, tracing
from shared.telemetry.logs import frames

log = structlog.get_logger()


class TooManyParked(Exception):
    """One record after another could not be applied: that is a fault of this version, not of the records."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How patient the intake is: attempts in place with growing pauses in seconds, and how many parked in a row stop it."""

    attempts: int = 4
    first_pause: float = 0.05
    longest_pause: float = 2.0
    max_consecutive_parked: int = 100

    def pause(self, attempt: int) -> float:
        return delay(attempt + 1, first=self.first_pause, longest=self.longest_pause)


@dataclass(frozen=True, slots=True)
class DecodedRecord:
    record: Record
    envelope: Envelope
    event: Event


class EventProcessor:
    """`apply` returns when every record is settled: applied, refused or parked."""

    def __init__(self, database: Database[Any], wiring: Subscriptions, retries: RetryPolicy = RetryPolicy()) -> None:
        self._database, self._subscriptions, self._retries = database, wiring, retries
        self._has_parked = False

    async def apply(self, records: Sequence[Record]) -> None:
        """Raises the machinery's errors and TooManyParked; then nothing may be acknowledged."""
        if concerning := [record for record in records if self._is_subscribed(record)]:
            await self._apply_or_bisect(concerning)
        await self._stop_when_too_many()

    async def may_consume(self) -> bool:
        """Whether less than too many were parked since the last record that could be settled, by whichever process."""
        async with self._database.read_only() as reader:
            return await parked.consecutive_count(reader) < self._retries.max_consecutive_parked

    async def replay(self, waiting: parked.Parked) -> None:
        """Applies a parked record, or settles it as refused when a rule says no, and removes it; in one transaction.

        What this context does not listen to, as an earlier version may have done, is removed alone.
        Raises Undecodable, Conflict, and what else its handler raises; the record then stays parked.
        """
        arrived = self._read(waiting.record) if self._is_subscribed(waiting.record) else None
        try:
            async with self._database.transaction() as tx:
                await parked.remove(tx, waiting)
                if arrived is not None and await inbox.claim(tx, [arrived.envelope]):
                    await self._handle(arrived, tx)
        except Conflict:
            raise
        except DomainError as refusal:
            await self._refuse(waiting.record, refusal, waiting)

    async def _apply_or_bisect(self, records: Sequence[Record]) -> None:
        if len(records) == 1:
            await self._apply_single(records[0])
            return
        try:
            await self._apply_in_one_transaction(records)
        except INFRASTRUCTURE_ERRORS:
            raise
        except Exception as problem:
            log.warning("batch.bisected", context_name=self._subscriptions.context, records=len(records), problem=type(problem).__name__)
            await self._bisect(records)

    async def _bisect(self, records: Sequence[Record]) -> None:
        """One that fails costs its batch a few transactions more, not one for each of the sound ones."""
        middle = len(records) // 2
        await self._apply_or_bisect(records[:middle])
        await self._apply_or_bisect(records[middle:])

    async def _apply_in_one_transaction(self, records: Sequence[Record]) -> None:
        async with self._database.transaction() as tx:
            free = await self._park_poison(records, tx)
            fresh = await inbox.claim(tx, [arrived.envelope for arrived in free]) if free else set()
            coming = list({arrived.envelope.id: arrived for arrived in free if arrived.envelope.id in fresh}.values())
            if len(coming) > 1:  # one alone is done statement by statement, so that its handler hears of what fails
                tx.start_batch()
                await self._subscriptions.prefetch([(type(each.event), (each.event, each.envelope)) for each in coming], tx=tx)
            for arrived in coming:
                await self._handle(arrived, tx)

    async def _park_poison(self, records: Sequence[Record], tx: Transaction[Any]) -> list[DecodedRecord]:
        """Parks what cannot be read and what waits behind it; gives the rest, decoded."""
        blocked = await parked.blocked_keys(tx, [record.key for record in records if record.key])
        settled = await self._already_processed(records, tx) if blocked else set()
        free = []
        for record in records:
            try:
                arrived = self._read(record)
            except Undecodable as problem:
                await self._park(record, str(problem), tx)
                blocked.add(record.key or b"")
                continue
            if arrived.envelope.id in settled:
                continue
            if record.key in blocked:
                await self._park(record, parked.BEHIND, tx)
            else:
                free.append(arrived)
        return free

    async def _already_processed(self, records: Sequence[Record], tx: Transaction[Any]) -> set[UUID]:
        """What was settled before needs not wait behind anything."""
        ids = []
        for record in records:
            with suppress(Undecodable):
                ids.append(read_envelope(record).id)
        return await inbox.processed(tx, ids)

    def _is_subscribed(self, record: Record) -> bool:
        """Not what this context does not listen to, however it reads; of what names no event that we know nobody can say so."""
        contract = event_type(type_of(record))
        return contract is None or contract in self._subscriptions.on_event

    def _read(self, record: Record) -> DecodedRecord:
        """Raises Undecodable."""
        envelope = read_envelope(record)
        return DecodedRecord(record, envelope, decode(envelope, record.value, self._database.secrets.key_ring))

    async def _handle(self, arrived: DecodedRecord, tx: Transaction[Any]) -> None:
        envelope = arrived.envelope
        with tracing.span(f"{self._subscriptions.context} {envelope.type}", envelope.traceparent) as traceparent:
            tx.request = RequestContext.of_system(f"on {envelope.type}", envelope.id, traceparent)
            for handler in self._subscriptions.on_event[type(arrived.event)]:
                await handler(arrived.event, envelope, tx=tx)
        metrics.EVENTS_APPLIED.labels(self._subscriptions.context, envelope.type).inc()

    async def _apply_single(self, record: Record) -> None:
        problem = await self._attempts(record)
        if _is_final(problem):
            await self._refuse(record, problem)
        elif problem is not None:
            async with self._database.transaction() as tx:
                await self._park(record, f"{type(problem).__name__} in its handler", tx)
            await self._stop_when_too_many(problem)

    async def _stop_when_too_many(self, problem: Exception | None = None) -> None:
        """Asks only when something was parked since it was asked last."""
        if self._has_parked and not await self.may_consume():
            raise TooManyParked("one record after another could not be applied") from problem
        self._has_parked = False

    async def _attempts(self, record: Record) -> Exception | None:
        """None when the record is settled; otherwise the problem that remains. A lost race may be won the next time."""
        failures = clashes = 0
        while (problem := await self._attempt(record)) is not None:
            if isinstance(problem, CONTENTION_ERRORS):
                clashes += 1
                await self._pause(problem, clashes)
                continue
            failures += 1
            if failures >= self._retries.attempts or _is_final(problem):
                return problem
            await self._pause(problem, failures)
        return None

    async def _attempt(self, record: Record) -> Exception | None:
        try:
            await self._apply_in_one_transaction([record])
        except INFRASTRUCTURE_ERRORS:
            raise
        except Exception as problem:
            if not isinstance(problem, (*CONTENTION_ERRORS, DomainError)):
                log.error("event.failed", context_name=self._subscriptions.context, problem=type(problem).__name__, at=frames(problem))
            return problem
        return None

    async def _pause(self, problem: Exception, attempt: int) -> None:
        if isinstance(problem, (*CONTENTION_ERRORS, Conflict)):
            metrics.TRANSACTION_CONFLICTS.labels(self._subscriptions.context, "intake").inc()
            log.warning("event.conflict", context_name=self._subscriptions.context, problem=type(problem).__name__, attempt=attempt)
        await asyncio.sleep(self._retries.pause(attempt))

    async def _refuse(self, record: Record, refusal: DomainError, waiting: parked.Parked | None = None) -> None:
        envelope = read_envelope(record)
        async with self._database.transaction() as tx:
            await inbox.refuse(tx, envelope, refusal.code)
            if waiting is not None:
                await parked.remove(tx, waiting)
        metrics.EVENTS_REJECTED.labels(self._subscriptions.context, refusal.code).inc()
        log.info("event.rejected", context_name=self._subscriptions.context, type=envelope.type, code=refusal.code)

    async def _park(self, record: Record, reason: str, tx: Transaction[Any]) -> None:
        await parked.park(tx, record, reason)
        self._has_parked = True
        metrics.EVENTS_PARKED.labels(self._subscriptions.context).inc()
        log.error("event.parked", context_name=self._subscriptions.context, topic=record.topic, offset=record.offset, reason=reason)


def _is_final(problem: Exception | None) -> TypeGuard[DomainError]:
    """A rule's no is an answer; a race that was lost is none."""
    return isinstance(problem, DomainError) and not isinstance(problem, Conflict)
