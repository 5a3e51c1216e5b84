"""The servers of a stack end with their owner, and the next start finds their data."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest

from infra.dev_stack.local.brokers import choose_broker
from infra.dev_stack.local.child import Child
from infra.dev_stack.local.paths import stack_folders
from infra.dev_stack.local.postgres import LocalPostgres
from infra.dev_stack.local.progress import WarningLines
from infra.dev_stack.local.stack import Stack
from tests.integration.dev_stack.traffic import create_topic, insert, inserted, receive, send
from tests.timeouts import LONGEST_WAIT

_ROOT = Path(__file__).parents[3]


@asynccontextmanager
async def _owner(name: str, *, mode: str = "terminal") -> AsyncIterator[tuple[asyncio.subprocess.Process, list[int]]]:
    """Starts a process that owns a stack; yields it and the pids of its servers. In the mode `background` it ignores Ctrl-C."""
    command = [sys.executable, "-W", "error", "-m", "tests.integration.dev_stack.owner", name, mode]
    pipe, null = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(*command, cwd=_ROOT, stdout=pipe, stderr=null)
    assert process.stdout
    try:
        yield process, [int(pid) for pid in (await process.stdout.readline()).split()]
        await process.stdout.read()
    finally:
        await Child(process).stop()


async def _until_gone(pids: list[int]) -> None:
    async with asyncio.timeout(LONGEST_WAIT):
        while any(map(psutil.pid_exists, pids)):
            await asyncio.sleep(0.05)


async def _assert_data_survived(name: str) -> None:
    async with Stack(name) as addresses:
        assert await inserted(addresses.database_url) == ["before the crash"]
        assert await receive(addresses.kafka_bootstrap, "crash", 1) == ["before the crash"]


async def test_killed_owner_ends_servers_and_data_survives(name: str) -> None:
    async with _owner(name) as (owner, servers):
        assert len(servers) == 2
        owner.send_signal(signal.SIGKILL)
    if sys.platform == "linux":  # elsewhere the next start ends them
        await _until_gone(servers)

    await _assert_data_survived(name)
    await _until_gone(servers)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
async def test_stopped_owner_ends_its_servers_first(name: str, how: signal.Signals, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARE_KAFKA_BROKER", "fallback")
    async with _owner(name) as (owner, servers):
        assert len(servers) == 2
        owner.send_signal(how)
    assert not any(map(psutil.pid_exists, servers))


async def test_background_owner_ends_its_servers_on_sigterm(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARE_KAFKA_BROKER", "fallback")
    async with _owner(name, mode="background") as (owner, servers):
        assert len(servers) == 2
        owner.send_signal(signal.SIGTERM)
    assert not any(map(psutil.pid_exists, servers))


async def test_next_start_ends_orphaned_servers(name: str) -> None:
    folders = stack_folders(name)
    postgres = LocalPostgres(folders.postgres)
    broker = await choose_broker(folders.kafka, progress=WarningLines(), report=lambda _: None)
    await asyncio.gather(postgres.start(), broker.start())
    await insert(postgres.dsn, "before the crash")
    await create_topic(broker.bootstrap, "crash")
    await send(broker.bootstrap, "crash", "before the crash")
    assert postgres.pid
    assert broker.pid

    await _assert_data_survived(name)

    assert postgres.pid is None
    assert broker.pid is None


async def test_next_start_deletes_abandoned_ephemeral_stack(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARE_KAFKA_BROKER", "fallback")
    abandoned = stack_folders(f"{name}-abandoned")
    abandoned.root.mkdir(parents=True)
    abandoned.ephemeral_mark.touch()
    (abandoned.postgres / "data").mkdir(parents=True)

    async with Stack(name, ephemeral=True):
        assert not abandoned.root.exists()
        assert not abandoned.postgres.exists()
