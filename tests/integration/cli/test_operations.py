"""What an operator does from the command line, on records and deadlines that really could not be applied."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
from aiokafka import AIOKafkaProducer

from tests.builders.population import population, write
from tests.integration.cli.care_process import RunningProduct
from tests.integration.cli.referral_request import REFERRAL
from tests.timeouts import LONGEST_WAIT

_STRANGE_KEY = b"\xff[/bold]"


@pytest.fixture
async def owner(product: RunningProduct) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    connection = await asyncpg.connect(product.workspace.database_url)
    yield connection
    await connection.close()


async def _until(owner: "asyncpg.Connection[asyncpg.Record]", query: str) -> Any:
    async with asyncio.timeout(LONGEST_WAIT):
        while not (found := await owner.fetchval(query)):
            await asyncio.sleep(0.1)
    return found


@asynccontextmanager
async def _fault(owner: "asyncpg.Connection[asyncpg.Record]", table: str) -> AsyncIterator[None]:
    await owner.execute(f"""
        CREATE FUNCTION fault() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'fault'; END $$;
        CREATE TRIGGER fault BEFORE INSERT OR UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION fault()""")
    try:
        yield
    finally:
        await owner.execute(f"DROP TRIGGER fault ON {table}; DROP FUNCTION fault")


async def test_what_is_parked_is_shown_replayed_by_its_key_and_applied(product: RunningProduct, owner: "asyncpg.Connection[asyncpg.Record]") -> None:
    async with _fault(owner, "rapid_care.person"):
        async with httpx.AsyncClient(base_url=product.url) as http:
            headers = {"Authorization": f"Bearer {product.token('GP')}", "Idempotency-Key": "parked"}
            assert (await http.post("/referrals", json=REFERRAL, headers=headers)).status_code == 201
        first = await _until(owner, "SELECT min(id) FROM rapid_care.parked")
        told = await product.workspace.run("parked", "rapid_care", "--name", product.name)
        assert told.code == 0
        assert "in its handler" in told.out
        again = await product.workspace.run("replay", "rapid_care", str(first), "--name", product.name)
        assert f"Record {first} failed again (RaiseError)." in again.refusal

    done = await product.workspace.run("replay", "rapid_care", str(first), "--name", product.name)

    assert done.code == 0, done.err
    assert int(done.out.partition("Applied: ")[2]) >= 1
    assert await owner.fetchval("SELECT count(*) FROM rapid_care.parked") == 0
    assert await owner.fetchval("SELECT count(*) FROM rapid_care.person") == 1


async def test_what_strangers_sent_is_shown_as_it_is_and_fails_again_in_a_sentence(
    product: RunningProduct, owner: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    variables = product.workspace.variables
    async with AIOKafkaProducer(bootstrap_servers=variables["KAFKA_BOOTSTRAP_SERVERS"]) as producer:
        await producer.send_and_wait(f"{variables['CARE_TOPIC_PREFIX']}mdt.case", b"[/]", key=_STRANGE_KEY)
    await _until(owner, "SELECT count(*) FROM navigation.parked")

    told = await product.workspace.run("parked", "navigation", "--acknowledge", "--name", product.name)
    again = await product.workspace.run("replay", "navigation", "--topic", "mdt.case", "--name", product.name)

    assert told.code == 0, told.err
    assert "\\xff[/bold]" in told.out
    assert "failed again (Undecodable)" in again.refusal
    assert not await owner.fetchval("SELECT bool_or(is_alarming) FROM navigation.parked")
    await owner.execute("DELETE FROM navigation.parked")


async def test_parked_deadlines_are_shown_and_acted_on_again(product: RunningProduct, owner: "asyncpg.Connection[asyncpg.Record]") -> None:
    deadline = await owner.fetchval("""
        INSERT INTO navigation.deadline (subject, kind, due_at, correlation_id, state, reason)
        VALUES (gen_random_uuid(), 'no-such-kind', now() + interval '1 day', gen_random_uuid(), 'parked', 'KeyError') RETURNING id""")

    told = await product.workspace.run("parked", "navigation", "--name", product.name)
    done = await product.workspace.run("replay", "navigation", "--deadline", str(deadline), "--name", product.name)

    assert "no-such-kind" in told.out
    assert done.out == "Deadlines that are acted on again: 1\n"
    assert await owner.fetchval("SELECT state FROM navigation.deadline WHERE id = $1", deadline) == "pending"
    await owner.execute("DELETE FROM navigation.deadline WHERE id = $1", deadline)


async def test_a_risk_file_is_imported_once(product: RunningProduct, tmp_path: Path) -> None:
    write(tmp_path / "risk.csv", population(counts={0: 90, 2: 9}), date(2026, 9, 1))

    first, again = [await product.workspace.run("import-risk", str(tmp_path / "risk.csv"), "--name", product.name) for _ in range(2)]

    assert json.loads(first.out)["accepted"] == 99
    assert json.loads(again.out)["events"] == 0


async def test_a_file_that_is_no_risk_file_is_refused(product: RunningProduct) -> None:
    assert (await product.workspace.run("import-risk", __file__, "--name", product.name)).refusal


async def test_topics_are_created_once_under_their_prefix(product: RunningProduct) -> None:
    prefix = f"{product.workspace.variables['CARE_TOPIC_PREFIX']}again."

    assert "Every topic was there already." in (await product.workspace.run("topics")).out
    elsewhere = await product.workspace.run("topics", CARE_TOPIC_PREFIX=prefix, DATABASE_URL="")  # or the relays would take theirs for lost
    assert f"Created: {prefix}" in elsewhere.out


async def test_the_schemas_are_at_their_newest_version_already(product: RunningProduct) -> None:
    secrets = json.loads((product.workspace.home / "stacks" / product.name / "secrets.json").read_text())

    done = await product.workspace.run("migrate", "--password", secrets["database_password"], "--roles", secrets["database_roles"])

    assert done.code == 0
