"""A stack starts, serves and survives crashes of its servers; an ephemeral stack leaves no files."""

import asyncio
import re

import asyncpg
import psutil
import pytest

from infra.dev_stack.local.paths import stack_folders
from infra.dev_stack.local.stack import Stack
from infra.errors import StackError, StackInUse
from tests.integration.dev_stack.traffic import cluster_id, create_topic, insert, inserted, receive, send, setting


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("fsync", "on"),
        ("synchronous_commit", "on"),
        ("track_commit_timestamp", "on"),
        ("wal_level", "replica"),
        ("jit", "off"),
        ("log_error_verbosity", "terse"),
        ("log_parameter_max_length", "0"),
    ],
)
async def test_postgres_has_settings_of_production(stack: Stack, name: str, value: str) -> None:
    assert stack.postgres
    assert await setting(stack.postgres.dsn, name) == value


async def test_commit_survives_a_killed_postgres(stack: Stack) -> None:
    assert stack.postgres
    await insert(stack.postgres.dsn, "committed")
    session = await asyncpg.connect(stack.postgres.dsn)
    query = asyncio.create_task(session.execute("SELECT count(*) FROM generate_series(1, 1000000000)"))
    await asyncio.sleep(0.1)

    await stack.postgres.kill()
    await stack.postgres.start()

    assert await inserted(stack.postgres.dsn) == ["committed"]
    with pytest.raises((asyncpg.PostgresError, OSError)):
        await query
    session.terminate()


async def test_acknowledged_record_survives_a_killed_broker(stack: Stack) -> None:
    assert stack.kafka
    address = stack.kafka.bootstrap
    await create_topic(address, "kill")
    await send(address, "kill", "one", "two")

    await stack.kafka.kill()
    await stack.kafka.start()

    assert stack.kafka.bootstrap == address
    assert await receive(address, "kill", 2) == ["one", "two"]


async def test_wiped_broker_is_another_cluster_at_the_same_address(stack: Stack) -> None:
    assert stack.kafka
    address = stack.kafka.bootstrap
    before = await cluster_id(address)

    await stack.kafka.wipe()

    assert stack.kafka.bootstrap == address
    assert await cluster_id(address) != before


async def test_second_stack_of_the_same_name_is_refused(stack: Stack) -> None:
    with pytest.raises(StackInUse, match=rf"The stack “{stack.name}” is in use by process \d+ \(.+\)\. Stop it first"):
        await Stack(stack.name).start()


async def test_invalid_stack_name_is_refused() -> None:
    with pytest.raises(StackError, match=re.escape("“../home” is not a valid stack name")):
        await Stack("../home").start()


async def test_ephemeral_stack_leaves_no_processes_and_files(stack: Stack, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARE_KAFKA_BROKER", "fallback")  # starts sooner
    second = Stack(name, ephemeral=True)
    async with second as addresses:
        assert stack.kafka
        assert stack.postgres
        assert addresses.kafka_bootstrap != stack.kafka.bootstrap
        assert addresses.database_url != stack.postgres.dsn
        assert addresses.postgres_version.startswith("18.")
        started = _servers_of(second)
    assert len(started) == 2
    assert not any(map(psutil.pid_exists, started))
    assert not stack_folders(name).root.exists()
    assert not stack_folders(name).postgres.exists()


async def test_external_servers_are_used_and_none_is_started(stack: Stack, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert stack.kafka
    assert stack.postgres
    monkeypatch.setenv("DATABASE_URL", stack.postgres.dsn)
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", stack.kafka.bootstrap)
    second = Stack(name)
    async with second as addresses:
        assert addresses.database_url == stack.postgres.dsn
        assert addresses.kafka_bootstrap == stack.kafka.bootstrap
        assert addresses.postgres_version.startswith("18.")
        assert second.postgres is None
        assert second.kafka is None
    assert stack.postgres.pid


async def test_stack_on_external_servers_locks_its_name(stack: Stack, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert stack.kafka
    assert stack.postgres
    monkeypatch.setenv("DATABASE_URL", stack.postgres.dsn)
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", stack.kafka.bootstrap)
    async with Stack(name):
        with pytest.raises(StackInUse):
            await Stack(name).start()


@pytest.mark.parametrize("variable", ["DATABASE_URL", "KAFKA_BOOTSTRAP_SERVERS"])
async def test_unavailable_external_server_is_reported_without_address(
    stack: Stack, name: str, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert stack.kafka
    assert stack.postgres
    monkeypatch.setenv("DATABASE_URL", stack.postgres.dsn)
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", stack.kafka.bootstrap)
    monkeypatch.setenv(variable, {"DATABASE_URL": "postgresql://someone:secret@127.0.0.1:9/care"}.get(variable, "127.0.0.1:9"))

    with pytest.raises(StackError, match=f"{variable} is set, but") as refusal:
        await Stack(name).start()

    assert "127.0.0.1" not in str(refusal.value)


def _servers_of(stack: Stack) -> list[int]:
    assert stack.postgres
    assert stack.kafka
    return [pid for pid in (stack.postgres.pid, stack.kafka.pid) if pid]
