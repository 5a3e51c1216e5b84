"""What a person can run into is a sentence and exit code 1, never a traceback, and says no address and no password."""

import json
from collections.abc import Callable
from pathlib import Path

import asyncpg
import pytest

from infra.dev_stack.dev_secrets import load_or_make
from infra.dev_stack.ephemeral import administer
from infra.dev_stack.local.paths import stack_folders
from tests.integration.cli.conftest import Place

_ABSENT = "postgresql://owner:hush@127.0.0.1:9/care"
_NO_BROKER = "127.0.0.1:9"


async def test_a_home_that_cannot_be_written(nowhere: Place) -> None:
    (nowhere.home / "file").write_text("")
    answer = await nowhere.care("up", CARE_HOME=str(nowhere.home / "file" / "home"))

    assert answer.sentence.endswith("file/home: Not a directory.") or "Not a directory" in answer.sentence


@pytest.mark.parametrize(
    "command",
    [("up", "--port", "0"), ("demo",), ("migrate", "--password", "hush"), ("parked", "mdt", "--name", "made")],
)
async def test_a_database_that_is_absent(place: Place, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]) -> None:
    monkeypatch.setenv("CARE_HOME", str(place.home))
    load_or_make(stack_folders("made").root)

    sentence = (await place.care(*command, DATABASE_URL=_ABSENT)).sentence

    assert "PostgreSQL" in sentence or "A server does not answer" in sentence
    assert "hush" not in sentence
    assert "127.0.0.1" not in sentence


@pytest.mark.parametrize("command", [("topics",), ("up", "--port", "0")])
async def test_a_broker_that_is_absent(place: Place, command: tuple[str, ...]) -> None:
    sentence = (await place.care(*command, KAFKA_BOOTSTRAP_SERVERS=_NO_BROKER)).sentence

    assert "Kafka could not be reached" in sentence or "no broker accepts a connection" in sentence


@pytest.mark.parametrize("content", ["", "{", "[]", '{"person_id_secret": "half"}'])
async def test_secrets_that_are_damaged(nowhere: Place, secrets_file: Callable[[str], Path], content: str) -> None:
    path = secrets_file(content)

    sentence = (await nowhere.care("token", "referrals:refer")).sentence

    assert sentence.startswith(f"{path} does not hold the secrets")
    assert path.read_text() == content


async def test_a_run_that_was_killed_counts_as_ended(nowhere: Place, secrets_file: Callable[[str], Path]) -> None:
    whereabouts = {"url": "http://127.0.0.1:9", "database_url": _ABSENT, "kafka_bootstrap": _NO_BROKER}
    secrets_file("{}").with_name("running.json").write_text(json.dumps(whereabouts))

    assert (await nowhere.care("parked", "mdt")).sentence.startswith("The stack “default” is not running")


@pytest.mark.parametrize("given", ["many", "0", "-1", "1.5"])
async def test_a_number_that_is_none(place: Place, given: str) -> None:
    sentence = (await place.care("topics", CARE_TOPIC_PARTITIONS=given)).sentence

    assert sentence == f"CARE_TOPIC_PARTITIONS must be a whole number above zero, not “{given}”."


async def test_an_address_that_is_none(nowhere: Place) -> None:
    sentence = (await nowhere.care("migrate", "--password", "hush", DATABASE_URL="my database")).sentence

    assert sentence.startswith("The database's address cannot be read")


async def test_an_owner_who_may_not_make_roles(place: Place) -> None:
    name = place.database_url.partition("care_cli_")[2].partition("?")[0]
    await administer(place.database_url, f"CREATE ROLE weak_{name} LOGIN; GRANT ALL ON DATABASE care_cli_{name} TO weak_{name}")
    weak = place.database_url.replace("postgres@", f"weak_{name}@", 1)

    sentence = (await place.care("migrate", "--password", "hush", DATABASE_URL=weak)).sentence

    await administer(place.database_url, f"DROP OWNED BY weak_{name}; DROP ROLE weak_{name}")
    assert sentence.startswith("The database lets its owner not do that (permission denied to create role)")


async def test_a_driver_in_the_address_is_understood(place: Place) -> None:
    url = place.database_url.replace("postgresql://", "postgresql+asyncpg://")

    assert (await place.care("migrate", "--password", "hush", "--roles", "care_driver", DATABASE_URL=url)).code == 0

    connection = await asyncpg.connect(place.database_url)
    assert await connection.fetchval("SELECT count(*) FROM pg_roles WHERE rolname LIKE 'care\\_driver\\_%'") == 4
    await connection.execute("DROP SCHEMA referrals, rapid_care, mdt, navigation CASCADE")
    await connection.execute("DROP ROLE care_driver_referrals, care_driver_rapid_care, care_driver_mdt, care_driver_navigation")
    await connection.close()


async def test_an_operator_without_the_secrets_of_the_deployment(place: Place) -> None:
    sentence = (await place.care("parked", "mdt")).sentence

    needed = "MDT_DATABASE_URL, CARE_PERSON_ID_SECRET, CARE_ENCRYPTION_KEYS, CARE_ENCRYPTION_KEY_ID"
    assert sentence.startswith(f"Without {needed} the data of the context “mdt” cannot be read")
    assert not (place.home / "stacks" / "default" / "secrets.json").exists()


async def test_half_a_key_ring(place: Place) -> None:
    sentence = (await place.care("up", "--port", "0", CARE_ENCRYPTION_KEY_ID="record-1")).sentence

    assert sentence == "CARE_ENCRYPTION_KEYS and CARE_ENCRYPTION_KEY_ID belong together: give both or neither."


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
async def test_what_cannot_be_done(nowhere: Place, command: tuple[str, ...], told: str) -> None:
    assert (await nowhere.care(*command)).sentence.startswith(told)


async def test_tokens_of_a_deployment_whose_keys_are_given(nowhere: Place) -> None:
    assert "CARE_JWKS is given" in (await nowhere.care("token", "referrals:refer", CARE_JWKS='{"keys": []}')).sentence
