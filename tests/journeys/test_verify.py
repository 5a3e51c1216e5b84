"""After Mr Dale's journey every invariant holds, and `care verify` finds each contradiction that a test then makes."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from infra.contexts import CONTEXTS
from infra.demo.story import NHS_NUMBER
from infra.demo.world import Caller, World
from infra.operations.verify import client_log
from infra.operations.verify.broker import connected
from infra.operations.verify.check import run_check
from infra.operations.verify.checks import CHECKS
from infra.operations.verify.comparison import compare
from infra.operations.verify.deliveries import deliveries, snapshot_kafka
from infra.operations.verify.finding import Finding
from infra.operations.verify.progress import silent
from infra.operations.verify.report import verify
from shared.contracts.envelope import Record
from shared.kernel.ids import new_id
from shared.persistence.retention import DEFAULT_RETENTION
from tests.builders.programs import Programs
from tests.journeys.story_run import StoryRun

pytestmark = pytest.mark.timeout(400)

_COPY = """
INSERT INTO rapid_care.event (id, type, topic, subject, sequence, key, occurred_at, correlation_id, actor_org, actor_role, data)
SELECT gen_random_uuid(), '{kind}', topic, subject, 1000, key, occurred_at, correlation_id, actor_org, actor_role, data
FROM rapid_care.event WHERE type = 'rapid-care.response.at-risk.v1' LIMIT 1"""

#: The statement that contradicts each check, by its sentence. Those of open items (I8) need no story: tests/integration/verify has theirs.
_CONTRADICTIONS = {
    "each aggregate's events are numbered from 1 without a gap": "DELETE FROM mdt.event WHERE topic = 'mdt.case' AND sequence = 1",
    "the event log has each aggregate's events in the order of their numbers": "UPDATE referrals.event SET sequence = 1000 - sequence",
    "every event has an audit entry by the same actor": "DELETE FROM rapid_care.audit",
    "each event took effect in a context once, in one transaction": """
        UPDATE mdt.event SET actor_role = 'system' WHERE seq = (SELECT max(seq) FROM mdt.event WHERE causation_id IN (
            SELECT causation_id FROM mdt.event GROUP BY causation_id HAVING count(*) > 1))""",
    "every applied event was committed by its producer": "INSERT INTO mdt.inbox (event_id, type) VALUES (gen_random_uuid(), 'unknown')",
    "every event with a causation id names an event that its context applied": "DELETE FROM navigation.inbox",
    "no deadline fired before it was due": "UPDATE rapid_care.deadline SET resolved_at = due_at - interval '1 second'",
    "no deadline fired twice, or without being marked as fired": """
        UPDATE rapid_care.deadline SET state = 'pending' WHERE kind = 'avoidance-confirmation' AND state = 'fired'""",
    "no breach was published before the two hours had passed, or twice for a referral": _COPY.format(
        kind="rapid-care.response.breached.v1"
    ),
    "no warning of a two-hour clock was published early, or twice for a referral": _COPY.format(kind="rapid-care.response.at-risk.v1"),
    "every ended two-hour clock was met, breached or released, and only one of these": """
        UPDATE rapid_care.response SET contacted_at = due_at + interval '1 second'""",
    "every two-hour clock past its deadline is breached or has a breach deadline": """
        UPDATE rapid_care.response SET contacted_at = NULL, ended_at = NULL""",
    "every open action of a care plan in force has a pending deadline": """
        UPDATE mdt.care_plan SET status = 'agreed', fulfilled = '[]'; DELETE FROM mdt.deadline WHERE kind = 'plan-action'""",
    "each navigator's feed is numbered from 1 without a gap": "DELETE FROM navigation.feed_entry WHERE sequence = 1",
    "every referral has exactly one receipt in the event log": "DELETE FROM referrals.event WHERE type = 'referrals.referral.received.v1'",
    "each care plan projection is as new as the newest applied event": "UPDATE rapid_care.care_plan SET sequence = 0",
    "each person projection is as new as the newest applied event": "UPDATE mdt.person SET sequence = 0",
    "every act of break-glass, and its review, is as the audit has it": """
        INSERT INTO mdt.break_glass
        SELECT gen_random_uuid(), person_id, 'care', 'CLCH', 'geriatrician-1', 'geriatrician', 'emergency', 'Fell.', now(), now(), now()
        FROM mdt.person LIMIT 1""",
    "every act of break-glass in the audit is kept for its review": """
        UPDATE rapid_care.audit SET basis = 'running-clock' WHERE id = (SELECT max(id) FROM rapid_care.audit)""",
}
_LOG_CONTRADICTIONS = {
    "every committed event is in Kafka": _COPY.format(kind="rapid-care.response.at-risk.v1"),
    "every event in Kafka was committed": "DELETE FROM rapid_care.event WHERE seq = 1",
    "every event in Kafka is identical to the committed one": "UPDATE mdt.event SET data = '{}' WHERE seq = 1",
    "every event was applied, refused or parked by each subscribed context": "DELETE FROM mdt.inbox",
}


async def test_every_invariant_holds_after_the_journey(story: StoryRun) -> None:
    addresses = story.world.product.addresses
    verdict = await verify(addresses.database_url, addresses.kafka_bootstrap)
    assert verdict.broken == []
    assert verdict.pending == {}
    assert {each.invariant for each in verdict.findings} == {"I1", "I4", "I5", "I6", "I7", "I8", "I9", "I10"}


def test_every_check_has_a_contradiction() -> None:
    assert {check.sentence for check in CHECKS if check.invariant != "I8"} <= set(_CONTRADICTIONS)


@pytest.mark.parametrize("sentence", _CONTRADICTIONS)
async def test_check_finds_its_contradiction(story: StoryRun, sentence: str) -> None:
    (check,) = [each for each in CHECKS if each.sentence == sentence]
    async with _rolled_back(story) as owner:
        assert (await run_check(owner, check)).holds
        await owner.execute(_CONTRADICTIONS[sentence])
        finding = await run_check(owner, check)
        assert finding.contradictions
        assert finding.examples


@pytest.mark.parametrize("sentence", _LOG_CONTRADICTIONS)
async def test_comparison_finds_log_that_differs_from_kafka(story: StoryRun, sentence: str) -> None:
    async with _rolled_back(story) as owner:
        await owner.execute(_LOG_CONTRADICTIONS[sentence])
        findings = await _compared(story, owner)
    assert sentence in [each.sentence for each in findings if not each.holds]


async def test_records_after_the_first_read_are_pending(story: StoryRun) -> None:
    """Events published and offsets committed while the databases are read contradict nothing."""
    addresses = story.world.product.addresses
    async with connected(addresses.kafka_bootstrap, "") as broker:
        snapshot = replace(await snapshot_kafka(broker), ends={}, committed={context: {} for context in CONTEXTS})
        with deliveries(snapshot, silent) as found:
            async with _rolled_back(story) as owner:
                await owner.execute("DELETE FROM navigation.event; DELETE FROM mdt.inbox")
                await found.read_logs(owner, DEFAULT_RETENTION)
            await found.read_records(broker)
            findings, pending = compare(found)
    assert [each for each in findings if not each.holds] == []
    assert pending["mdt not applied"].count > 0


async def test_comparison_finds_record_that_is_no_event(story: StoryRun) -> None:
    bootstrap = story.world.product.addresses.kafka_bootstrap
    async with connected(bootstrap, "") as broker:
        with deliveries(await snapshot_kafka(broker), silent) as found:
            found.add(Record("mdt.case", 3, 7, b"key", b"{}", ()))
            assert found.uncommitted.examples == ["mdt.case 3@7 is no event of this product"]


async def test_client_log_is_compared_with_the_database(story: StoryRun, programs: Programs, tmp_path: Path) -> None:
    world, log = story.world, tmp_path / "client-log.jsonl"
    body = json.dumps({"nhs_number": NHS_NUMBER, "source": "gp", "reason": "information", "urgency": "advice"}).encode()
    created = await _logged_gp(world).create("/referrals", body, key="logged", **{"Content-Type": "application/json"})
    await world.wait_until_drained()
    line = {
        "actor": "logged-gp",
        "key": "logged",
        "sent": sha256(b"POST /referrals?\n" + body).hexdigest(),
        "status": 201,
        "id": created["id"],
    }
    line |= {"receipt": {"reference": created["reference"], "received_at": created["received_at"]}}
    lost = "every referral that a client's log acknowledges is stored"
    altered = "every acknowledged referral matches its request and its receipt"
    repeated = "every repeated request got the same response and had one effect"
    unexplained = "every referral of these clients was created by one of their requests, one by each"

    async def contradicted(*lines: dict[str, Any]) -> list[tuple[str, list[str]]]:
        await asyncio.to_thread(_write, log, lines)
        async with world.owner.transaction():
            return [(each.sentence, list(each.examples)) for each in await client_log.compare(world.owner, log) if not each.holds]

    await asyncio.to_thread(_write, log, [line, {**line, "status": None, "id": None}])
    assert await _verified(programs, world.product.stack.name, "--client-log", str(log)) == []
    assert await contradicted({**line, "status": None, "id": None}) == []
    assert await contradicted({**line, "id": str(new_id())}) == [(lost, ["logged"]), (repeated, ["logged"])]
    assert await contradicted({**line, "sent": "00"}) == [(altered, ["logged"])]
    assert await contradicted({**line, "receipt": {"reference": "CPA-0000-0000"}}) == [(altered, ["logged"])]
    assert await contradicted({**line, "status": 422, "id": None}) == [("no refused request had an effect", ["logged"])]
    assert await contradicted({**line, "key": "other", "status": 422, "id": None}) == [(unexplained, [f"referral {created['id']}"])]


async def test_verify_writes_metrics_for_prometheus(story: StoryRun, programs: Programs, tmp_path: Path) -> None:
    metrics = tmp_path / "care.prom"
    await _verified(programs, story.world.product.stack.name, "--live", "--metrics", str(metrics), "--expect-parked", "1")
    lines = metrics.read_text().splitlines()
    assert 'care_verify_contradictions{invariant="I4"} 0.0' in lines
    assert 'care_verify_contradictions{invariant="I10"} 1.0' in lines


def _logged_gp(world: World) -> Caller:
    """A caller whose only requests are those in the log."""
    return Caller("logged-gp", world.http, world.product.keys.token("logged-gp", "W07", "gp", ["referrals:refer"]))


def _write(log: Path, lines: Sequence[dict[str, Any]]) -> None:
    log.write_text("".join(json.dumps(line) + "\n" for line in lines))


async def _verified(programs: Programs, name: str, *options: str) -> list[tuple[str, list[str]]]:
    """Runs `care verify`; returns the contradicted sentences and their examples, and asserts its exit code."""
    process = await programs.start("infra.cli:main", "verify", *options, "--name", name)
    out, _ = await process.communicate()
    findings = json.loads(out.decode().splitlines()[-1])["findings"]
    contradictions = [(each["sentence"], each["examples"]) for each in findings if each["contradictions"]]
    assert process.returncode == bool(contradictions)
    return contradictions


async def _compared(story: StoryRun, owner: "asyncpg.Connection[asyncpg.Record]") -> list[Finding]:
    async with connected(story.world.product.addresses.kafka_bootstrap, "") as broker:
        with deliveries(await snapshot_kafka(broker), silent) as found:
            await found.read_logs(owner, DEFAULT_RETENTION)
            await found.read_records(broker)
            return compare(found)[0]


@asynccontextmanager
async def _rolled_back(story: StoryRun) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """Rolls back every change that the block makes."""
    owner = await asyncpg.connect(story.world.product.addresses.database_url)
    try:
        transaction = owner.transaction()
        await transaction.start()
        await owner.execute("SET LOCAL session_replication_role = replica")
        yield owner
        await transaction.rollback()
    finally:
        await owner.close()
