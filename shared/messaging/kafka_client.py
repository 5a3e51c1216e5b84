"""Every private attribute of faust and aiokafka that this product relies on, behind methods that read as public ones.

Faust joins the group, stays a member of it in a thread of its own, and assigns the partitions; reading and committing are
ours (docs/adr/0005). tests/unit/shared/messaging/test_kafka_client.py has a test per assumption, so that another version of a
library fails there first.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import faust
from aiokafka import AIOKafkaProducer, ConsumerRecord, OffsetAndMetadata, TopicPartition
from faust.auth import SASLCredentials

from shared.messaging.kafka_settings import MECHANISM, KafkaSettings

_CLOSE_TIMEOUT_SECONDS = 2.0
_POLL_TIMEOUT_SECONDS = 1.0
#: Disables max.poll.interval: a member that polls nothing for 15 minutes is expelled and never rejoins.
_NO_MAX_POLL_INTERVAL_SECONDS = 10.0 * 365 * 24 * 3600

#: One object for as long as partitions are assigned to this member without a change.
Assignment = Any


@dataclass(frozen=True, slots=True)
class GroupListener:
    """What a member of a group does: `poll` runs again and again while partitions may be read."""

    poll: Callable[[], Awaitable[None]]
    on_assigned: Callable[[Assignment, Mapping[TopicPartition, int | None]], None]
    on_revoked: Callable[[Assignment], None]


@dataclass(frozen=True, slots=True)
class FetchLimits:
    """A broker responds to a fetch request with `min_bytes` of records, or with fewer after `seconds`."""

    seconds: float
    min_bytes: int


class GroupClient(faust.App):
    """A member of a consumer group. `offsets_timeout` limits in seconds how long it waits for the committed offsets."""

    def __init__(self, group: str, listener: GroupListener, kafka: KafkaSettings, *, offsets_timeout: float, **settings: Any) -> None:
        self._listener, self._offsets_timeout = listener, offsets_timeout
        self._fetching, self._has_rejoined = asyncio.Lock(), False
        super().__init__(
            group,
            broker=f"kafka://{kafka.bootstrap}",
            broker_credentials=sasl_credentials(kafka),
            broker_max_poll_interval=_NO_MAX_POLL_INTERVAL_SECONDS,
            consumer_auto_offset_reset="earliest",
            topic_allow_declare=False,
            topic_disable_leader=True,
            stream_wait_empty=False,
            web_enabled=False,
            loop=asyncio.get_running_loop(),
            **settings,
        )
        self.on_partitions_assigned.connect(self._renew_inherited_assignment, weak=False)

    def subscribe(self, topics: Iterable[str]) -> None:
        self.topics.add(self.topic(*topics, acks=False))

    async def fetch(self, limits: FetchLimits) -> tuple[Assignment, Sequence[ConsumerRecord]]:
        """Records of the assigned partitions and the assignment they were read under; none after a second without any."""
        consumer: Any = self.consumer
        await consumer.can_resume_flow.wait()
        partitions = consumer._get_active_partitions()  # noqa: SLF001
        if not partitions:
            return None, []
        limit_fetches(self.thread, limits)
        async with self._fetching:
            found = await self.read(partitions)
            assignment = assignment_of(self.thread)
        return assignment, [record for records in found.values() for record in records]

    async def read(self, partitions: Collection[TopicPartition]) -> Mapping[TopicPartition, list[ConsumerRecord]]:
        """The next records of these partitions; none after a second without any."""
        consumer: Any = self.consumer
        found: Mapping[TopicPartition, list[ConsumerRecord]] = await consumer._getmany(partitions, _POLL_TIMEOUT_SECONDS)  # noqa: SLF001
        return found

    async def seek_committed(self) -> Mapping[TopicPartition, int | None]:
        """Moves to the committed offsets and returns them; None where a partition has none."""
        positions: Mapping[TopicPartition, int | None] = await self._seek()
        return positions

    async def take_partitions(self, *assigned: Any) -> None:
        """Begins an assignment."""
        await self._assign(*assigned)

    @property
    def thread(self) -> Any:
        """The client's thread, in which it is a member of its group."""
        return self.consumer._thread  # type: ignore[attr-defined]  # noqa: SLF001

    async def commit_offsets(self, assignment: Assignment, offsets: Mapping[TopicPartition, int]) -> bool:
        """One attempt, in the client's thread. False when the assignment has changed. Raises KafkaError."""
        committed: bool = await self.thread.call_thread(commit_once, self.thread, assignment, offsets)
        return committed

    async def require_member(self) -> None:
        """Raises the KafkaError for which the client gave up its membership: it raises that in a fetch only."""
        thread = self.thread
        if thread._consumer and (coordinator := thread._consumer._coordinator):  # noqa: SLF001
            await thread.call_thread(coordinator.check_errors)

    async def _renew_inherited_assignment(self, *_: Any, **__: Any) -> None:
        """Asks once for another assignment when this member did not make the present one, and so watches no topic for changes.

        A static member that restarts inherits the assignment of the process before it, which may precede a topic or a partition. The
        broker ignores the request of a member that does not lead its group.
        """
        thread = self.thread
        coordinator = thread._consumer._coordinator  # noqa: SLF001
        if not self._has_rejoined and not has_assigned(coordinator):
            self._has_rejoined = True
            await thread.call_thread(coordinator.request_rejoin)

    async def crash_on_stray_cancel(self, problem: asyncio.CancelledError) -> None:
        """Ends the client when a library cancelled the running task and nothing else did."""
        task = asyncio.current_task()
        if task and not task.cancelling():
            await self.crash(problem)

    def _create_directories(self) -> None:
        """Creates none: no faust table is used."""

    def _on_rebalance_when_stopped(self) -> None:
        """Leaves the client to its own thread. Closed from this one, the thread may wait for a connection without limit."""

    def _new_consumer(self) -> Any:
        consumer: Any = super()._new_consumer()
        revoke = consumer.on_partitions_revoked
        self._assign, self._seek = consumer.on_partitions_assigned, consumer.seek_to_committed

        async def on_partitions_revoked(partitions: Any) -> None:
            self._listener.on_revoked(assignment_of(consumer._thread))  # noqa: SLF001
            await revoke(partitions)

        async def seek_to_committed() -> Any:
            """Never seeks during a fetch: its records would precede the new position."""
            try:
                async with asyncio.timeout(self._offsets_timeout), self._fetching:
                    positions = await self.seek_committed()
                    if new := [partition for partition, offset in positions.items() if not offset]:
                        await consumer._thread.seek_to_beginning(*new)  # noqa: SLF001
            except TimeoutError as late:  # faust would wait longer and then read nothing, without a log line
                await self.crash(late)
                raise
            self._listener.on_assigned(assignment_of(consumer._thread), positions)  # noqa: SLF001
            return positions

        consumer.on_partitions_revoked, consumer.seek_to_committed = on_partitions_revoked, seek_to_committed
        consumer.on_partitions_assigned = self.take_partitions
        consumer._drain_messages = self._poll_until_stopped  # noqa: SLF001
        bound_close(consumer._thread)  # noqa: SLF001
        return consumer

    async def _poll_until_stopped(self, fetcher: Any) -> None:
        """Takes the place of faust's fetch loop. A stray cancellation would end it without a log line, so it ends the client."""
        consumer: Any = self.consumer
        try:
            while not (consumer.should_stop or fetcher.should_stop):
                await self._listener.poll()
        except asyncio.CancelledError as problem:
            await self.crash_on_stray_cancel(problem)
            raise


def sasl_credentials(kafka: KafkaSettings) -> SASLCredentials | None:
    """The credentials in the form of faust."""
    if (found := kafka.credentials) is None:
        return None
    return SASLCredentials(username=found.user, password=found.password, ssl_context=found.tls, mechanism=MECHANISM)


def assignment_of(thread: Any) -> Assignment:
    """The assignment that the client holds: another object after each rebalance."""
    return thread._consumer._subscription.subscription.assignment  # noqa: SLF001


def has_assigned(coordinator: Any) -> bool:
    """Whether this member led the last rebalance, made the assignment and watches the topics of the group."""
    return coordinator._group_subscription is not None  # noqa: SLF001


def limit_fetches(thread: Any, limits: FetchLimits) -> None:
    """A request blocks later ones to its broker, also for partitions that have records. Faust fixes the wait at 1.5 seconds."""
    if thread._consumer:  # noqa: SLF001
        fetcher = thread._consumer._fetcher  # noqa: SLF001
        fetcher._fetch_max_wait_ms, fetcher._fetch_min_bytes = round(limits.seconds * 1000), limits.min_bytes  # noqa: SLF001


async def commit_once(thread: Any, assignment: Assignment, offsets: Mapping[TopicPartition, int]) -> bool:
    """No await between the check and the commit: a rebalance could slip in. A commit without a generation is accepted from any client."""
    coordinator, subscription = thread._consumer._coordinator, thread._consumer._subscription.subscription  # noqa: SLF001
    if subscription.assignment is not assignment or subscription._reassignment_in_progress:  # noqa: SLF001
        return False
    if coordinator.generation < 0 or coordinator.coordinator_id is None:
        return False
    await coordinator._do_commit_offsets(assignment, {each: OffsetAndMetadata(offset, "") for each, offset in offsets.items()})  # noqa: SLF001
    return True


def bound_close(thread: Any) -> None:
    """Limits how long the client's thread takes to close.

    While its broker is away the client re-raises its own cancellation; while the broker is stopped it leaves the group for a minute.
    """
    stop = thread.on_thread_stop

    async def stop_in_time() -> None:
        with suppress(asyncio.CancelledError, TimeoutError):
            async with asyncio.timeout(_CLOSE_TIMEOUT_SECONDS):
                await stop()
        with suppress(asyncio.CancelledError):
            await connections_of(thread).close()  # the step above may not have reached it

    thread.on_thread_stop = stop_in_time


def connections_of(thread: Any) -> Any:
    """The client's connections to its brokers."""
    return thread._consumer._client  # noqa: SLF001


def disable_retries(producer: AIOKafkaProducer) -> None:
    """Expires a batch at its first failure. A producer that retries may write to a recreated topic, out of order (docs/adr/0006)."""
    producer._message_accumulator._batch_ttl = 0  # noqa: SLF001
