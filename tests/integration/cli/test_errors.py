"""What a person can run into is a refusal and exit code 1, never a traceback, and says no address and no password."""

import json
from collections.abc import Callable
from pathlib import Path

import asyncpg
import pytest

from infra.dev_stack.dev_secrets import load_or_make
from infra.dev_stack.ephemeral import administer
from infra.dev_stack.local.paths import stack_folders
from tests.integration.cli.care_process import Workspace

_ABSENT = "postgresql://owner:hush@127.0.0.1:9/care"
_NO_BROKER = "127.0.0.1:9"


async def test_a_home_that_cannot_be_written(offline: Workspace) -> None:
    (offline.home / "file").write_text("")
    answer = await offline.run("up", CARE_HOME=str(offline.home / "file" / "home"))

    assert answer.refusal.endswith("file/home: Not a directory.") or "Not a directory" in answer.refusal


@pytest.mark.parametrize(
    "command",
    [("up", "--port", "0"), ("demo",), ("migrate", "--password", "hush"), ("parked", "mdt", "--name", "made")],
)
async def test_a_database_that_is_absent(workspace: Workspace, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]) -> None:
    monkeypatch.setenv("CARE_HOME", str(workspace.home))
    load_or_make(stack_folders("made").root)

    refusal = (await workspace.run(*command, DATABASE_URL=_ABSENT)).refusal

    assert "PostgreSQL" in refusal or "A server does not answer" in refusal
    assert "hush" not in refusal
    assert "127.0.0.1" not in refusal


@pytest.mark.parametrize("command", [("topics",), ("up", "--port", "0")])
async def test_a_broker_that_is_absent(workspace: Workspace, command: tuple[str, ...]) -> None:
    refusal = (await workspace.run(*command, KAFKA_BOOTSTRAP_SERVERS=_NO_BROKER)).refusal

    assert "Kafka could not be reached" in refusal or "no broker accepts a connection" in refusal


@pytest.mark.parametrize("content", ["", "{", "[]", '{"person_id_secret": "half"}'])
async def test_secrets_that_are_damaged(offline: Workspace, secrets_file: Callable[[str], Path], content: str) -> None:
    path = secrets_file(content)

    refusal = (await offline.run("token", "referrals:refer")).refusal

    assert refusal.startswith(f"{path} does not hold the secrets")
    assert path.read_text() == content


async def test_a_run_that_was_killed_counts_as_ended(offline: Workspace, secrets_file: Callable[[str], Path]) -> None:
    whereabouts = {"url": "http://127.0.0.1:9", "database_url": _ABSENT, "kafka_bootstrap": _NO_BROKER}
    secrets_file("{}").with_name("running.json").write_text(json.dumps(whereabouts))

    assert (await offline.run("parked", "mdt")).refusal.startswith("The stack “default” is not running")


@pytest.mark.parametrize("given", ["many", "0", "-1", "1.5"])
async def test_a_number_that_is_none(workspace: Workspace, given: str) -> None:
    refusal = (await workspace.run("topics", CARE_TOPIC_PARTITIONS=given)).refusal

    assert refusal == f"CARE_TOPIC_PARTITIONS must be a whole number above zero, not “{given}”."


async def test_an_address_that_is_none(offline: Workspace) -> None:
    refusal = (await offline.run("migrate", "--password", "hush", DATABASE_URL="my database")).refusal

    assert refusal.startswith("The database's address cannot be read")


async def test_an_owner_who_may_not_make_roles(workspace: Workspace) -> None:
    name = workspace.database_url.partition("care_cli_")[2].partition("?")[0]
    await administer(workspace.database_url, f"CREATE ROLE weak_{name} LOGIN; GRANT ALL ON DATABASE care_cli_{name} TO weak_{name}")
    weak = workspace.database_url.replace("postgres@", f"weak_{name}@", 1)

    refusal = (await workspace.run("migrate", "--password", "hush", DATABASE_URL=weak)).refusal

    await administer(workspace.database_url, f"DROP OWNED BY weak_{name}; DROP ROLE weak_{name}")
    assert refusal.startswith("The database lets its owner not do that (permission denied to create role)")


async def test_a_driver_in_the_address_is_understood(workspace: Workspace) -> None:
    url = workspace.database_url.replace("postgresql://", "postgresql+asyncpg://")

    assert (await workspace.run("migrate", "--password", "hush", "--roles", "care_driver", DATABASE_URL=url)).code == 0

    connection = await asyncpg.connect(workspace.database_url)
    assert await connection.fetchval("SELECT count(*) FROM pg_roles WHERE rolname LIKE 'care\\_driver\\_%'") == 4
    await connection.execute("DROP SCHEMA referrals, rapid_care, mdt, navigation CASCADE")
    await connection.execute("DROP ROLE care_driver_referrals, care_driver_rapid_care, care_driver_mdt, care_driver_navigation")
    await connection.close()


async def test_an_operator_without_the_secrets_of_the_deployment(workspace: Workspace) -> None:
    refusal = (await workspace.run("parked", "mdt")).refusal

    needed = "MDT_DATABASE_URL, CARE_PERSON_ID_SECRET, CARE_ENCRYPTION_KEYS, CARE_ENCRYPTION_KEY_ID"
    assert refusal.startswith(f"Without {needed} the data of the context “mdt” cannot be read")
    assert not (workspace.home / "stacks" / "default" / "secrets.json").exists()


async def test_half_a_key_ring(workspace: Workspace) -> None:
    refusal = (await workspace.run("up", "--port", "0", CARE_ENCRYPTION_KEY_ID="record-1")).refusal

    assert refusal == "CARE_ENCRYPTION_KEYS and CARE_ENCRYPTION_KEY_ID belong together: give both or neither."


@pytest.mark.parametrize(
    ("command", "told"),
    [
        (("token", "referrals:refer", "--name", "absent"), "The stack “absent” has no keys yet"),
        (("parked", "dentistry"), "There is no context “dentistry”"),
        (("replay", "mdt"), "Say what to replay"),
        (("replay", "mdt", "1", "--all"), "Say what to replay"),
        (("import-risk", __file__), "The stack “default” is not running"),
        (("up", "--name", "../home"), "“../home” cannot name a stack"),
    ],
)
async def test_what_cannot_be_done(offline: Workspace, command: tuple[str, ...], told: str) -> None:
    assert (await offline.run(*command)).refusal.startswith(told)


async def test_tokens_of_a_deployment_whose_keys_are_given(offline: Workspace) -> None:
    assert "CARE_JWKS is given" in (await offline.run("token", "referrals:refer", CARE_JWKS='{"keys": []}')).refusal
