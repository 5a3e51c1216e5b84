"""Publishes committed events in order, and deletes an outbox row only after the broker's acknowledgement.

One relay per context is active: the holder of the advisory lock, which ends with its connection. The relay records the Kafka cluster id.
When it changes, the relay republishes the log from the retention horizon. An event that Kafka rejects blocks the later events of its key on
that topic, and is retried at every cluster check; others continue.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, timedelta
from time import monotonic
from typing import Any

import asyncpg
import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from shared.messaging.kafka_client import disable_retries
from shared.messaging.kafka_settings import KafkaSettings
from shared.messaging.outbound.outbox_publisher import BATCH_BYTES, OutboxPublisher, ordering_key
from shared.messaging.pacing import DEFAULT_PACING, Pacing
from shared.messaging.shutdown import finish_before_cancel
from shared.persistence.database import Database
from shared.persistence.errors import INFRASTRUCTURE_ERRORS
from shared.persistence.retention import KAFKA_RETENTION
from shared.persistence.statements import Connection
from shared.telemetry import metrics

log = structlog.get_logger()

_TRY_LEADERSHIP = "SELECT pg_try_advisory_lock(hashtext('relay ' || current_schema()))"
_RELEASE_LEADERSHIP = "SELECT pg_advisory_unlock(hashtext('relay ' || current_schema()))"
#: OFFSET 0 makes the planner look up each event by its number: its statistics of the outbox are never current.
_PENDING = """
SELECT event.* FROM outbox CROSS JOIN LATERAL (
    SELECT * FROM event WHERE event.seq = outbox.seq AND partition_day >= '{earliest_day}'
    AND topic = ANY($2::text[]) AND topic || ' ' || key <> ALL($3::text[]) OFFSET 0) AS event
ORDER BY outbox.seq LIMIT $1"""
_OLDEST_UNPUBLISHED = "SELECT min(seq) FROM outbox"
_EARLIEST_DAY = "SELECT least((now() AT TIME ZONE 'UTC')::date, (SELECT min(partition_day) FROM event WHERE seq >= $1)) - 1"
_ABSENT_TOPICS = "SELECT DISTINCT topic FROM outbox JOIN event USING (seq) WHERE topic <> ALL($1::text[])"
_LAST_CLUSTER = "SELECT cluster_id FROM relay_state ORDER BY seen_at DESC LIMIT 1"
#: The commit of this statement, and of no other, does not wait for the disk. A crash of the server within a second may bring the deleted
#: rows back; the relay then publishes their events again in order (docs/adr/0006).
_COMMIT_ASYNCHRONOUSLY = "set_config('synchronous_commit', 'off', true)"
#: Rows acknowledged by an earlier cluster stay in the outbox.
_DELETE_PUBLISHED = f"""
WITH deleted AS (DELETE FROM outbox WHERE seq = ANY($1::bigint[]) AND ({_LAST_CLUSTER}) = $2 RETURNING seq)
SELECT count(*) AS deleted, clock_timestamp() AS now, {_COMMIT_ASYNCHRONOUSLY} FROM deleted"""  # noqa: S608  the texts above
_REQUEUE = """
WITH portion AS (
    SELECT seq FROM event
    WHERE seq > $1 AND partition_day >= (now() - $2::interval)::date AND (recorded_at > now() - $2::interval OR partition_day = 'infinity')
    ORDER BY seq LIMIT $3),
again AS (INSERT INTO outbox (seq) SELECT seq FROM portion ON CONFLICT DO NOTHING)
SELECT count(*) AS events, max(seq) AS last FROM portion"""
#: Later than every earlier row, even when the server's clock was set back.
_RECORD_CLUSTER = """
INSERT INTO relay_state (cluster_id, seen_at)
SELECT $1, greatest(clock_timestamp(), max(seen_at) + interval '1 microsecond') FROM relay_state
ON CONFLICT (cluster_id) DO UPDATE SET seen_at = excluded.seen_at"""
_PORTION = 10_000  # rows per statement, so that none takes long


class ClusterChanged(Exception):
    """The broker was replaced or lost its topics. The process restarts, so that its consumer drops its offsets."""


class StaleClusterAck(Exception):
    """The acknowledgement came from an earlier cluster, so the rows stay in the outbox."""


#: The relay restarts after these errors; a row that remains in the outbox is published again.
_RESTART_ERRORS = (KafkaError, asyncpg.PostgresError, StaleClusterAck, *INFRASTRUCTURE_ERRORS)


@dataclass(frozen=True, slots=True)
class RelaySettings:
    """Poll delays and intervals in seconds, and rows per batch."""

    shortest: float = 0.002
    idle: float = 0.025
    standby: float = 0.5
    restart_delay: float = 0.5
    batch: int = 2_000
    cluster_check_interval: float = 10.0
    recheck_after_idle: float = 1.0  # a broker takes longer than this to restart
    pacing: Pacing = DEFAULT_PACING
    republish_window: timedelta = KAFKA_RETENTION

    def poll_delay(self, sent: int, took: float, before: float, pressure: float = 0.0) -> float:
        """Seconds until the next poll (docs/performance.md).

        The delay is zero after a full batch, and doubles after an empty poll. After a smaller batch it grows with the pressure to twice
        the duration of that batch, so that more events form the next one.
        """
        if sent == self.batch:
            return 0.0
        if not sent:
            return min(max(self.shortest, 2 * before), self.idle)
        return min(2 * took * pressure, self.pacing.relay_limit(self.idle, pressure))


class Relay:
    """Publishes the events of `context` as the only one of its relays."""

    def __init__(self, database: Database[Any], context: str, kafka: KafkaSettings, *, settings: RelaySettings = RelaySettings()) -> None:
        self._database, self._context, self._kafka, self._settings = database, context, kafka, settings
        self._prefix = kafka.prefix
        self._topics: list[str] = []
        self._pending = _PENDING.format(earliest_day=date.max)
        self._blocked: set[str] = set()
        self._poll_delay = settings.idle
        self._cluster: str | None = None
        self._broker_seen_at = 0.0  # monotonic time of the broker's last answer
        self._is_leading: bool | None = None  # None until the first answer

    @property
    def is_working(self) -> bool:
        """Whether this relay, or another one, is active."""
        return self._is_leading is not None

    async def run(self) -> None:
        """Runs until cancelled. Raises ClusterChanged when the broker was replaced."""
        while True:
            try:
                async with self._database.pool.acquire() as connection:
                    await self._wait_and_lead(connection)
            except _RESTART_ERRORS as problem:
                self._is_leading = None
                metrics.RELAY_RESTARTS.labels(self._context).inc()
                log.warning("relay.restarting", context_name=self._context, problem=type(problem).__name__)
            await asyncio.sleep(self._settings.restart_delay)

    async def _wait_and_lead(self, connection: Connection) -> None:
        while not await connection.fetchval(_TRY_LEADERSHIP):
            self._is_leading = False
            await asyncio.sleep(self._settings.standby)
        try:
            await self._lead(connection)
        finally:
            with suppress(*_RESTART_ERRORS):  # an error here would replace a cancellation
                await connection.execute(_RELEASE_LEADERSHIP)

    async def _lead(self, connection: Connection) -> None:
        admin = AIOKafkaAdminClient(**self._kafka.client_options, request_timeout_ms=5_000)
        producer = AIOKafkaProducer(
            **self._kafka.client_options,
            acks="all",
            linger_ms=0,
            max_batch_size=BATCH_BYTES,
            request_timeout_ms=10_000,
        )
        disable_retries(producer)
        try:
            await admin.start()
            await producer.start()
            while True:
                await self._refresh_topics(connection, admin)
                await self._check_cluster(connection, admin)  # after the topics: a refill is recorded before its topic is created
                self._is_leading = True
                await self._send_until_cluster_check(connection, producer)
        finally:
            for close in (producer.stop, admin.close):
                with suppress(*_RESTART_ERRORS):
                    await close()

    async def _send_until_cluster_check(self, connection: Connection, producer: AIOKafkaProducer) -> None:
        """Ends after the interval of the cluster check, and before the first event after an idle second (docs/adr/0006)."""
        until = monotonic() + self._settings.cluster_check_interval
        while monotonic() < until:
            began = monotonic()
            sent = await finish_before_cancel(self._send_batch(connection, producer))
            if sent is None:
                return
            self._poll_delay = self._settings.poll_delay(
                sent, monotonic() - began, self._poll_delay, self._settings.pacing.cores.pressure()
            )
            await self._pause()

    async def _check_cluster(self, connection: Connection, admin: AIOKafkaAdminClient) -> None:
        cluster = str((await admin.describe_cluster())["cluster_id"])
        self._cluster = last = await connection.fetchval(_LAST_CLUSTER)
        self._broker_seen_at = monotonic()
        if cluster == last:
            return
        again = await self._republish(connection) if last is not None else 0
        await connection.execute(_RECORD_CLUSTER, cluster)
        if last is not None:
            log.warning("relay.cluster-changed", context_name=self._context, republished=again)
            raise ClusterChanged(cluster)
        self._cluster = cluster

    async def _republish(self, connection: Connection) -> int:
        """Returns the number of events. A row that is already in the outbox is not duplicated; after a crash the refill starts again."""
        total = 0
        last: int | None = 0
        while last is not None:
            row = await connection.fetchrow(_REQUEUE, last, self._settings.republish_window, _PORTION)
            events, last = row or (0, None)
            total += events
        return total

    async def _refresh_topics(self, connection: Connection, admin: AIOKafkaAdminClient) -> None:
        """Publishing to an absent topic would block for seconds and delay other topics, so events of absent topics wait.

        The statement names the day of the oldest unpublished event, so that the planner skips earlier partitions. The event's number is a
        parameter; without it the planner would assume a third of the log.
        """
        self._blocked.clear()
        oldest = await connection.fetchval(_OLDEST_UNPUBLISHED)
        self._pending = _PENDING.format(earliest_day=await connection.fetchval(_EARLIEST_DAY, oldest))
        self._topics = [name.removeprefix(self._prefix) for name in await admin.list_topics() if name.startswith(self._prefix)]
        for row in await connection.fetch(_ABSENT_TOPICS, self._topics):
            self._report_blocked(row["topic"], "the topic is absent or hidden")

    async def _send_batch(self, connection: Connection, producer: AIOKafkaProducer) -> int | None:
        """Returns the number of published rows; None when rows wait and a long-silent broker may have been replaced."""
        self._database.committed.clear()
        rows = await connection.fetch(self._pending, self._settings.batch, self._topics, list(self._blocked))
        if rows and monotonic() - self._broker_seen_at > self._settings.recheck_after_idle:
            return None
        sent: list[asyncpg.Record] = []
        try:
            if rows:
                await self._send(producer, rows, sent)
        except Exception:
            await self._delete_published(connection, sent)
            raise
        await self._delete_published(connection, sent)
        self._broker_seen_at = monotonic() if sent else self._broker_seen_at
        return len(sent)

    async def _send(self, producer: AIOKafkaProducer, rows: Sequence[asyncpg.Record], sent: list[asyncpg.Record]) -> None:
        """Publishes the rows in order and adds the acknowledged ones to `sent`. Raises errors that no single row caused."""
        source = f"/care/{self._context.replace('_', '-')}"
        keys = self._database.secrets.mac_keys
        await OutboxPublisher(producer, keys, self._prefix, source, self._blocked, self._block_key, sent).send(rows)

    def _block_key(self, row: asyncpg.Record) -> None:
        self._blocked.add(ordering_key(row))
        self._report_blocked(row["topic"], "Kafka rejects the event")

    def _report_blocked(self, topic: str, problem: str) -> None:
        metrics.RELAY_BLOCKED.labels(self._context, topic).inc()
        log.error("relay.key-blocked", context_name=self._context, topic=topic, problem=problem)

    async def _delete_published(self, connection: Connection, sent: Sequence[asyncpg.Record]) -> None:
        if not sent:
            return
        done = await connection.fetchrow(_DELETE_PUBLISHED, [row["seq"] for row in sent], self._cluster)
        if not done or not done["deleted"]:
            raise StaleClusterAck
        metrics.EVENTS_PUBLISHED.labels(self._context).inc(len(sent))
        delay = metrics.RELAY_DELAY.labels(self._context)
        for row in sent:
            delay.observe((done["now"] - row["recorded_at"]).total_seconds())

    async def _pause(self) -> None:
        """Waits for the poll delay; a commit in this process ends the wait."""
        with suppress(TimeoutError):  # not `wait_for`, which loses a cancellation that comes with the wake-up (Python 3.11)
            async with asyncio.timeout(self._poll_delay):
                await self._database.committed.wait()
