"""The faust edge, and the only module that knows faust.

Faust joins the group, stays a member of it in a thread of its own, and gives the partitions out. What is read goes round its streams,
raw and in batches, and is told to be done after the commit (docs/adr/0005). Duplicates are certain; the inbox takes them.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from time import monotonic
from typing import Any, cast

import faust
import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from shared.contracts.envelope import Record
from shared.messaging.event_processor import EventProcessor
from shared.messaging.inbound.gap_detector import GapDetector
from shared.messaging.inbound.offsets import OffsetTracker
from shared.messaging.kafka_settings import KafkaSettings
from shared.messaging.shutdown import cancel_and_wait
from shared.telemetry import metrics

log = structlog.get_logger()

BATCH = 100
_MAX_POLL_RECORDS = 5 * BATCH
_POLL_TIMEOUT_SECONDS = 1.0
_IDLE_DELAY_SECONDS = 0.1
_MAX_POLL_DELAY_SECONDS = 0.05
SESSION_SECONDS = 15.0
_COMMIT_INTERVAL_SECONDS = 0.5
_CLOSE_TIMEOUT_SECONDS = 2.0
_LAG_INTERVAL_SECONDS = 5.0
_METADATA_MAX_AGE_MILLISECONDS = 5_000
_OPERATOR_POLL_SECONDS = 2.0
#: Who reads nothing for a quarter of an hour, because the broker is away or others have all partitions, would be out of the group for ever.
_NO_MAX_POLL_INTERVAL_SECONDS = 10.0 * 365 * 24 * 3600


Apply = Callable[[Sequence[ConsumerRecord]], Awaitable[None]]


class _App(faust.App):
    """Without faust's own tables there is nothing to keep in folders. Raises what `apply` raises, by ending."""

    def __init__(self, *given: Any, bootstrap: str, patience: float, apply: Apply, **more: Any) -> None:
        self.offsets, self.gap_detector, self._patience, self._apply = OffsetTracker(), GapDetector(bootstrap), patience, apply
        self._fetching = asyncio.Lock()
        super().__init__(*given, broker=f"kafka://{bootstrap}", **more)

    def _create_directories(self) -> None:
        """Makes none."""

    def _on_rebalance_when_stopped(self) -> None:
        """Leaves the client to the thread in which it lives, which is told to end as well.

        Faust would close it from this one: then the thread at times waits for a connection's end that nobody tells it.
        """

    def _new_consumer(self) -> Any:
        consumer: Any = super()._new_consumer()
        let_go, seek_to_committed = consumer.on_partitions_revoked, consumer.seek_to_committed

        async def revoke(partitions: Any) -> None:
            self.offsets.on_revoked(consumer._thread)  # noqa: SLF001  faust shows it to nobody
            await let_go(partitions)

        async def seek() -> Any:
            """Not while a look is under way: what it found would be left, and would lie before where the reading then begins."""
            try:
                async with asyncio.timeout(self._patience), self._fetching:
                    positions = await seek_to_committed()
                    if new := [partition for partition, offset in positions.items() if not offset]:
                        await consumer._thread.seek_to_beginning(*new)  # noqa: SLF001  as above
            except TimeoutError as late:  # faust itself would wait somewhat longer, and then read nothing any more without a word
                await self.crash(late)
                raise
            self.gap_detector.reset(positions)
            self.offsets.on_assigned(consumer._thread)  # noqa: SLF001  as above
            return positions

        consumer.on_partitions_revoked, consumer.seek_to_committed = revoke, seek
        consumer._drain_messages = self._read_or_crash  # noqa: SLF001  as above
        _bounded_close(consumer._thread)  # noqa: SLF001  as above
        return consumer

    async def require_member(self) -> None:
        """Raises KafkaError when the client in the thread gave up its membership: it tells only whoever waits for records just then."""
        thread: Any = cast("Any", self.consumer)._thread  # noqa: SLF001  faust shows it to nobody
        if thread._consumer and (coordinator := thread._consumer._coordinator):  # noqa: SLF001  as above
            await thread.call_thread(coordinator.check_errors)

    async def _read_or_crash(self, fetcher: Any) -> None:
        """Cancelled by anybody but who stops it, it would end, and nothing would be read any more without a word."""
        try:
            await self._read(fetcher)
        except asyncio.CancelledError as problem:
            await self.crash_on_stray_cancel(problem)
            raise

    async def crash_on_stray_cancel(self, problem: asyncio.CancelledError) -> None:
        """Nobody cancelled the task that runs: a library raised it."""
        task = asyncio.current_task()
        if task and not task.cancelling():
            await self.crash(problem)

    async def _read(self, fetcher: Any) -> None:
        """What is found belongs to the assignment that holds when it comes: to look may take longer than to give partitions out anew."""
        consumer: Any = self.consumer
        while not (consumer.should_stop or fetcher.should_stop):
            await consumer.can_resume_flow.wait()
            if self.offsets.held is None or not (active := consumer._get_active_partitions()):  # noqa: SLF001  as above
                await asyncio.sleep(_IDLE_DELAY_SECONDS)
                continue
            async with self._fetching:
                found = await consumer._getmany(active, _POLL_TIMEOUT_SECONDS)  # noqa: SLF001  as above
                held = self.offsets.held
            records = [record for of_partition in found.values() for record in of_partition]
            began = monotonic()
            for start in range(0, len(records), BATCH):
                await self._process(held, records[start : start + BATCH])
            await asyncio.sleep(poll_delay(len(records), monotonic() - began))

    async def _process(self, held: Any, records: Sequence[ConsumerRecord]) -> None:
        """What was read before the partitions were given out anew is left: it is sent again."""
        if held is None or held is not self.offsets.held:
            return
        read = [(TopicPartition(record.topic, record.partition), record.offset) for record in records]
        for partition, offset in read:
            await self.gap_detector.check(partition, offset)
        await self._apply(records)
        for partition, offset in read:
            self.offsets.mark_processed(held, partition, offset)


def poll_delay(records: int, worked: float) -> float:
    """Seconds: as long as the work took, since more records gather; none after a full batch (docs/performance.md)."""
    return 0.0 if records >= BATCH else min(worked, _MAX_POLL_DELAY_SECONDS)


def _bounded_close(thread: Any) -> None:
    """Whatever the client does while it closes, its thread ends; it would be waited for.

    While its broker is away it hands on what it cancels itself; while that is stopped it says good-bye to its group for a minute.
    """
    stop = thread.on_thread_stop

    async def stop_in_time() -> None:
        with suppress(asyncio.CancelledError, TimeoutError):
            async with asyncio.timeout(_CLOSE_TIMEOUT_SECONDS):
                await stop()
        with suppress(asyncio.CancelledError):
            await thread._consumer._client.close()  # noqa: SLF001  to which it may not have come

    thread.on_thread_stop = stop_in_time


class ConsumerStopped(Exception):
    """The consumer gave up; the process must end and be started again, and Kafka will send the rest once more."""


class Consumer:
    """Feeds the records of `topics` to the intake, in batches. After `session` seconds of silence its partitions go to another instance."""

    def __init__(
        self, intake: EventProcessor, context: str, topics: list[str], kafka: KafkaSettings, *, session: float = SESSION_SECONDS
    ) -> None:
        self._intake, self._context, self._bootstrap, self._prefix = intake, context, kafka.bootstrap, kafka.prefix
        self._topics = [kafka.prefix + topic for topic in topics]
        self._group = f"{kafka.prefix}{context.replace('_', '-')}"
        self._instance, self._session = f"{self._group}-{kafka.instance}" if kafka.instance else None, session
        self.is_working = False  # whether this process has its part of the work, which may be none

    async def run(self) -> None:
        """Runs until cancelled. Raises ConsumerStopped, with what stopped it as its cause."""
        await self._wait_for_broker()
        watching = asyncio.create_task(self._report_lag())
        try:
            await self._wait_for_operator()
            await self._run_app()
        finally:
            await cancel_and_wait(watching)

    async def _run_app(self) -> None:
        app = self._build()
        looking_after = asyncio.create_task(self._commit_loop(app))
        try:
            await app.start()
            await app.wait_until_stopped()
        finally:
            self.is_working = False
            await cancel_and_wait(looking_after)
            reason = app.crash_reason  # to stop may put another in its place
            await app.stop()
            await app.gap_detector.close()
        raise ConsumerStopped(self._context) from reason

    def _build(self) -> _App:
        app = _App(
            self._group,
            bootstrap=self._bootstrap,
            patience=2 * self._session,
            apply=self._apply,
            broker_session_timeout=self._session,
            broker_max_poll_interval=_NO_MAX_POLL_INTERVAL_SECONDS,
            consumer_metadata_max_age_ms=_METADATA_MAX_AGE_MILLISECONDS,
            consumer_auto_offset_reset="earliest",
            broker_max_poll_records=_MAX_POLL_RECORDS,
            consumer_group_instance_id=self._instance,
            topic_allow_declare=False,
            topic_disable_leader=True,
            stream_wait_empty=False,
            web_enabled=False,
            loop=asyncio.get_running_loop(),
        )
        app.topics.add(app.topic(*self._topics, acks=False))
        app.on_partitions_assigned.connect(self._note_assignment, weak=False)
        app.on_partitions_revoked.connect(self._note_revocation, weak=False)
        return app

    async def _note_assignment(self, *_: Any, **__: Any) -> None:
        self.is_working = True

    async def _note_revocation(self, *_: Any, **__: Any) -> None:
        self.is_working = False

    async def _apply(self, records: Sequence[ConsumerRecord]) -> None:
        await self._intake.apply([self._record(record) for record in records])

    async def _commit_loop(self, app: _App) -> None:
        """Tells the places every so often, and once more at the end."""
        try:
            while True:
                await asyncio.sleep(_COMMIT_INTERVAL_SECONDS)
                await app.require_member()
                await app.offsets.commit()
        except Exception as problem:  # without places everything would be done again and again
            await app.crash(problem)
        except asyncio.CancelledError as problem:
            await app.crash_on_stray_cancel(problem)
            raise
        finally:
            with suppress(KafkaError, TimeoutError):
                async with asyncio.timeout(_CLOSE_TIMEOUT_SECONDS):
                    await app.offsets.commit()

    def _record(self, record: ConsumerRecord) -> Record:
        topic = record.topic.removeprefix(self._prefix)
        return Record(topic, record.partition, record.offset, record.key, record.value, tuple(record.headers))

    async def _report_lag(self) -> None:
        """Of the whole group, by clients of its own: right also while this process is stuck, waits, or has no partition."""
        while True:
            admin = AIOKafkaAdminClient(bootstrap_servers=self._bootstrap, request_timeout_ms=5_000)
            client = AIOKafkaConsumer(bootstrap_servers=self._bootstrap, request_timeout_ms=5_000)
            try:
                await admin.start()
                await client.start()
                while True:
                    await self._note_lag(admin, client)
                    await asyncio.sleep(_LAG_INTERVAL_SECONDS)
            except Exception as problem:  # whatever it is, nobody else would look
                metrics.CONSUMER_LAG.clear()  # what is not known any more is not told
                log.warning("consumer.lag-unknown", context_name=self._context, problem=type(problem).__name__)
            finally:
                await client.stop()
                await admin.close()
            await asyncio.sleep(_LAG_INTERVAL_SECONDS)

    async def _note_lag(self, admin: AIOKafkaAdminClient, client: AIOKafkaConsumer) -> None:
        described = await admin.describe_topics(self._topics)
        partitions = [TopicPartition(each["topic"], part["partition"]) for each in described for part in each["partitions"]]
        done = await admin.list_consumer_group_offsets(self._group)
        first, end = await client.beginning_offsets(partitions), await client.end_offsets(partitions)
        for partition in partitions:
            applied = max(done[partition].offset if partition in done else 0, first[partition])
            topic = partition.topic.removeprefix(self._prefix)
            metrics.CONSUMER_LAG.labels(self._context, topic, partition.partition).set(max(end[partition] - applied, 0))

    async def _wait_for_operator(self) -> None:
        """A process that was started anew after too many were parked would only park more."""
        while not await self._intake.may_consume():
            log.error("consumer.stopped", context_name=self._context, advice="replay or acknowledge what is parked: docs/runbook.md")
            await asyncio.sleep(_OPERATOR_POLL_SECONDS)

    async def _wait_for_broker(self) -> None:
        """Faust does not start without a broker; deadlines must not wait for one, so this does."""
        while problem := await self._missing():
            log.warning("consumer.waiting", context_name=self._context, problem=problem)
            await asyncio.sleep(1)

    async def _missing(self) -> str | None:
        probe = AIOKafkaConsumer(bootstrap_servers=self._bootstrap, request_timeout_ms=5_000)
        try:
            await probe.start()
            absent = set(self._topics) - await probe.topics()
        except (KafkaError, OSError) as problem:
            return type(problem).__name__
        else:
            return f"topics are absent: {', '.join(sorted(absent))}" if absent else None
        finally:
            await probe.stop()
