"""A worker process that is killed at any point loses no event and no deadline, and applies none twice."""

import asyncio
import signal
from collections.abc import AsyncIterator
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
from tests.builders.programs import Programs
from tests.integration.shared.consumer_harness import consuming
from tests.integration.shared.delivery_harness import DeliveryHarness
from tests.integration.shared.parcel_context import ACCEPTANCE_LIMIT
from tests.integration.shared.relay_harness import read_topic, relaying
from tests.integration.shared.worker_processes import KILLED, WorkerProcesses, end_of, working
from tests.timeouts import until


@pytest.fixture
async def workers(
    harness: DeliveryHarness, kafka: KafkaSettings, keys: Keys, tmp_path: Path, programs: Programs
) -> AsyncIterator[WorkerProcesses]:
    harness.sender.clock.at = wall_clock()
    variables = environment(harness.owner_url, kafka.bootstrap, keys, topic_prefix=kafka.prefix, allow_time_travel=True)
    async with working(programs, variables, tmp_path / "workers.log") as workers:
        yield workers
    await set_clock(harness.owner, wall_clock())


async def send_until_death(harness: DeliveryHarness, death: asyncio.Task[int]) -> None:
    while not death.done():
        await harness.send()
        await asyncio.sleep(0.02)


@pytest.mark.parametrize("fault", ["before-commit-on", "after-commit-on"])
async def test_consumer_killed_around_its_commit_loses_nothing(
    harness: DeliveryHarness, kafka: KafkaSettings, workers: WorkerProcesses, fault: str
) -> None:
    async with relaying(harness, kafka):
        death = asyncio.create_task(end_of(await workers.start("receiver", fault, "3")))
        await send_until_death(harness, death)
        assert await death == KILLED
        await workers.start("receiver")
        await until(harness.is_delivered)

    assert await harness.count("navigation.effect") == await harness.count("rapid_care.event")


async def test_relay_killed_after_sending_publishes_again(harness: DeliveryHarness, kafka: KafkaSettings, workers: WorkerProcesses) -> None:
    async with consuming(harness, kafka):
        death = asyncio.create_task(end_of(await workers.start("sender", "after-send", "3")))
        await send_until_death(harness, death)
        assert await death == KILLED
        await workers.start("sender")
        await until(harness.is_delivered)

    assert len(await read_topic(kafka)) > await harness.count("rapid_care.event")
    assert await harness.count("navigation.effect") == await harness.count("rapid_care.event")


@pytest.mark.parametrize("fault", ["before-commit-deadline", "after-commit-deadline"])
async def test_worker_killed_at_deadlines_fires_each_once(harness: DeliveryHarness, workers: WorkerProcesses, fault: str) -> None:
    for _ in range(20):
        await harness.send()
    await set_clock(harness.owner, wall_clock() + ACCEPTANCE_LIMIT + timedelta(hours=1))

    assert await end_of(await workers.start("sender", fault, "1")) == KILLED
    await workers.start("sender")
    await until(lambda: harness.is_empty("rapid_care.deadline", "state = 'pending'"))

    assert await harness.count("rapid_care.event", "type = 'rapid-care.response.at-risk.v1'") == 20
    assert await harness.count("rapid_care.deadline", "state = 'fired' AND late_by_ms >= 3600000") == 20


async def test_second_worker_relays_after_the_first_is_killed(harness: DeliveryHarness, workers: WorkerProcesses) -> None:
    first = await workers.start("sender")
    await harness.send()
    await until(lambda: harness.is_empty("rapid_care.outbox"))
    await workers.start("sender", instance="1")
    await first.kill()

    await harness.send()
    await until(lambda: harness.is_empty("rapid_care.outbox"))


async def test_worker_uses_shifted_clock_only_when_allowed(harness: DeliveryHarness, workers: WorkerProcesses) -> None:
    await harness.send()
    harness.sender.clock.at = wall_clock() - ACCEPTANCE_LIMIT
    await harness.send()  # its deadline is due by every clock
    await set_clock(harness.owner, wall_clock() + ACCEPTANCE_LIMIT + timedelta(minutes=1))

    forbidden = await workers.start("sender", CARE_ALLOW_TIME_TRAVEL="false")
    await until(lambda: harness.count("rapid_care.deadline", "state = 'fired'"))
    assert await harness.count("rapid_care.deadline", "state = 'pending'") == 1
    await forbidden.stop()

    await workers.start("sender")
    await until(lambda: harness.is_empty("rapid_care.deadline", "state = 'pending'"))


async def test_worker_becomes_ready_and_exports_its_metrics(harness: DeliveryHarness, workers: WorkerProcesses) -> None:
    port = free_ports(1)[0]
    await workers.start("sender", RAPID_CARE_METRICS_PORT=str(port))
    async with httpx.AsyncClient(base_url=f"http://{HOST}:{port}") as http:

        async def is_ready() -> bool:
            try:
                return (await http.get("/readyz")).is_success
            except httpx.TransportError:
                return False

        await until(is_ready)
        await harness.send()
        await until(lambda: harness.is_empty("rapid_care.outbox"))

        async def shows_its_lag() -> bool:
            return 'care_consumer_lag_records{context="rapid_care"' in (await http.get("/metrics")).text

        await until(shows_its_lag)
        text = (await http.get("/metrics")).text

    assert 'care_events_published_total{context="rapid_care"}' in text


async def test_worker_exits_with_zero_after_sigterm(harness: DeliveryHarness, workers: WorkerProcesses) -> None:
    worker = await workers.start("sender")
    await harness.send()
    await until(lambda: harness.is_empty("rapid_care.outbox"))

    await worker.stop(signal.SIGTERM, grace_seconds=20)

    assert worker.process.returncode == 0


@pytest.mark.parametrize("component", ["uncancellable", "blocking", "threaded"])
async def test_worker_exits_when_its_component_does_not_end(programs: Programs, component: str) -> None:
    code, output = await _run_stuck(programs, component)

    assert code == 1
    assert b"worker.stuck" in output


async def test_worker_exits_when_its_component_is_cancelled(programs: Programs) -> None:
    code, output = await _run_stuck(programs, "cancelled")

    assert code == 1
    assert b"worker.stopped" in output
    assert b"CancelledError" in output


async def _run_stuck(programs: Programs, component: str) -> tuple[int | None, bytes]:
    """The exit code and the output of `stuck_worker`."""
    process = await programs.start("tests.integration.shared.stuck_worker", component)
    output, _ = await asyncio.wait_for(process.communicate(), 30)
    return process.returncode, output
