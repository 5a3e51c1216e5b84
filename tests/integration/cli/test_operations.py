"""The commands of an operator, on records and deadlines that could not be applied."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date, timedelta, timezone
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import pytest

from infra.contexts import CONTEXTS, subscriptions_of
from shared.clock import wall_clock
from shared.contracts.envelope import Envelope, to_headers
from shared.kernel.ids import new_id
from tests.builders.population import population, write
from tests.builders.rapid_care import a_routed_referral
from tests.builders.referral_request import REFERRAL
from tests.integration.cli.care_process import RunningProduct
from tests.integration.cli.kafka_access import send, send_signed
from tests.timeouts import LONGEST_WAIT

_FOREIGN_KEY = b"\xff[/bold]"
#: One NHS number for each case of a parametrised test.
_UNUSED_NUMBERS = {None: "9990010021", b"not json": "9990010013"}


@pytest.fixture
async def owner(product: RunningProduct) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    connection = await asyncpg.connect(product.workspace.database_url)
    yield connection
    await connection.close()


async def _wait_for(owner: "asyncpg.Connection[asyncpg.Record]", query: str) -> Any:
    async with asyncio.timeout(LONGEST_WAIT):
        while not (found := await owner.fetchval(query)):
            await asyncio.sleep(0.1)
    return found


async def _refer(product: RunningProduct, key: str, narrative: str = "Short of breath since yesterday.", **changes: str) -> str:
    """Returns the id of the referral."""
    body = {**REFERRAL, "story": {"narrative": narrative, "contacts": []}, **changes}
    async with httpx.AsyncClient(base_url=product.url) as http:
        headers = {"Authorization": f"Bearer {product.token('GP')}", "Idempotency-Key": key}
        received = await http.post("/referrals", json=body, headers=headers)
        assert received.status_code == 201, received.text
        return str(received.json()["id"])


async def _send_foreign_record(product: RunningProduct, owner: "asyncpg.Connection[asyncpg.Record]", key: bytes) -> int:
    """Returns its id in rapid_care when every consumer has parked it; the other consumers then discard it."""
    topic = "referrals.referral"
    await send(product, topic, b"not json", key)
    ids = {}
    for context in CONTEXTS:
        if topic in subscriptions_of(context).topics:
            ids[context] = await _wait_for(owner, f"SELECT id FROM {context}.parked WHERE headers = '[]'")  # noqa: S608 (a fixed name)
    for context in ids.keys() - {"rapid_care"}:
        await product.workspace.run("parked", context, "--discard", str(ids[context]), "--reason", "a test", "--name", product.name)
    return int(ids["rapid_care"])


async def _send_foreign_event(product: RunningProduct, owner: "asyncpg.Connection[asyncpg.Record]", person: UUID) -> int:
    """A routing that no event log contains, under a key of the product; returns the id of its parked record in rapid_care."""
    identity, now = new_id(), wall_clock()
    event = a_routed_referral(now)
    envelope = Envelope(identity, event.TYPE, "care", str(identity), "", 1, now, now, identity, None, "CLCH", "clinician", None)
    await send_signed(product, event.TOPIC, event.model_dump_json().encode(), str(person).encode(), to_headers(envelope))
    return int(await _wait_for(owner, f"SELECT id FROM rapid_care.parked WHERE key = '{person}'"))  # noqa: S608 (an id)


@asynccontextmanager
async def _failing_writes(owner: "asyncpg.Connection[asyncpg.Record]", table: str) -> AsyncIterator[None]:
    await owner.execute(f"""
        CREATE FUNCTION fault() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'fault'; END $$;
        CREATE TRIGGER fault BEFORE INSERT OR UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION fault()""")
    try:
        yield
    finally:
        await owner.execute(f"DROP TRIGGER fault ON {table}; DROP FUNCTION fault")


async def test_parked_record_is_listed_and_replayed_by_its_key(
    product: RunningProduct, owner: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    async with _failing_writes(owner, "rapid_care.person"):
        await _refer(product, "parked")
        first = await _wait_for(owner, "SELECT min(id) FROM rapid_care.parked")
        listed = await product.workspace.run("parked", "rapid-care", "--name", product.name)
        assert listed.code == 0
        assert "in its handler" in listed.out
        failed = await product.workspace.run("replay", "rapid_care", str(first), "--name", product.name)
        assert f"Record {first} failed again: RaiseError in its handler." in failed.refusal

    replayed = await product.workspace.run("replay", "rapid_care", str(first), "--name", product.name)

    assert replayed.code == 0, replayed.err
    assert int(replayed.out.partition("Applied: ")[2]) >= 1
    assert await owner.fetchval("SELECT count(*) FROM rapid_care.parked") == 0
    assert await owner.fetchval("SELECT count(*) FROM rapid_care.person") == 1


async def test_foreign_record_is_listed_unchanged_and_fails_again(
    product: RunningProduct, owner: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    await send(product, "mdt.case", b"[/]", _FOREIGN_KEY)
    await _wait_for(owner, "SELECT count(*) FROM navigation.parked")

    listed = await product.workspace.run("parked", "navigation", "--acknowledge", "--name", product.name)
    failed = await product.workspace.run("replay", "navigation", "--topic", "mdt.case", "--name", product.name)

    assert listed.code == 0, listed.err
    assert "\\xff[/bold]" in listed.out
    assert "partition" in listed.out
    assert listed.out.endswith("Acknowledged: 0.\n")
    assert "is not applied: the record has no MAC." in failed.refusal
    assert not await owner.fetchval("SELECT bool_or(counts_as_failure) FROM navigation.parked")
    await owner.execute("DELETE FROM navigation.parked")


async def _route_to_rapid_care(product: RunningProduct, owner: "asyncpg.Connection[asyncpg.Record]", referral_id: str) -> None:
    """The Community Point of Access triages the referral as urgent and routes it."""
    steps = {
        "triage": {"urgency": "urgent", "is_complex": False, "reason": "Acute on chronic."},
        "route": {"route": "rapid-care", "service_code": "rapid-care"},
    }
    async with httpx.AsyncClient(base_url=product.url) as http:
        for step, body in steps.items():
            version = await owner.fetchval("SELECT version FROM referrals.referral WHERE id = $1", UUID(referral_id))
            headers = {"Authorization": f"Bearer {product.token('POINT_OF_ACCESS')}", "If-Match": f'W/"{version}"'}
            done = await http.post(f"/referrals/{referral_id}/{step}", json=body, headers=headers)
            assert done.status_code == 200, done.text


@pytest.mark.parametrize("value", [None, b"not json"])
async def test_foreign_record_of_a_person_delays_no_response(
    product: RunningProduct, owner: "asyncpg.Connection[asyncpg.Record]", value: bytes | None
) -> None:
    """B7: a record with a null value and the key of a person made their urgent referral wait for an operator."""
    referral = await _refer(product, f"urgent {value!r}", nhs_number=_UNUSED_NUMBERS[value])
    person = await owner.fetchval("SELECT person_id FROM referrals.referral WHERE id = $1", UUID(referral))
    await send(product, "referrals.referral", value, str(person).encode())
    for context in ("rapid_care", "mdt", "navigation"):
        await _wait_for(owner, f"SELECT id FROM {context}.parked WHERE key = '{person}'")  # noqa: S608 (an id)

    await _route_to_rapid_care(product, owner, referral)

    assert await _wait_for(owner, f"SELECT status FROM rapid_care.response WHERE referral_id = '{referral}'")  # noqa: S608 (an id)
    (stays,) = await owner.fetch("SELECT id FROM rapid_care.parked WHERE key = $1", str(person).encode())
    replayed = await product.workspace.run("replay", "rapid_care", str(stays["id"]), "--name", product.name)
    assert f"Record {stays['id']} is not applied: the record has no MAC." in replayed.refusal
    for context in ("rapid_care", "mdt", "navigation"):
        await owner.execute(f"DELETE FROM {context}.parked")  # noqa: S608 (a fixed name)


async def test_discarded_foreign_event_frees_the_events_behind_it(
    product: RunningProduct, owner: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    care, name = product.workspace.run, ("--name", product.name)
    why = ("--reason", "sent by a test of another\n program", "--by", "louise")
    await _refer(product, "before")
    key = await owner.fetchval("SELECT key FROM referrals.event WHERE topic = 'referrals.referral' LIMIT 1")
    await _wait_for(owner, "SELECT count(*) FROM rapid_care.person")
    async with _failing_writes(owner, "rapid_care.response"):
        foreign = await _send_foreign_event(product, owner, key)
        await _refer(product, "behind", "Confused since this morning.")
        behind = await _wait_for(owner, f"SELECT id FROM rapid_care.parked WHERE id > {foreign} LIMIT 1")  # noqa: S608 (a number)
        stuck = await care("replay", "rapid_care", str(behind), *name)

    event = await care("parked", "rapid_care", "--discard", str(behind), *why, *name)
    silent = await care("parked", "rapid_care", "--discard", str(foreign), "--reason", " ", *name)
    discarded = await care("parked", "rapid_care", "--discard", str(foreign), *why, *name)
    repeated = await care("parked", "rapid_care", "--discard", str(foreign), *why, *name)

    assert f"Record {foreign} failed again: RaiseError in its handler. Later records of the same key remain parked." in stuck.refusal
    assert f"Record {behind} is an event" in event.refusal
    assert silent.refusal.startswith("State the reason with `--reason TEXT`")
    assert discarded.out.startswith(f"Discarded: {foreign} (referrals.referral, partition "), discarded.err
    assert "Applied: 1." in discarded.out.splitlines()[0]
    assert repeated.refusal == f"No parked record of rapid_care has the id {foreign}: list the records with `care parked rapid_care` first."
    assert await owner.fetchval("SELECT count(*) FROM rapid_care.parked") == 0
    audit = await owner.fetch("SELECT actor_id, action FROM rapid_care.audit WHERE subject = $1 AND action LIKE 'discard %'", key)
    assert [(row["actor_id"], row["action"].split("@")[0][:-1]) for row in audit] == [("louise", "discard referrals.referral ")]
    assert audit[0]["action"].endswith(": sent by a test of another program")


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("mdt.case.nonesuch.v9", "no contract reads mdt.case.nonesuch.v9"),
        ("mdt.case.redirected.v1", "mdt.case.redirected.v1: ValidationError in"),
    ],
)
async def test_foreign_record_with_an_envelope_is_discarded(
    product: RunningProduct, owner: "asyncpg.Connection[asyncpg.Record]", kind: str, reason: str
) -> None:
    identity, now = new_id(), wall_clock()
    envelope = Envelope(identity, kind, "care", str(identity), "", 1, now, now, identity, None, "CLCH", "clinician", None)
    key = str(identity).encode()
    await send_signed(product, "mdt.case", b"{}", key, to_headers(envelope))
    parked = await _wait_for(owner, f"SELECT id FROM navigation.parked WHERE key = '{key.decode()}'")  # noqa: S608 (an id)

    listed = await product.workspace.run("parked", "navigation", "--name", product.name)
    discarded = await product.workspace.run(
        "parked", "navigation", "--discard", str(parked), "--reason", "no event of ours", "--by", "operator", "--name", product.name
    )

    assert "navigation: 1 parked record\n" in "\n".join(line.strip() for line in listed.out.splitlines()) + "\n"
    assert reason in listed.out
    assert discarded.out.startswith(f"Discarded: {parked} (mdt.case, partition "), discarded.err
    assert await owner.fetchval("SELECT count(*) FROM navigation.parked") == 0
    assert await owner.fetchval("SELECT count(*) FROM navigation.audit WHERE subject = $1 AND actor_id = 'operator'", identity) == 1


async def test_discarded_record_contradicts_i4_while_kafka_retains_it(
    product: RunningProduct, owner: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    foreign = await _send_foreign_record(product, owner, b"no person")
    why = ("--reason", "no event of ours")
    discarded = await product.workspace.run("parked", "rapid_care", "--discard", str(foreign), *why, "--name", product.name)

    verified = await product.workspace.run("verify", "--live", "--name", product.name)

    assert "Discarded" in discarded.out
    assert "I4 every event in Kafka was committed: referrals.referral " in verified.out
    assert "in rapid_care, 0 expected" not in verified.out


async def test_parked_deadline_is_listed_and_pending_after_replay(
    product: RunningProduct, owner: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    deadline = await owner.fetchval("""
        INSERT INTO navigation.deadline (subject, kind, due_at, correlation_id, state, reason)
        VALUES (gen_random_uuid(), 'no-such-kind', now() + interval '1 day', gen_random_uuid(), 'parked', 'KeyError') RETURNING id""")

    listed = await product.workspace.run("parked", "navigation", "--name", product.name)
    replayed = await product.workspace.run("replay", "navigation", "--deadline", str(deadline), "--name", product.name)

    assert "no-such-kind" in listed.out
    assert replayed.out == "Deadlines pending again: 1\n"
    assert await owner.fetchval("SELECT state FROM navigation.deadline WHERE id = $1", deadline) == "pending"
    await owner.execute("DELETE FROM navigation.deadline WHERE id = $1", deadline)


@pytest.fixture
async def start_time(product: RunningProduct) -> str:
    """The instant one hour ago, with an offset of two hours; a referral exists since."""
    await _refer(product, "since")
    return f"{(wall_clock() - timedelta(hours=1)).astimezone(timezone(timedelta(hours=2))):%Y-%m-%dT%H:%M:%S%z}"


async def test_republication_since_a_time_with_an_offset(product: RunningProduct, start_time: str) -> None:
    republished = await product.workspace.run("republish", "referrals", "--since", start_time, "--name", product.name)

    assert republished.code == 0, republished.err
    assert int(republished.out.partition("Events to republish: ")[2]) > 0


async def test_verification_since_a_time_with_an_offset(product: RunningProduct, start_time: str) -> None:
    verified = await product.workspace.run("verify", "--live", "--since", start_time, "--name", product.name)

    findings = json.loads(verified.out.splitlines()[-1])["findings"]
    assert next(each["checked"] for each in findings if each["invariant"] == "I6" and "subscribed" in each["sentence"]) > 0


@pytest.mark.parametrize("line", ["# Title", "[]", '"text"'])
async def test_client_log_with_another_line_is_refused(product: RunningProduct, tmp_path: Path, line: str) -> None:
    log = tmp_path / "client.log"
    log.write_text(f"{{}}\n{line}\n")

    verified = await product.workspace.run("verify", "--live", "--client-log", str(log), "--name", product.name)

    assert f"Line 2 of {log} is not a JSON object." in verified.refusal


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (
            ("replay", "referrals", "999999"),
            "No parked record of referrals has the id 999999: list the records with `care parked referrals` first.",
        ),
        (("replay", "rapid-care", "--topic", "nope"), "The context “rapid_care” does not read the topic “nope”; it reads "),
        (
            ("replay", "referrals", "--deadline", "999999"),
            "No parked deadline of referrals has the id 999999: list the deadlines with `care parked referrals` first.",
        ),
        (("republish", "referrals", "--since", "2130-01-01"), "The time 2130-01-01 00:00:00 UTC is in the future."),
    ],
)
async def test_absent_target_is_refused(product: RunningProduct, command: tuple[str, ...], message: str) -> None:
    assert (await product.workspace.run(*command, "--name", product.name)).refusal.startswith(message)


async def test_risk_file_is_imported_once(product: RunningProduct, tmp_path: Path) -> None:
    write(tmp_path / "risk.csv", population(counts={0: 90, 2: 9}), date(2026, 9, 1))

    first, second = [await product.workspace.run("import-risk", str(tmp_path / "risk.csv"), "--name", product.name) for _ in range(2)]

    assert json.loads(first.out)["accepted"] == 99
    assert json.loads(second.out)["events"] == 0


async def test_import_prints_the_number_of_refused_lines(product: RunningProduct, tmp_path: Path) -> None:
    file = tmp_path / "risk.csv"
    write(file, population(counts={0: 5}), date(2026, 10, 1))
    file.write_text(file.read_text() + "no line of the format\n")

    result = await product.workspace.run("import-risk", str(file), "--name", product.name)

    assert result.code == 0
    assert "Refused: 1 of 6 lines; the others were imported." in result.err


async def test_invalid_risk_file_is_refused(product: RunningProduct) -> None:
    assert (await product.workspace.run("import-risk", __file__, "--name", product.name)).refusal


async def test_topics_are_created_once_under_their_prefix(product: RunningProduct) -> None:
    prefix = f"{product.workspace.variables['CARE_TOPIC_PREFIX']}other."

    assert "All topics exist." in (await product.workspace.run("topics")).out
    created = await product.workspace.run("topics", CARE_TOPIC_PREFIX=prefix, DATABASE_URL="")  # with a database the relays would republish
    assert f"Created: {prefix}" in created.out
    assert "The relays refill a re-created topic only when DATABASE_URL is set" in " ".join(created.out.split())


async def test_another_number_of_partitions_is_mentioned(product: RunningProduct) -> None:
    result = await product.workspace.run("topics", CARE_TOPIC_PARTITIONS="24")

    assert result.code == 0
    assert "CARE_TOPIC_PARTITIONS is 24, but " in result.out
    assert "has 2." in result.out
    assert "CARE_TOPIC_PARTITIONS" not in (await product.workspace.run("topics")).out


async def test_migrate_is_idempotent(product: RunningProduct) -> None:
    of_stack = product.workspace.roles(product.name)

    migrated = await product.workspace.migrate(product.name)

    assert migrated.code == 0
    roles = ", ".join(of_stack.of(context) for context in CONTEXTS)
    assert f"Set the password of the roles {roles}." in migrated.out
    assert len(set(of_stack.passwords.values())) == len(CONTEXTS)
    assert [password for password in of_stack.passwords.values() if password in migrated.out] == []
    assert "Created monthly partitions: none." in migrated.out


async def test_migrate_without_a_password_names_it(product: RunningProduct) -> None:
    refused = await product.workspace.run("migrate", MDT_DATABASE_PASSWORD="")

    assert refused.refusal == "Set MDT_DATABASE_PASSWORD: each context has a password of its own."
