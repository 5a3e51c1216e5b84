"""Feeds records of Kafka to the event processor, in batches, and commits their offsets after the database commit.

Delivery is at least once; the inbox makes it effectively once.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from time import monotonic
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

import shared.messaging.inbound.readable_records  # noqa: F401  a record of a foreign program must not stop a consumer
from shared.contracts.envelope import Record
from shared.messaging.event_processor import EventProcessor
from shared.messaging.inbound.gap_detector import GapDetector
from shared.messaging.inbound.lag import LagReporter
from shared.messaging.inbound.offsets import OffsetTracker
from shared.messaging.kafka_client import FetchLimits, GroupClient, GroupListener
from shared.messaging.kafka_settings import KafkaSettings
from shared.messaging.pacing import DEFAULT_PACING, Pacing
from shared.messaging.shutdown import cancel_and_wait

log = structlog.get_logger()

BATCH = 100
SESSION_SECONDS = 15.0
_MAX_POLL_RECORDS = 5 * BATCH
_IDLE_DELAY_SECONDS = 0.1
_CALM_BROKER_WAIT_SECONDS = 0.25
_SHORTEST_GATHERING_SECONDS = 0.05
_GATHERED_BYTES = 1_000_000
_MAX_POLL_DELAY_SECONDS = 0.05
_COMMIT_INTERVAL_SECONDS = 0.5
_COMMIT_TIMEOUT_SECONDS = 2.0
_METADATA_MAX_AGE_MILLISECONDS = 5_000
_OPERATOR_POLL_SECONDS = 2.0


class ConsumerStopped(Exception):
    """The consumer gave up. The process must end and be restarted; Kafka sends the remaining records again."""


class Consumer:
    """Reads `topics` as a member of the context's group. After `session` seconds of silence another member takes its partitions."""

    def __init__(
        self,
        processor: EventProcessor,
        context: str,
        topics: list[str],
        kafka: KafkaSettings,
        *,
        session: float = SESSION_SECONDS,
        pacing: Pacing = DEFAULT_PACING,
        client: Callable[..., GroupClient] = GroupClient,
    ) -> None:
        self._processor, self._context, self._kafka = processor, context, kafka
        self._topics = [kafka.prefix + topic for topic in topics]
        self._group = f"{kafka.prefix}{context.replace('_', '-')}"
        self._instance, self._session = f"{self._group}-{kafka.instance}" if kafka.instance else None, session
        self._lag = LagReporter(context, self._group, self._topics, kafka)
        self._pacing, self._create_client = pacing, client
        self.is_working = False  # whether this member has its share of the partitions, which may be none

    async def run(self) -> None:
        """Runs until cancelled. Raises ConsumerStopped, with what stopped it as its cause."""
        await self._wait_for_broker()
        reporting = asyncio.create_task(self._lag.run())
        try:
            await self._wait_for_operator()
            await self._consume()
        finally:
            await cancel_and_wait(reporting)

    async def _consume(self) -> None:
        client = self._build()
        committing = asyncio.create_task(self._commit_loop(client))
        try:
            await client.start()
            await client.wait_until_stopped()
        finally:
            self.is_working = False
            await cancel_and_wait(committing)
            reason = client.crash_reason  # a stop may replace it
            try:
                await client.stop()
            finally:
                await self._gaps.close()
        raise ConsumerStopped(self._context) from reason

    def _build(self) -> GroupClient:
        self._client = self._create_client(
            self._group,
            GroupListener(self._poll, self._on_assigned, self._on_revoked),
            self._kafka,
            offsets_timeout=2 * self._session,
            broker_session_timeout=self._session,
            broker_max_poll_records=_MAX_POLL_RECORDS,
            consumer_metadata_max_age_ms=_METADATA_MAX_AGE_MILLISECONDS,
            consumer_group_instance_id=self._instance,
        )
        self._client.subscribe(self._topics)
        self._client.on_partitions_assigned.connect(self._begin_work, weak=False)
        self._client.on_partitions_revoked.connect(self._end_work, weak=False)
        self._offsets, self._gaps = OffsetTracker(self._context, self._client.commit_offsets), GapDetector(self._kafka)
        return self._client

    def _on_assigned(self, assignment: Any, positions: Any) -> None:
        self._gaps.reset(positions)
        self._offsets.on_assigned(assignment)

    def _on_revoked(self, assignment: Any) -> None:
        self._offsets.on_revoked(assignment)

    async def _begin_work(self, *_: Any, **__: Any) -> None:
        self.is_working = True

    async def _end_work(self, *_: Any, **__: Any) -> None:
        self.is_working = False

    async def _poll(self) -> None:
        """Fetches once and processes what came, in batches."""
        limits = fetch_limits(self._pacing.cores.pressure(), self._pacing)
        assignment, records = (None, []) if self._offsets.assignment is None else await self._client.fetch(limits)
        if assignment is None:
            await asyncio.sleep(_IDLE_DELAY_SECONDS)
            return
        began = monotonic()
        for start in range(0, len(records), BATCH):
            await self._process(assignment, records[start : start + BATCH])
        await asyncio.sleep(poll_delay(len(records), monotonic() - began))

    async def _process(self, assignment: Any, records: Sequence[ConsumerRecord]) -> None:
        """Leaves records that were read under an earlier assignment: Kafka sends them again."""
        if assignment is not self._offsets.assignment:
            return
        read = [(TopicPartition(record.topic, record.partition), record.offset) for record in records]
        for partition, offset in read:
            await self._gaps.check(partition, offset)
        await self._processor.apply([self._record(record) for record in records])
        for partition, offset in read:
            self._offsets.mark_processed(assignment, partition, offset)

    def _record(self, record: ConsumerRecord) -> Record:
        topic = record.topic.removeprefix(self._kafka.prefix)
        return Record(topic, record.partition, record.offset, record.key, record.value, tuple(record.headers))

    async def _commit_loop(self, client: GroupClient) -> None:
        """Commits offsets at intervals, and once more at the end."""
        try:
            while True:
                await asyncio.sleep(_COMMIT_INTERVAL_SECONDS)
                await client.require_member()
                await self._offsets.commit()
        except Exception as problem:  # without commits everything would be processed again and again
            await client.crash(problem)
        except asyncio.CancelledError as problem:
            await client.crash_on_stray_cancel(problem)
            raise
        finally:
            with suppress(KafkaError, TimeoutError):
                async with asyncio.timeout(_COMMIT_TIMEOUT_SECONDS):
                    await self._offsets.commit()

    async def _wait_for_operator(self) -> None:
        """A process that restarted after too many parked records would only park more."""
        while not await self._processor.may_consume():
            log.error("consumer.stopped", context_name=self._context, advice="replay or acknowledge parked records: docs/runbook.md")
            await asyncio.sleep(_OPERATOR_POLL_SECONDS)

    async def _wait_for_broker(self) -> None:
        """Faust does not start without a broker; deadlines must not wait for one."""
        while problem := await self._missing():
            log.warning("consumer.waiting", context_name=self._context, problem=problem)
            await asyncio.sleep(1)

    async def _missing(self) -> str | None:
        probe = AIOKafkaConsumer(**self._kafka.client_options, request_timeout_ms=5_000)
        try:
            await probe.start()
            absent = set(self._topics) - await probe.topics()
        except (KafkaError, OSError) as problem:
            return type(problem).__name__
        else:
            return f"topics are absent: {', '.join(sorted(absent))}" if absent else None
        finally:
            await probe.stop()


def fetch_limits(pressure: float, pacing: Pacing = DEFAULT_PACING) -> FetchLimits:
    """On calm cores a request ends with the first record. On busy cores the broker gathers records for the consumer's share of the budget.

    A request names every partition, which costs client and broker milliseconds (docs/performance.md). So none ends empty within 50 ms.
    """
    gathering = pacing.consumer_limit(pressure)
    calm = gathering < _SHORTEST_GATHERING_SECONDS
    return FetchLimits(_CALM_BROKER_WAIT_SECONDS, 1) if calm else FetchLimits(gathering, _GATHERED_BYTES)


def poll_delay(records: int, worked: float) -> float:
    """Seconds until the next fetch: as long as the work took, so that more records form a batch; none after a full batch."""
    return 0.0 if records >= BATCH else min(worked, _MAX_POLL_DELAY_SECONDS)
