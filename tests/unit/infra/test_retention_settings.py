"""Commands that depend on the retention of the workers accept the same values as a worker."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import pytest
from rich.console import Console

from infra.operations.event_log import republish
from infra.operations.verify.command import judge_stack
from shared.deployment import ConfigurationError, RetentionSettings, read
from shared.persistence.retention import DEFAULT_RETENTION, MIN_INBOX_RETENTION


async def _verify() -> bool:
    return await judge_stack(Console(), "no-stack", client_log=None, parked=0, since=None, metrics=None, is_live=True)


async def _republish() -> int:
    return await republish("mdt", "no-stack", datetime(2026, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize("command", [_verify, _republish])
async def test_command_refuses_short_inbox_retention(monkeypatch: pytest.MonkeyPatch, command: Callable[[], Awaitable[object]]) -> None:
    monkeypatch.setenv("CARE_INBOX_RETENTION", "P1D")

    with pytest.raises(ConfigurationError, match=f"CARE_INBOX_RETENTION must be from P{MIN_INBOX_RETENTION.days}D to"):
        await command()


def test_retention_needs_no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CARE_IDEMPOTENCY_RETENTION", "CARE_INBOX_RETENTION", "CARE_DEADLINE_RETENTION", "CARE_PERSON_ID_SECRET"):
        monkeypatch.delenv(name, raising=False)

    assert read(RetentionSettings).retention() == DEFAULT_RETENTION
