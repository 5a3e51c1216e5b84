"""Worker processes that are killed at the worst moments lose nothing and do nothing twice."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from infra.dev_stack.clock_offset import set_clock
from infra.dev_stack.dev_secrets import Keys
from infra.dev_stack.local.ports import HOST, free_ports
from infra.dev_stack.process_environment import environment
from shared.clock import wall_clock
from shared.messaging.kafka_settings import KafkaSettings
from tests.integration.shared.consumer_harness import consuming
from tests.integration.shared.delivery_harness import DeliveryHarness
from tests.integration.shared.parcel_context import PATIENCE
from tests.integration.shared.test_relay import on_kafka, relaying
from tests.integration.shared.worker_processes import KILLED, WorkerProcesses, end_of, working
from tests.timeouts import LONGEST_WAIT

_ROOT = Path(__file__).parents[3]
_STUCK = """
import asyncio, os, signal, sys, threading, time
from types import SimpleNamespace
from shared.messaging import worker

class Deaf:
    async def run(self):
        os.kill(os.getpid(), signal.SIGTERM)
        while True:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                continue

class Standing:
    async def run(self):
        os.kill(os.getpid(), signal.SIGTERM)
        try:
            await asyncio.sleep(60)
        finally:
            time.sleep(60)

class Threaded:
    async def run(self):
        threading.Thread(target=time.sleep, args=(60,)).start()
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.sleep(60)

class Cancelled:
    async def run(self):
        raise asyncio.CancelledError

async def closed(): ...

worker._PATIENCE_SECONDS = 0.5
stuck = object.__new__(worker.Worker)
stuck._context, stuck._watch, stuck._parts, stuck._database = "test", worker.HealthEndpoint(), {"part": PART()}, SimpleNamespace(close=closed)
sys.exit(asyncio.run(stuck.run()))
"""


@pytest.fixture
async def workers(post: DeliveryHarness, kafka: KafkaSettings, keys: Keys, tmp_path: Path) -> AsyncIterator[WorkerProcesses]:
    post.sender.clock.at = wall_clock()
    variables = environment(post.owner_url, kafka.bootstrap, keys, topic_prefix=kafka.prefix, allow_time_travel=True)
    async with working(variables, tmp_path / "workers.log") as workers:
        yield workers
    await set_clock(post.owner, wall_clock())


async def until(holds: Callable[[], Awaitable[object]], within: float = LONGEST_WAIT) -> None:
    async with asyncio.timeout(within):
        while not await holds():
            await asyncio.sleep(0.05)


async def all_delivered(post: DeliveryHarness) -> bool:
    return not await post.count("rapid_care.outbox") and not await post.events_without_their_one_effect()


async def send_until_it_dies(post: DeliveryHarness, dying: asyncio.Task[int]) -> None:
    while not dying.done():
        await post.send()
        await asyncio.sleep(0.02)


@pytest.mark.parametrize("fault", ["before-commit-on", "after-commit-on"])
async def test_a_consumer_killed_around_its_commit_loses_nothing_and_does_nothing_twice(
    post: DeliveryHarness, kafka: KafkaSettings, workers: WorkerProcesses, fault: str
) -> None:
    async with relaying(post, kafka):
        death = asyncio.create_task(end_of(await workers.start("receiver", fault, "3")))
        await send_until_it_dies(post, death)
        assert await death == KILLED
        await workers.start("receiver")
        await until(lambda: all_delivered(post))

    assert await post.count("navigation.effect") == await post.count("rapid_care.event")


async def test_a_relay_killed_after_sending_sends_again_and_nothing_is_done_twice(
    post: DeliveryHarness, kafka: KafkaSettings, workers: WorkerProcesses
) -> None:
    async with consuming(post, kafka):
        death = asyncio.create_task(end_of(await workers.start("sender", "after-send", "3")))
        await send_until_it_dies(post, death)
        assert await death == KILLED
        await workers.start("sender")
        await until(lambda: all_delivered(post))

    assert len(await on_kafka(kafka)) > await post.count("rapid_care.event")
    assert await post.count("navigation.effect") == await post.count("rapid_care.event")


@pytest.mark.parametrize("fault", ["before-commit-deadline", "after-commit-deadline"])
async def test_a_worker_killed_while_it_acts_on_deadlines_acts_on_each_once(
    post: DeliveryHarness, workers: WorkerProcesses, fault: str
) -> None:
    for _ in range(20):
        await post.send()
    await set_clock(post.owner, wall_clock() + PATIENCE + timedelta(hours=1))

    assert await end_of(await workers.start("sender", fault, "1")) == KILLED
    await workers.start("sender")
    await until(lambda: _none(post, "rapid_care.deadline", "state = 'pending'"))

    assert await post.count("rapid_care.event", "type = 'rapid-care.response.at-risk.v1'") == 20
    assert await post.count("rapid_care.deadline", "state = 'fired' AND late_by_ms >= 3600000") == 20


async def test_a_second_worker_takes_over_the_relay_when_the_first_is_killed(post: DeliveryHarness, workers: WorkerProcesses) -> None:
    first = await workers.start("sender")
    await post.send()
    await until(lambda: _none(post, "rapid_care.outbox"))
    await workers.start("sender", instance="1")
    await first.kill()

    await post.send()
    await until(lambda: _none(post, "rapid_care.outbox"))


async def test_all_processes_obey_the_shifted_clock_and_one_without_permission_does_not(
    post: DeliveryHarness, workers: WorkerProcesses
) -> None:
    await post.send()
    await set_clock(post.owner, wall_clock() + PATIENCE + timedelta(minutes=1))

    forbidden = await workers.start("sender", CARE_ALLOW_TIME_TRAVEL="false")
    await until(lambda: _none(post, "rapid_care.outbox"))
    await asyncio.sleep(0.5)
    assert await post.count("rapid_care.deadline", "state = 'pending'") == 1
    await forbidden.stop()

    await workers.start("sender")
    await until(lambda: _none(post, "rapid_care.deadline", "state = 'pending'"))


async def test_a_worker_is_ready_when_it_leads_and_has_its_part_of_the_work(post: DeliveryHarness, workers: WorkerProcesses) -> None:
    port = free_ports(1)[0]
    await workers.start("sender", RAPID_CARE_METRICS_PORT=str(port))
    async with httpx.AsyncClient(base_url=f"http://{HOST}:{port}") as http:

        async def is_ready() -> bool:
            try:
                return (await http.get("/readyz")).is_success
            except httpx.TransportError:
                return False

        await until(is_ready)
        await post.send()
        await until(lambda: _none(post, "rapid_care.outbox"))

        async def tells_its_lag() -> bool:
            return 'care_consumer_lag_records{context="rapid_care"' in (await http.get("/metrics")).text

        await until(tells_its_lag)
        text = (await http.get("/metrics")).text

    assert 'care_events_published_total{context="rapid_care"}' in text


async def test_a_worker_that_is_asked_to_end_ends_well(post: DeliveryHarness, workers: WorkerProcesses) -> None:
    worker = await workers.start("sender")
    await post.send()
    await until(lambda: _none(post, "rapid_care.outbox"))

    await worker.stop(signal.SIGTERM, patience=20)

    assert worker.process.returncode == 0


@pytest.mark.parametrize("part", ["Deaf", "Standing", "Threaded"])
async def test_a_worker_whose_part_does_not_end_ends_all_the_same(part: str) -> None:
    """A task that goes on, one that holds up the loop, and a thread that is left."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _STUCK.replace("PART", part), cwd=_ROOT, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await asyncio.wait_for(process.communicate(), 30)

    assert process.returncode == 1
    assert b"worker.stuck" in output


async def test_a_worker_whose_part_is_cancelled_by_nobody_says_so_and_ends() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _STUCK.replace("PART", "Cancelled"), cwd=_ROOT, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await asyncio.wait_for(process.communicate(), 30)

    assert process.returncode == 1
    assert b"worker.stopped" in output
    assert b"CancelledError" in output


async def _none(post: DeliveryHarness, table: str, where: str = "true") -> bool:
    return not await post.count(table, where)
