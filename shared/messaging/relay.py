"""Outbox to Kafka: sends what was committed, in order, and forgets a row only after the broker's acknowledgement.

One relay per context is active, the one that holds the advisory lock; it dies with its connection. It remembers which
Kafka cluster it sent to: on another cluster the log is sent again from the retention horizon.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from time import monotonic
from typing import Any

import asyncpg
import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from shared.contracts.envelope import Envelope, to_headers
from shared.contracts.registry import topics
from shared.persistence.database import Database
from shared.persistence.failures import INFRASTRUCTURE
from shared.persistence.statements import Connection
from shared.telemetry import metrics

log = structlog.get_logger()

#: The relay begins anew after these: a row that remains in the outbox is sent again.
_TROUBLE = (KafkaError, asyncpg.PostgresError, *INFRASTRUCTURE)

_LEAD = "SELECT pg_try_advisory_lock(hashtext('relay ' || current_schema()))"
_STEP_DOWN = "SELECT pg_advisory_unlock(hashtext('relay ' || current_schema()))"
_PENDING = "SELECT event.* FROM outbox JOIN event USING (seq) ORDER BY seq LIMIT $1"
_SENT = "DELETE FROM outbox WHERE seq = ANY($1::bigint[])"
_LAST_CLUSTER = "SELECT cluster_id FROM relay_state ORDER BY seen_at DESC LIMIT 1"
_SEND_AGAIN = """
WITH seen AS (INSERT INTO relay_state (cluster_id) VALUES ($1) ON CONFLICT (cluster_id) DO UPDATE SET seen_at = clock_timestamp())
INSERT INTO outbox (seq) SELECT seq FROM event
WHERE recorded_at > clock_timestamp() - $2::interval OR topic = ANY($3::text[]) ON CONFLICT DO NOTHING"""


class AnotherCluster(Exception):
    """The broker was replaced. The process begins anew, so that its consumer forgets the offsets of the old one."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How often the relay looks, in seconds, and how much it takes at once."""

    busy: float = 0.002
    idle: float = 0.025
    standby: float = 0.5
    trouble: float = 0.5
    batch: int = 500
    look_at_cluster: float = 10.0
    horizon: timedelta = timedelta(days=14)  # what Kafka keeps of an ordinary topic, so whoever lagged behind finds it again


class Relay:
    """`source` is the CloudEvents source of the context; `prefix` goes before every topic name."""

    def __init__(self, database: Database[Any], context: str, bootstrap: str, *, prefix: str = "", pace: Pace = Pace()) -> None:
        self._database, self._context, self._bootstrap, self._prefix, self._pace = database, context, bootstrap, prefix, pace

    async def run(self) -> None:
        """Runs until cancelled. Raises AnotherCluster when the broker was replaced while it ran."""
        while True:
            try:
                async with self._database.pool.acquire() as connection:
                    await self._when_leading(connection)
            except _TROUBLE as problem:
                metrics.RELAY_TROUBLE.labels(self._context).inc()
                log.warning("relay.trouble", context_name=self._context, problem=type(problem).__name__)
            await asyncio.sleep(self._pace.trouble)

    async def _when_leading(self, connection: Connection) -> None:
        while not await connection.fetchval(_LEAD):
            await asyncio.sleep(self._pace.standby)
        try:
            await self._lead(connection)
        finally:
            with suppress(*_TROUBLE):  # what is raised while tidying up would take the place of a cancellation
                await connection.execute(_STEP_DOWN)

    async def _lead(self, connection: Connection) -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=self._bootstrap, request_timeout_ms=5_000)
        producer = AIOKafkaProducer(
            bootstrap_servers=self._bootstrap, acks="all", enable_idempotence=True, linger_ms=0, request_timeout_ms=10_000
        )
        try:
            await admin.start()
            await self._know_cluster(connection, admin)
            await producer.start()
            while True:
                await self._send_for_a_while(connection, producer)
                await self._know_cluster(connection, admin)
        finally:
            with suppress(*_TROUBLE):
                await producer.stop()
                await admin.close()

    async def _send_for_a_while(self, connection: Connection, producer: AIOKafkaProducer) -> None:
        until = monotonic() + self._pace.look_at_cluster
        while monotonic() < until:
            await self._pause(await self._send_some(connection, producer))

    async def _know_cluster(self, connection: Connection, admin: AIOKafkaAdminClient) -> None:
        cluster = str((await admin.describe_cluster())["cluster_id"])
        last = await connection.fetchval(_LAST_CLUSTER)
        if cluster == last:
            return
        again = await connection.execute(_SEND_AGAIN, cluster, self._pace.horizon, _records())
        if last is not None:
            log.warning("relay.another-cluster", context_name=self._context, sent_again=int(again.split()[-1]))
            raise AnotherCluster(cluster)

    async def _send_some(self, connection: Connection, producer: AIOKafkaProducer) -> int:
        self._database.committed.clear()
        rows = await connection.fetch(_PENDING, self._pace.batch)
        if rows:
            await self._send(producer, rows)
            await connection.execute(_SENT, [row["seq"] for row in rows])
            metrics.EVENTS_RELAYED.labels(self._context).inc(len(rows))
        return len(rows)

    async def _send(self, producer: AIOKafkaProducer, rows: Sequence[asyncpg.Record]) -> None:
        """All of them, in order, or an error. The producer keeps the order of a partition."""
        source = f"/care/{self._context.replace('_', '-')}"
        futures = []
        for row in rows:
            headers = to_headers(envelope_of(row, source))
            futures.append(await producer.send(self._prefix + row["topic"], row["data"], str(row["key"]).encode(), headers=headers))
        await asyncio.gather(*futures)

    async def _pause(self, sent: int) -> None:
        if sent == self._pace.batch:
            return
        with suppress(TimeoutError):  # not `wait_for`, which loses a cancellation that comes with the wake-up (Python 3.11)
            async with asyncio.timeout(self._pace.busy if sent else self._pace.idle):
                await self._database.committed.wait()


def _records() -> list[str]:
    """Topics that hold what is known of a person now: of those the log is sent again whole, however old."""
    return [topic for topic, events in topics().items() if any(event.RESTRICTED for event in events)]


def envelope_of(row: asyncpg.Record, source: str) -> Envelope:
    """The envelope that a row of the event log is sent in."""
    return Envelope(
        id=row["id"],
        type=row["type"],
        source=source,
        subject=str(row["subject"]),
        key=str(row["key"]),
        sequence=row["sequence"],
        time=row["occurred_at"],
        recorded_time=row["recorded_at"],
        correlation_id=row["correlation_id"],
        causation_id=row["causation_id"],
        actor_org=row["actor_org"],
        actor_role=row["actor_role"],
        traceparent=row["traceparent"],
    )
