"""Applies records, each event once, in the order of their partition.

A batch is one transaction. A failing batch is rolled back and bisected down to the record that fails. An event that a domain
rule refuses is recorded in the inbox. An event that fails at every attempt is parked, and so are later records of its key. A record that
is not authentic or cannot be decoded is parked alone. An infrastructure error is raised, so that no offset is committed. When one event
after another is parked, the release is at fault: the consumer stops until an operator replays or acknowledges.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeGuard
from uuid import UUID

import structlog

from shared.contracts.envelope import Envelope, Record, UnauthenticRecord, UndecodableRecord, decode, read_envelope, type_of
from shared.contracts.event import Event
from shared.contracts.registry import event_type, is_restricted
from shared.kernel.backoff import delay
from shared.kernel.errors import Conflict, DomainError
from shared.messaging.subscriptions import Subscriptions
from shared.persistence import inbox, parked_records
from shared.persistence.database import Database
from shared.persistence.errors import CONTENTION_ERRORS, INFRASTRUCTURE_ERRORS
from shared.persistence.transaction import RequestContext, Transaction
from shared.telemetry import metrics, tracing
from shared.telemetry.logs import frames

log = structlog.get_logger()


class TooManyParked(Exception):
    """Too many consecutive records could not be applied: the release is at fault, not the records."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Attempts in place, their pauses in seconds, and how many consecutive parked records stop the consumer."""

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
    """`apply` returns when every record is applied, refused or parked."""

    def __init__(self, database: Database[Any], subscriptions: Subscriptions, retries: RetryPolicy = RetryPolicy()) -> None:
        self._database, self._subscriptions, self._retries = database, subscriptions, retries
        self._has_parked = False

    async def apply(self, records: Sequence[Record]) -> None:
        """Raises infrastructure errors and TooManyParked; then no offset may be committed."""
        if concerning := [record for record in records if self._is_subscribed(record)]:
            await self._apply_or_bisect(concerning)
        await self._stop_when_too_many()

    async def may_consume(self) -> bool:
        """Whether the context has parked fewer consecutive records than allowed, in any of its processes."""
        async with self._database.read_only() as reader:
            return await parked_records.consecutive_count(reader) < self._retries.max_consecutive_parked

    async def replay(self, waiting: parked_records.ParkedRecord) -> None:
        """Applies a parked record, or records its refusal, and removes it; in one transaction.

        A record of a type without a subscription is only removed. Raises UndecodableRecord, Conflict and the errors of its
        handler; the record then stays parked. A record that was authentic when it arrived needs no key that was withdrawn since.
        """
        if not waiting.is_authentic:
            self.require_authentic(waiting.record)
        arrived = self._decode(waiting.record) if self._is_subscribed(waiting.record) else None
        try:
            async with self._database.transaction() as tx:
                await parked_records.remove(tx, waiting)
                if arrived is not None and await inbox.claim(tx, [arrived.envelope]):
                    await self._handle(arrived, tx)
        except Conflict:
            raise
        except DomainError as refusal:
            await self._refuse(waiting.record, refusal, waiting)

    def require_authentic(self, record: Record) -> None:
        """Raises UnauthenticRecord unless a context of the product wrote the record as it is."""
        try:
            self._read(record)
        except UnauthenticRecord:
            raise
        except UndecodableRecord:
            return

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
        """Bisects the batch: a failing record costs a few more transactions, not one for each sound record."""
        middle = len(records) // 2
        await self._apply_or_bisect(records[:middle])
        await self._apply_or_bisect(records[middle:])

    async def _apply_in_one_transaction(self, records: Sequence[Record]) -> None:
        async with self._database.transaction() as tx:
            decoded = await self._park_poison(records, tx)
            claimed = await inbox.claim(tx, [arrived.envelope for arrived in decoded]) if decoded else set()
            fresh_records = list({arrived.envelope.id: arrived for arrived in decoded if arrived.envelope.id in claimed}.values())
            if len(fresh_records) > 1:  # a single event runs statement by statement, so that its handler sees each error
                tx.start_batch()
                await self._subscriptions.prefetch([(type(each.event), (each.event, each.envelope)) for each in fresh_records], tx=tx)
            for arrived in fresh_records:
                await self._handle(arrived, tx)

    async def _park_poison(self, records: Sequence[Record], tx: Transaction[Any]) -> list[DecodedRecord]:
        """Parks unauthentic and undecodable records, which block nothing, and those of a blocked key; returns the rest, decoded."""
        blocked = await parked_records.blocked_keys(tx, [record.key for record in records if record.key])
        processed = await self._already_processed(records, tx) if blocked else set()
        decoded = []
        for record in records:
            try:
                arrived = self._read(record)
            except UnauthenticRecord as problem:
                await parked_records.park_unauthentic(tx, record, str(problem))
                self._report_unauthentic(record, str(problem))
                continue
            except UndecodableRecord as problem:
                await parked_records.park_undecodable(tx, record, str(problem))
                self._report_parked(record, str(problem))
                continue
            if arrived is None or arrived.envelope.id in processed:
                continue
            if record.key in blocked:
                await self._park(record, parked_records.BEHIND, tx)
            else:
                decoded.append(arrived)
        return decoded

    async def _already_processed(self, records: Sequence[Record], tx: Transaction[Any]) -> set[UUID]:
        """The events of these records that the inbox holds: they need not wait behind a parked one."""
        ids = []
        for record in records:
            with suppress(UndecodableRecord):
                ids.append(read_envelope(record).id)
        return await inbox.processed(tx, ids)

    def _is_subscribed(self, record: Record) -> bool:
        """False for a known event type without a subscription; an unknown type must be parked."""
        contract = event_type(type_of(record))
        return contract is None or contract in self._subscriptions.on_event

    def _read(self, record: Record) -> DecodedRecord | None:
        """Verifies, then decodes. Raises UnauthenticRecord and UndecodableRecord."""
        self._database.secrets.mac_keys.verify(record)
        return self._decode(record)

    def _decode(self, record: Record) -> DecodedRecord | None:
        """None for an event whose data key was erased: it has no value and no effect."""
        if record.value is None and is_restricted(type_of(record)):
            return None
        envelope = read_envelope(record)
        return DecodedRecord(record, envelope, decode(envelope, record, self._database.secrets.key_ring))

    async def _handle(self, arrived: DecodedRecord, tx: Transaction[Any]) -> None:
        envelope = arrived.envelope
        with tracing.span(f"{self._subscriptions.context} {envelope.type}", envelope.traceparent) as traceparent:
            tx.request = RequestContext.of_system(f"on {envelope.type}", envelope.id, traceparent)
            for handler in self._subscriptions.on_event[type(arrived.event)]:
                await handler(arrived.event, envelope, tx=tx)
        metrics.EVENTS_APPLIED.labels(self._subscriptions.context, envelope.type).inc()

    async def _apply_single(self, record: Record) -> None:
        problem = await self._apply_with_retries(record)
        if _is_final(problem):
            await self._refuse(record, problem)
        elif problem is not None:
            async with self._database.transaction() as tx:
                await self._park(record, f"{type(problem).__name__} in its handler", tx)
            await self._stop_when_too_many(problem)

    async def _stop_when_too_many(self, problem: Exception | None = None) -> None:
        """Raises TooManyParked; reads the database only after a record was parked."""
        if self._has_parked and not await self.may_consume():
            raise TooManyParked("too many consecutive records were parked") from problem
        self._has_parked = False

    async def _apply_with_retries(self, record: Record) -> Exception | None:
        """Returns None when the record is applied or refused, otherwise the remaining error.

        A transaction conflict is retried without limit.
        """
        failures = conflicts = 0
        while (problem := await self._attempt(record)) is not None:
            if isinstance(problem, CONTENTION_ERRORS):
                conflicts += 1
                await self._pause(problem, conflicts)
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
            metrics.TRANSACTION_CONFLICTS.labels(self._subscriptions.context, "consumer").inc()
            log.warning("event.conflict", context_name=self._subscriptions.context, problem=type(problem).__name__, attempt=attempt)
        await asyncio.sleep(self._retries.pause(attempt))

    async def _refuse(self, record: Record, refusal: DomainError, waiting: parked_records.ParkedRecord | None = None) -> None:
        envelope = read_envelope(record)
        async with self._database.transaction() as tx:
            await inbox.refuse(tx, envelope, refusal.code)
            if waiting is not None:
                await parked_records.remove(tx, waiting)
        metrics.EVENTS_REFUSED.labels(self._subscriptions.context, refusal.code).inc()
        log.info("event.refused", context_name=self._subscriptions.context, type=envelope.type, code=refusal.code)

    async def _park(self, record: Record, reason: str, tx: Transaction[Any]) -> None:
        await parked_records.park(tx, record, reason)
        self._report_parked(record, reason)

    def _report_parked(self, record: Record, reason: str) -> None:
        self._has_parked = True
        metrics.EVENTS_PARKED.labels(self._subscriptions.context).inc()
        log.error("event.parked", context_name=self._subscriptions.context, **_where(record), reason=reason)

    def _report_unauthentic(self, record: Record, reason: str) -> None:
        metrics.EVENTS_UNAUTHENTIC.labels(self._subscriptions.context).inc()
        log.error("event.unauthentic", context_name=self._subscriptions.context, **_where(record), reason=reason)


def _where(record: Record) -> dict[str, Any]:
    return {"topic": record.topic, "partition": record.partition, "offset": record.offset}


def _is_final(problem: Exception | None) -> TypeGuard[DomainError]:
    """A domain rule's refusal is final; a conflict may succeed at the next attempt."""
    return isinstance(problem, DomainError) and not isinstance(problem, Conflict)
