"""The watchdog restarts a server of a running stack."""

import asyncio
import os
import signal
from contextlib import suppress

import pytest

from infra.dev_stack.local.stack import Stack
from infra.dev_stack.local.watchdog import restart_stack_servers
from tests.integration.dev_stack.traffic import insert, inserted
from tests.timeouts import LONGEST_WAIT


async def test_killed_postgres_is_restarted_with_its_data(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CARE_KAFKA_BROKER", "fallback")
    stack = Stack(name, ephemeral=True)
    async with stack as addresses:
        assert stack.postgres
        await insert(addresses.database_url, "committed")
        watchdog = asyncio.create_task(restart_stack_servers(stack))

        first = stack.postgres.pid
        assert first
        os.kill(first, signal.SIGKILL)
        async with asyncio.timeout(LONGEST_WAIT):
            while stack.postgres.pid in {None, first}:
                await asyncio.sleep(0.05)
        watchdog.cancel()
        with suppress(asyncio.CancelledError):
            await watchdog
        await stack.postgres.start()

        assert await inserted(addresses.database_url) == ["committed"]
    assert "PostgreSQL ended and is restarted" in capsys.readouterr().err
