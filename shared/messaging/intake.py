"""Applies arrived records, each once, in the order of their partition.

A batch is one transaction. When anything in it raises, it is rolled back and done again record by record: a rule that
says no settles the event as refused; what cannot be read, or fails again and again, is parked, and later records of
its key behind it; trouble of the machinery is raised, so that nothing is acknowledged.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from shared.contracts.envelope import Envelope, Record, Undecodable, decode, read_envelope
from shared.contracts.event import Event
from shared.contracts.registry import event_type
from shared.kernel.actor import SYSTEM
from shared.kernel.errors import DomainError
from shared.messaging.handling import Wiring
from shared.persistence import inbox, parked
from shared.persistence.database import Database
from shared.persistence.failures import CONTENTION, INFRASTRUCTURE
from shared.persistence.transaction import Cause, Transaction
from shared.telemetry import metrics, tracing
from shared.telemetry.logs import frames

log = structlog.get_logger()


class TooManyParked(Exception):
    """One record after another could not be applied: that is a fault of this version, not of the records."""


@dataclass(frozen=True, slots=True)
class Retries:
    """How patient the intake is: attempts in place with growing pauses, and how many parked in a row stop it."""

    attempts: int = 4
    first_pause: float = 0.05
    most_parked_in_a_row: int = 100


@dataclass(frozen=True, slots=True)
class Arrived:
    record: Record
    envelope: Envelope
    event: Event


class Intake:
    """`apply` returns when every record is settled: applied, refused or parked."""

    def __init__(self, database: Database[Any], wiring: Wiring, retries: Retries = Retries()) -> None:
        self._database, self._wiring, self._retries = database, wiring, retries
        self._parked_in_a_row = 0

    async def apply(self, records: Sequence[Record]) -> None:
        """Raises the machinery's errors and TooManyParked; then nothing may be acknowledged."""
        try:
            await self._together(records)
        except INFRASTRUCTURE:
            raise
        except Exception as problem:
            log.warning("intake.one-by-one", context_name=self._wiring.context, records=len(records), problem=type(problem).__name__)
            for record in records:
                await self._alone(record)

    async def replay(self, waiting: parked.Parked) -> None:
        """Applies a parked record, or settles it as refused when a rule says no, and removes it; in one transaction.

        Raises Undecodable, and what else its handler raises; the record then stays parked.
        """
        arrived = self._read(waiting.record)
        try:
            async with self._database.transaction(SYSTEM) as tx:
                await parked.remove(tx, waiting)
                if arrived is not None and await inbox.claim(tx, [arrived.envelope]):
                    await self._handle(arrived, tx)
        except DomainError as refusal:
            await self._refuse(waiting.record, refusal, waiting)

    async def _together(self, records: Sequence[Record]) -> None:
        async with self._database.transaction(SYSTEM) as tx:
            free = await self._set_aside(records, tx)
            fresh = await inbox.claim(tx, [arrived.envelope for arrived in free]) if free else set()
            for arrived in free:
                if arrived.envelope.id in fresh:
                    fresh.discard(arrived.envelope.id)  # the same event twice in one batch
                    await self._handle(arrived, tx)

    async def _set_aside(self, records: Sequence[Record], tx: Transaction[Any]) -> list[Arrived]:
        """Parks what cannot be read and what waits behind it; gives the rest, decoded."""
        blocked = await parked.blocked_keys(tx, [record.key for record in records if record.key])
        free = []
        for record in records:
            try:
                arrived = self._read(record)
            except Undecodable as problem:
                await self._park(record, str(problem), tx)
                blocked.add(record.key or b"")
                continue
            if arrived is not None and record.key in blocked:
                await self._park(record, parked.BEHIND, tx)
            elif arrived is not None:
                free.append(arrived)
        return free

    def _read(self, record: Record) -> Arrived | None:
        """None for an event that this context does not listen to. Raises Undecodable."""
        envelope = read_envelope(record)
        contract = event_type(envelope.type)
        if contract is not None and contract not in self._wiring.on_event:
            return None
        return Arrived(record, envelope, decode(envelope, record.value, self._database.secrets.key_ring))

    async def _handle(self, arrived: Arrived, tx: Transaction[Any]) -> None:
        envelope = arrived.envelope
        with tracing.span(f"{self._wiring.context} {envelope.type}", envelope.traceparent) as traceparent:
            tx.cause = Cause(f"on {envelope.type}", envelope.id, traceparent)
            for handler in self._wiring.on_event[type(arrived.event)]:
                await handler(arrived.event, envelope, tx=tx)
        metrics.EVENTS_APPLIED.labels(self._wiring.context, envelope.type).inc()

    async def _alone(self, record: Record) -> None:
        problem = await self._attempts(record)
        if problem is None:
            self._parked_in_a_row = 0
            return
        async with self._database.transaction(SYSTEM) as tx:
            await self._park(record, f"{type(problem).__name__} in its handler", tx)
        self._parked_in_a_row += 1
        if self._parked_in_a_row >= self._retries.most_parked_in_a_row:
            raise TooManyParked(f"{self._parked_in_a_row} records in a row could not be applied") from problem

    async def _attempts(self, record: Record) -> Exception | None:
        """None when the record is settled; otherwise the problem that remained after the last attempt."""
        attempt = 0
        while True:
            try:
                await self._together([record])
            except DomainError as refusal:
                await self._refuse(record, refusal)
            except INFRASTRUCTURE:
                raise
            except CONTENTION:
                await asyncio.sleep(self._retries.first_pause)
                continue
            except Exception as problem:
                attempt += 1
                log.error("intake.failed", context_name=self._wiring.context, problem=type(problem).__name__, at=frames(problem))
                if attempt >= self._retries.attempts:
                    return problem
                await asyncio.sleep(self._retries.first_pause * 2**attempt)
                continue
            return None

    async def _refuse(self, record: Record, refusal: DomainError, waiting: parked.Parked | None = None) -> None:
        envelope = read_envelope(record)
        async with self._database.transaction(SYSTEM) as tx:
            await inbox.refuse(tx, envelope, refusal.code)
            if waiting is not None:
                await parked.remove(tx, waiting)
        metrics.EVENTS_REFUSED.labels(self._wiring.context, refusal.code).inc()
        log.info("intake.refused", context_name=self._wiring.context, type=envelope.type, code=refusal.code)

    async def _park(self, record: Record, reason: str, tx: Transaction[Any]) -> None:
        await parked.park(tx, record, reason)
        metrics.EVENTS_PARKED.labels(self._wiring.context).inc()
        log.error("intake.parked", context_name=self._wiring.context, topic=record.topic, offset=record.offset, reason=reason)
