"""A failed command prints a message without traceback, address and password, and exits with code 1."""

import json
from collections.abc import Callable
from pathlib import Path

import asyncpg
import pytest

from infra.deploy.database_roles import Roles
from infra.deploy.migrate import drop_roles
from infra.dev_stack.dev_secrets import load_or_make
from infra.dev_stack.local.paths import stack_folders
from infra.dev_stack.temporary_resources import administer
from tests.integration.cli.care_process import Workspace

_ABSENT = "postgresql://owner:hush@127.0.0.1:9/care"
_NO_BROKER = "127.0.0.1:9"


async def test_unwritable_home_is_reported(offline_workspace: Workspace) -> None:
    (offline_workspace.home / "file").write_text("")
    result = await offline_workspace.run("up", "--port", "0", CARE_HOME=str(offline_workspace.home / "file" / "home"))

    assert result.refusal.endswith("file/home: Not a directory.") or "Not a directory" in result.refusal


@pytest.mark.parametrize(
    "command",
    [("up", "--port", "0"), ("demo",), ("migrate",), ("parked", "mdt", "--name", "existing")],
)
async def test_absent_database_is_reported_without_its_address(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    monkeypatch.setenv("CARE_HOME", str(workspace.home))
    load_or_make(stack_folders("existing").root)

    refusal = (await workspace.run(*command, DATABASE_URL=_ABSENT)).refusal

    assert "PostgreSQL" in refusal
    assert "hush" not in refusal
    assert "127.0.0.1" not in refusal


@pytest.mark.parametrize("command", [("topics",), ("up", "--port", "0")])
async def test_absent_broker_is_reported(workspace: Workspace, command: tuple[str, ...]) -> None:
    refusal = (await workspace.run(*command, KAFKA_BOOTSTRAP_SERVERS=_NO_BROKER)).refusal

    assert "Kafka could not be reached" in refusal or "no broker accepts a connection" in refusal


@pytest.mark.parametrize("content", ["", "{", "[]", '{"person_id_secret": "half"}'])
async def test_damaged_secrets_are_reported_and_not_replaced(
    offline_workspace: Workspace, secrets_file: Callable[[str], Path], content: str
) -> None:
    path = secrets_file(content)

    refusal = (await offline_workspace.run("token", "referrals:refer")).refusal

    assert refusal.startswith(f"{path} is damaged.")
    assert path.read_text() == content


async def test_killed_run_counts_as_ended(offline_workspace: Workspace, secrets_file: Callable[[str], Path]) -> None:
    addresses = {"url": "http://127.0.0.1:9", "database_url": _ABSENT, "kafka_bootstrap": _NO_BROKER}
    secrets_file("{}").with_name("running.json").write_text(json.dumps(addresses))

    assert (await offline_workspace.run("parked", "mdt")).refusal.startswith("The stack “default” is not running")


@pytest.mark.parametrize("value", ["many", "0", "-1", "1.5"])
async def test_invalid_number_of_partitions_is_reported(workspace: Workspace, value: str) -> None:
    refusal = (await workspace.run("topics", CARE_TOPIC_PARTITIONS=value)).refusal

    assert refusal == f"CARE_TOPIC_PARTITIONS must be a whole number above zero, not “{value}”."


async def test_invalid_database_address_is_reported(offline_workspace: Workspace) -> None:
    refusal = (await offline_workspace.run("migrate", DATABASE_URL="my database")).refusal

    assert refusal == "DATABASE_URL is not an address. Its form is postgresql://owner:password@host:5432/database."


async def test_command_reads_secrets_from_files(offline_workspace: Workspace, tmp_path: Path) -> None:
    (tmp_path / "DATABASE_URL").write_text("mysql://owner:hush@127.0.0.1:9/care\n")

    refused = await offline_workspace.run("migrate", CARE_SECRETS_DIR=str(tmp_path))

    assert refused.refusal.startswith("DATABASE_URL has the scheme mysql://")


async def test_owner_without_createrole_is_reported(workspace: Workspace) -> None:
    name = workspace.database_url.partition("care_cli_")[2].partition("?")[0]
    await administer(workspace.database_url, f"CREATE ROLE weak_{name} LOGIN; GRANT ALL ON DATABASE care_cli_{name} TO weak_{name}")
    weak = workspace.database_url.replace("postgres@", f"weak_{name}@", 1)

    refusal = (await workspace.run("migrate", "--roles", f"care_{name}", DATABASE_URL=weak)).refusal

    await administer(workspace.database_url, f"DROP OWNED BY weak_{name}; DROP ROLE weak_{name}")
    assert refusal.startswith("The database refused this (permission denied to create role).")


async def test_database_address_may_name_a_driver(workspace: Workspace) -> None:
    url = workspace.database_url.replace("postgresql://", "postgresql+asyncpg://")

    migrated = await workspace.run("migrate", "--roles", "care_driver", DATABASE_URL=url)
    assert migrated.code == 0
    assert "Created monthly partitions: 3 in referrals, 3 in rapid_care, 3 in mdt, 3 in navigation." in migrated.out

    connection = await asyncpg.connect(workspace.database_url)
    assert await connection.fetchval("SELECT count(*) FROM pg_roles WHERE rolname LIKE 'care\\_driver\\_%'") == 8
    await connection.execute("DROP SCHEMA referrals, rapid_care, mdt, navigation CASCADE")
    await connection.close()
    await drop_roles(workspace.database_url, Roles("care_driver", {}))


async def test_missing_secrets_of_a_deployment_are_named(workspace: Workspace, tmp_path: Path) -> None:
    refusal = (await workspace.run("parked", "mdt")).refusal

    needed = "MDT_DATABASE_URL, CARE_ENCRYPTION_KEYS, CARE_ENCRYPTION_KEY_ID"
    assert refusal.startswith(f"The data of the context “mdt” cannot be read without {needed}")
    scores = tmp_path / "scores.csv"
    scores.write_text("")
    needed = "MDT_DATABASE_URL, CARE_PERSON_ID_SECRET, CARE_ENCRYPTION_KEYS, CARE_ENCRYPTION_KEY_ID"
    assert needed in (await workspace.run("import-risk", str(scores))).refusal
    assert not (workspace.home / "stacks" / "default" / "secrets.json").exists()


async def test_key_id_without_key_ring_is_refused(workspace: Workspace) -> None:
    refusal = (await workspace.run("up", "--port", "0", CARE_ENCRYPTION_KEY_ID="record-1")).refusal

    assert refusal == "CARE_ENCRYPTION_KEYS and CARE_ENCRYPTION_KEY_ID belong together: set both or neither."


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (("token", "referrals:refer", "--name", "absent"), "The stack “absent” has no keys"),
        (("parked", "dentistry"), "There is no context “dentistry”"),
        (("replay", "mdt"), "Name what to replay"),
        (("verify", "--metrics", "/absent/verify.prom"), "/absent/verify.prom cannot be written: /absent is not a folder"),
        (("replay", "mdt", "1", "--all"), "Name what to replay"),
        (("token", "no:such"), "There is no scope “no:such”"),
        (
            ("republish", "referrals", "--since", "2026-11-01", "--topic", "nope"),
            "The context “referrals” does not publish the topic “nope”",
        ),
        (("republish", "referrals", "--since", "2026-11-01", "--topic", "mdt.case"), "The context “referrals” does not publish"),
        (("import-risk", __file__), "The stack “default” is not running"),
        (("up", "--port", "0", "--name", "../home"), "“../home” is not a valid stack name"),
        (("verify", "--name", "other"), "The stack “other” is not running: start it with `care up --name other`, or set DATABASE_URL."),
        (("token", "mdt:read", "--name", "other"), "The stack “other” has no keys: start it with `care up --name other`."),
        (("token", "mdt:read", "--organisation", ""), "--organisation must be a code of 1 to 64 letters,"),
        (("token", "mdt:read", "--actor", "Mr Dale"), "--actor must be a code of 1 to 64 letters,"),
        (("token", "mdt:read", "--role", "nonsense"), "There is no role “nonsense”; there are gp, "),
    ],
)
async def test_impossible_command_is_refused(offline_workspace: Workspace, command: tuple[str, ...], message: str) -> None:
    assert (await offline_workspace.run(*command)).refusal.startswith(message)


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("CARE_KAFKA_BROKER", "foo", "CARE_KAFKA_BROKER must be “fallback” or unset, not “foo”."),
        ("CARE_ALLOW_TIME_TRAVEL", "perhaps", "CARE_ALLOW_TIME_TRAVEL must be “true” or “false”, not “perhaps”."),
    ],
)
async def test_unknown_value_of_a_local_setting_is_refused(offline_workspace: Workspace, variable: str, value: str, message: str) -> None:
    assert (await offline_workspace.run("up", "--port", "0", **{variable: value})).refusal == message


@pytest.mark.parametrize("command", [("verify",), ("up", "--port", "0"), ("migrate",), ("topics", "--bootstrap", _NO_BROKER)])
async def test_database_of_another_kind_is_named(offline_workspace: Workspace, command: tuple[str, ...]) -> None:
    refusal = (await offline_workspace.run(*command, DATABASE_URL="mysql://owner:hush@127.0.0.1:9/care")).refusal

    assert refusal.endswith(
        "DATABASE_URL has the scheme mysql://, which is not PostgreSQL. Its form is postgresql://owner:password@host:5432/database."
    )


async def test_database_of_a_context_of_another_kind_is_invalid(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARE_HOME", str(workspace.home))
    load_or_make(stack_folders("existing").root)

    refusal = (
        await workspace.run("parked", "mdt", "--name", "existing", MDT_DATABASE_URL="mysql://care_mdt:hush@127.0.0.1:9/care")
    ).refusal

    assert refusal.startswith("The address of the database is invalid.")


async def test_verification_without_broker_names_the_variable(workspace: Workspace) -> None:
    refusal = (await workspace.run("verify", KAFKA_BOOTSTRAP_SERVERS="")).refusal

    assert refusal.startswith("KAFKA_BOOTSTRAP_SERVERS is not set, and the stack “default” is not running")


async def test_negative_number_of_parked_records_is_refused(offline_workspace: Workspace) -> None:
    result = await offline_workspace.run("verify", "--expect-parked", "-1")

    assert result.code == 2
    assert "Invalid value for '--expect-parked'" in result.err


@pytest.mark.parametrize("port", ["99999", "-5"])
async def test_impossible_port_is_refused(offline_workspace: Workspace, port: str) -> None:
    result = await offline_workspace.run("up", "--port", port)

    assert result.code == 2
    assert "Invalid value for '--port'" in result.err


@pytest.mark.parametrize("hours", ["-1", "13", "99999999999999"])
async def test_token_with_impossible_validity_is_refused(offline_workspace: Workspace, hours: str) -> None:
    result = await offline_workspace.run("token", "referrals:refer", "--hours", hours)

    assert result.code == 2
    assert "Invalid value for '--hours'" in result.err


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ("{", "MDT_POLICY is not JSON."),
        ("[]", "MDT_POLICY: the value must be a JSON object."),
        ('"text"', "MDT_POLICY: the value must be a JSON object."),
    ],
)
async def test_policy_that_is_no_object_is_named(workspace: Workspace, monkeypatch: pytest.MonkeyPatch, value: str, sentence: str) -> None:
    monkeypatch.setenv("CARE_HOME", str(workspace.home))
    load_or_make(stack_folders("existing").root)

    assert (await workspace.run("parked", "mdt", "--name", "existing", MDT_POLICY=value)).refusal == sentence


async def test_token_is_refused_when_jwks_is_set(offline_workspace: Workspace) -> None:
    assert "CARE_JWKS is set" in (await offline_workspace.run("token", "referrals:refer", CARE_JWKS='{"keys": []}')).refusal
