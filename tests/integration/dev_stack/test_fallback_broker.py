"""Without Kafka's jars the stack uses a broker in memory and prints a warning."""

import psutil
import pytest

from infra.dev_stack.local.stack import Stack
from infra.errors import StackError
from tests.integration.dev_stack.traffic import receive, send


async def test_fallback_broker_carries_events_and_ends_with_the_stack(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CARE_KAFKA_BROKER", "fallback")
    stack = Stack(name, ephemeral=True)
    async with stack as addresses:
        await send(addresses.kafka_bootstrap, "fallback", "one", "two")
        assert sorted(await receive(addresses.kafka_bootstrap, "fallback", 2)) == ["one", "two"]
        assert addresses.kafka_version == "in-memory fallback"
        assert str(addresses).endswith("and the in-memory fallback broker")
        assert stack.kafka
        pid = stack.kafka.pid
        with pytest.raises(StackError, match="cannot be wiped"):
            await stack.kafka.wipe()
    assert pid
    assert not psutil.pid_exists(pid)
    assert capsys.readouterr().err.count("WARNING: CARE_KAFKA_BROKER=fallback") == 1


async def test_unavailable_jars_select_fallback_broker_with_a_warning(
    name: str, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CARE_HOME", str(tmp_path_factory.mktemp("home")))
    monkeypatch.setenv("CARE_MAVEN_REPOSITORY", "http://127.0.0.1:9")
    async with Stack(name, ephemeral=True) as addresses:
        assert addresses.kafka_version == "in-memory fallback"
    assert "Apache Kafka's jars could not be downloaded" in capsys.readouterr().err
