"""The assumptions about private attributes of the pinned faust and aiokafka, one test each."""

import asyncio
import inspect
import threading
from collections.abc import Awaitable, Callable
from importlib.metadata import version
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.consumer.fetcher import Fetcher, PartitionRecords
from aiokafka.consumer.group_coordinator import BaseCoordinator, GroupCoordinator
from aiokafka.consumer.subscription_state import Subscription, SubscriptionState
from aiokafka.producer.message_accumulator import MessageAccumulator
from faust.app.base import App
from faust.transport.consumer import Consumer, ConsumerThread, ThreadDelegateConsumer
from faust.transport.consumer import Fetcher as FetchService
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread
from mode import Service
from mode.threads import QueueServiceThread

from shared.messaging.kafka_client import FetchLimits, assignment_of, bound_close, commit_once, disable_retries, limit_fetches

PARTITION = TopicPartition("care.referral", 0)


@pytest.mark.parametrize(("package", "pinned"), [("faust-streaming", "0.15.3"), ("aiokafka", "0.14.0")])
def test_library_is_the_version_that_was_read(package: str, pinned: str) -> None:
    assert version(package) == pinned, f"read shared/messaging/kafka_client.py against the new {package}, then change this test"


def _initialises(owner: type, attribute: str) -> bool:
    return f"self.{attribute}" in inspect.getsource(owner)


@pytest.mark.parametrize(
    ("owner", "attribute"),
    [
        (ThreadDelegateConsumer, "_thread"),
        (Consumer, "_drain_messages"),
        (Consumer, "_getmany"),
        (Consumer, "_get_active_partitions"),
        (Consumer, "can_resume_flow"),
        (AIOKafkaConsumerThread, "_consumer"),
        (AIOKafkaConsumer, "_coordinator"),
        (AIOKafkaConsumer, "_subscription"),
        (AIOKafkaConsumer, "_client"),
        (AIOKafkaConsumer, "_fetcher"),
        (Fetcher, "_fetch_max_wait_ms"),
        (Fetcher, "_fetch_min_bytes"),
        (GroupCoordinator, "coordinator_id"),
        (GroupCoordinator, "generation"),
        (GroupCoordinator, "_group_subscription"),
        (Subscription, "_reassignment_in_progress"),
        (Subscription, "_assignment"),
        (SubscriptionState, "_subscription"),
        (AIOKafkaProducer, "_message_accumulator"),
        (MessageAccumulator, "_batch_ttl"),
        (PartitionRecords, "_tp"),
        (PartitionRecords, "next_fetch_offset"),
    ],
)
def test_library_has_the_attribute(owner: type, attribute: str) -> None:
    assert hasattr(owner, attribute) or any(_initialises(each, attribute) for each in owner.__mro__[:-1] if each.__module__ != "typing")


@pytest.mark.parametrize(
    ("method", "parameters"),
    [
        (App._new_consumer, ["self"]),
        (App._on_rebalance_when_stopped, ["self"]),
        (App._create_directories, ["self"]),
        (Consumer.on_partitions_assigned, ["self", "assigned", "generation_id"]),
        (Consumer.on_partitions_revoked, ["self", "revoked"]),
        (Consumer.seek_to_committed, ["self"]),
        (Consumer._drain_messages, ["self", "fetcher"]),
        (Consumer._getmany, ["self", "active_partitions", "timeout"]),
        (ConsumerThread.seek_to_beginning, ["self", "partitions"]),
        (GroupCoordinator._do_commit_offsets, ["self", "assignment", "offsets"]),
        (GroupCoordinator.check_errors, ["self"]),
        (GroupCoordinator.request_rejoin, ["self"]),
        (AIOKafkaConsumerThread.on_thread_stop, ["self"]),
        (PartitionRecords._unpack_records, ["self"]),
    ],
    ids=lambda each: getattr(each, "__qualname__", ""),
)
def test_library_method_takes_these_parameters(method: Callable[..., Any], parameters: list[str]) -> None:
    assert list(inspect.signature(method).parameters) == parameters


def a_thread() -> Any:
    """A client's thread that is a member of its group; the coordinator records the commits."""
    commits: list[Any] = []

    async def take(_: Any, offsets: dict[TopicPartition, Any]) -> None:
        commits.append({partition: each.offset for partition, each in offsets.items()})

    coordinator = SimpleNamespace(generation=1, coordinator_id=0, _do_commit_offsets=take, commits=commits)
    subscription = SimpleNamespace(assignment=object(), _reassignment_in_progress=False)
    return SimpleNamespace(_consumer=SimpleNamespace(_coordinator=coordinator, _subscription=SimpleNamespace(subscription=subscription)))


async def test_call_thread_returns_the_result_of_the_client_thread() -> None:
    """The consumer's thread inherits `call_thread`, by which commits and checks run where the client is a member."""

    async def double(number: int) -> tuple[int, threading.Thread]:
        return 2 * number, threading.current_thread()

    thread = QueueServiceThread()
    await thread.start()
    try:
        result, executed_in = await thread.call_thread(double, 4)
    finally:
        await thread.stop()

    assert AIOKafkaConsumerThread.call_thread is QueueServiceThread.call_thread
    assert result == 8
    assert executed_in is not threading.current_thread()


@pytest.mark.parametrize("ending", [pytest.param(Service.stop, id="stop"), pytest.param(lambda each: each.crash(OSError()), id="crash")])
async def test_ended_service_should_stop(ending: Callable[[Service], Awaitable[None]]) -> None:
    """The loop that polls ends with the consumer or its fetch service."""
    without_app: Any = None
    service = FetchService(without_app)
    assert not service.should_stop

    await ending(service)

    assert service.should_stop
    assert Consumer.should_stop is FetchService.should_stop is Service.should_stop


async def test_commit_is_sent_under_the_present_assignment() -> None:
    thread = a_thread()

    assert await commit_once(thread, assignment_of(thread), {PARTITION: 8})
    assert thread._consumer._coordinator.commits == [{PARTITION: 8}]


@pytest.mark.parametrize(
    "move",
    [
        pytest.param(lambda client: setattr(client._subscription.subscription, "_reassignment_in_progress", True), id="rebalance"),
        pytest.param(lambda client: setattr(client._subscription.subscription, "assignment", object()), id="another assignment"),
        pytest.param(lambda client: setattr(client._coordinator, "generation", -1), id="no member"),
        pytest.param(lambda client: setattr(client._coordinator, "coordinator_id", None), id="no coordinator"),
    ],
)
async def test_commit_is_not_sent_while_partitions_move(move: Callable[[Any], None]) -> None:
    thread = a_thread()
    assignment = assignment_of(thread)
    move(thread._consumer)

    assert not await commit_once(thread, assignment, {PARTITION: 8})
    assert thread._consumer._coordinator.commits == []


def test_fetch_requests_read_the_limits_that_are_set() -> None:
    fetcher = SimpleNamespace(_fetch_max_wait_ms=1500, _fetch_min_bytes=1)

    limit_fetches(SimpleNamespace(_consumer=SimpleNamespace(_fetcher=fetcher)), FetchLimits(0.25, 1_000_000))

    assert (fetcher._fetch_max_wait_ms, fetcher._fetch_min_bytes) == (250, 1_000_000)
    request = inspect.getsource(Fetcher._get_actions_per_node)
    assert "self._fetch_max_wait_ms" in request
    assert "self._fetch_min_bytes" in request


def test_only_the_member_that_assigns_watches_topics() -> None:
    joining, assigning = (inspect.getsource(each) for each in (GroupCoordinator._on_join_prepare, GroupCoordinator._perform_assignment))

    assert "self._group_subscription = None" in joining
    assert "self._group_subscription = all_subscribed_topics" in assigning
    assert "self._group_subscription is not None" in inspect.getsource(BaseCoordinator._handle_metadata_update)


def test_unstarted_client_has_no_fetch_to_limit() -> None:
    thread = SimpleNamespace(_consumer=None)

    limit_fetches(thread, FetchLimits(0.25, 1))

    assert thread == SimpleNamespace(_consumer=None)


async def test_close_continues_after_the_client_cancels_itself() -> None:
    closed: list[str] = []

    async def stop() -> None:
        raise asyncio.CancelledError

    async def close() -> None:
        closed.append("client")

    thread = SimpleNamespace(on_thread_stop=stop, _consumer=SimpleNamespace(_client=SimpleNamespace(close=close)))
    bound_close(thread)
    await thread.on_thread_stop()

    assert closed == ["client"]


async def test_producer_without_retries_expires_a_batch_at_once() -> None:
    producer = AIOKafkaProducer(bootstrap_servers="127.0.0.1:1")
    disable_retries(producer)

    assert producer._message_accumulator._batch_ttl == 0
    await producer.stop()
