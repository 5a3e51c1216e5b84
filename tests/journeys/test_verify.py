"""`care verify` believes nobody: after the story everything holds, and whatever is then broken by hand is found."""

import asyncio
import json
import sys
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
from infra.operations.verify.check import judge
from infra.operations.verify.checks import CHECKS
from infra.operations.verify.comparison import compare
from infra.operations.verify.deliveries import deliveries, snapshot_kafka
from infra.operations.verify.finding import Finding
from infra.operations.verify.progress import silent
from infra.operations.verify.report import verify
from shared.contracts.envelope import Record
from shared.kernel.ids import new_id
from shared.persistence.retention import DEFAULT_RETENTION
from tests.journeys.story_run import StoryRun

pytestmark = pytest.mark.timeout(400)

_COPY = """
INSERT INTO rapid_care.event (id, type, topic, subject, sequence, key, occurred_at, correlation_id, actor_org, actor_role, data)
SELECT gen_random_uuid(), '{kind}', topic, subject, 1000, key, occurred_at, correlation_id, actor_org, actor_role, data
FROM rapid_care.event WHERE type = 'rapid-care.response.at-risk.v1' LIMIT 1"""

#: What a check says, and what makes it untrue.
_BROKEN = {
    "an aggregate's events are numbered from 1 without a gap": "DELETE FROM mdt.event WHERE topic = 'mdt.case' AND sequence = 1",
    "the log holds an aggregate's events in the order of their numbers": "UPDATE referrals.event SET sequence = 1000 - sequence",
    "every change of state has its line in the audit, by whoever made it": "DELETE FROM rapid_care.audit",
    "what an event caused in a context was done in one transaction, once": """
        UPDATE mdt.event SET actor_role = 'system' WHERE seq = (SELECT max(seq) FROM mdt.event WHERE causation_id IN (
            SELECT causation_id FROM mdt.event GROUP BY causation_id HAVING count(*) > 1))""",
    "nothing was applied that was never committed": "INSERT INTO mdt.inbox (event_id, type) VALUES (gen_random_uuid(), 'unheard-of')",
    "no event was caused by one that its context had not applied": "DELETE FROM navigation.inbox",
    "no deadline was acted on before it was due": "UPDATE rapid_care.deadline SET resolved_at = due_at - interval '1 second'",
    "no deadline was acted on twice, or without being settled": """
        UPDATE rapid_care.deadline SET state = 'pending' WHERE kind = 'avoidance-confirmation' AND state = 'fired'""",
    "no breach was told before the two hours had passed, and none twice for a referral": _COPY.format(
        kind="rapid-care.response.breached.v1"
    ),
    "each warning of a two-hour clock was told once for a referral, and not early": _COPY.format(kind="rapid-care.response.at-risk.v1"),
    "every two-hour clock that ended was met, breached or released, never two of them": """
        UPDATE rapid_care.response SET contacted_at = due_at + interval '1 second'""",
    "no clock passed its deadline without being told": "UPDATE rapid_care.response SET contacted_at = NULL, ended_at = NULL",
    "every case on an agenda has a meeting that is still to come or not yet told of": """
        UPDATE mdt.case SET status = 'listed', meeting_id = gen_random_uuid()""",
    "every case that nobody has screened has a deadline or was escalated": """
        WITH gone AS (DELETE FROM mdt.deadline WHERE kind = 'screening') UPDATE mdt.case SET status = 'referred'""",
    "every open referral has an owner, and the deadline by which its owner must act": """
        UPDATE referrals.referral SET status = 'accepted', service_code = NULL""",
    "every referral that has ended says how: what came of it, why it was withdrawn, or which one looks after it": """
        UPDATE referrals.referral SET outcome = NULL WHERE status = 'closed'""",
    "every response that has reached nobody has its clock, and whoever was sent is named": """
        UPDATE rapid_care.response SET ended_at = NULL, clinician_id = NULL""",
    "every case that was discussed has somebody who leads, and a plan whose review is coming": """
        UPDATE mdt.deadline SET state = 'cancelled' WHERE kind = 'review'""",
    "every open task has a due time that will be told, and somebody who has it or a deadline to find one": """
        DELETE FROM navigation.deadline WHERE kind LIKE '%overdue'""",
    "a person has at most one active lead, and who was asked to lead must answer in time": """
        ALTER TABLE mdt.lead DROP CONSTRAINT IF EXISTS uq_lead_active; DROP INDEX IF EXISTS mdt.uq_lead_active;
        UPDATE mdt.lead SET status = 'active';
        INSERT INTO mdt.lead SELECT (jsonb_populate_record(lead, jsonb_build_object('id', gen_random_uuid()))).* FROM mdt.lead LIMIT 1""",
    "a navigator's feed is numbered from 1 without a gap": "DELETE FROM navigation.feed_entry WHERE sequence = 1",
    "every referral has its receipt in the log, once": "DELETE FROM referrals.event WHERE type = 'referrals.referral.received.v1'",
    "the words of a care plan are as new as the newest that were applied": "UPDATE rapid_care.care_plan SET sequence = 0",
    "a copy of what a person told is as new as the newest that was applied": "UPDATE mdt.person SET sequence = 0",
}
_BROKEN_LOG = {
    "every committed event is in Kafka": _COPY.format(kind="rapid-care.response.at-risk.v1"),
    "nothing is in Kafka that was not committed": "DELETE FROM rapid_care.event WHERE seq = 1",
    "an event reads in Kafka as it was committed": "UPDATE mdt.event SET data = '{}' WHERE seq = 1",
    "every event was applied, refused or parked by each context that listens to it": "DELETE FROM mdt.inbox",
}


async def test_after_the_story_everything_holds(story: StoryRun) -> None:
    addresses = story.world.product.addresses
    verdict = await verify(addresses.database_url, addresses.kafka_bootstrap)
    assert verdict.broken == []
    assert verdict.lag == {}
    assert {each.invariant for each in verdict.findings} == {"I1", "I4", "I5", "I6", "I7", "I8", "I9", "I10"}


def test_every_check_is_broken_below() -> None:
    assert {check.sentence for check in CHECKS} == set(_BROKEN)


@pytest.mark.parametrize("sentence", _BROKEN)
async def test_a_check_finds_what_is_broken(story: StoryRun, sentence: str) -> None:
    (check,) = [each for each in CHECKS if each.sentence == sentence]
    async with _undone(story) as owner:
        assert (await judge(owner, check)).holds
        await owner.execute(_BROKEN[sentence])
        finding = await judge(owner, check)
        assert finding.contradictions
        assert finding.examples


@pytest.mark.parametrize("sentence", _BROKEN_LOG)
async def test_a_log_that_differs_from_kafka_is_found(story: StoryRun, sentence: str) -> None:
    async with _undone(story) as owner:
        await owner.execute(_BROKEN_LOG[sentence])
        findings = await _compared(story, owner)
    assert sentence in [each.sentence for each in findings if not each.holds]


async def test_what_is_new_since_the_first_look_is_on_its_way(story: StoryRun) -> None:
    """Events that came into the topics, and consumers that went on, while the databases were looked at, accuse nobody."""
    addresses = story.world.product.addresses
    async with connected(addresses.kafka_bootstrap, "") as broker:
        looked = replace(await snapshot_kafka(broker), ends={}, applied={context: {} for context in CONTEXTS})
        with deliveries(looked, silent) as taken:
            async with _undone(story) as owner:
                await owner.execute("DELETE FROM navigation.event; DELETE FROM mdt.inbox")
                await taken.take_logs(owner, DEFAULT_RETENTION)
            await taken.take_records(broker)
            findings, lag = compare(taken)
    assert [each for each in findings if not each.holds] == []
    assert lag["mdt not applied"].count > 0


async def test_a_record_that_is_no_event_of_ours_is_found(story: StoryRun) -> None:
    bootstrap = story.world.product.addresses.kafka_bootstrap
    async with connected(bootstrap, "") as broker:
        with deliveries(await snapshot_kafka(broker), silent) as taken:
            taken.take(Record("mdt.case", 3, 7, b"key", b"{}", ()))
            assert taken.strangers.examples == ["mdt.case 3@7 is no event of ours"]


async def test_what_clients_were_answered_is_held_against_what_is_stored(story: StoryRun, tmp_path: Path) -> None:
    world, log = story.world, tmp_path / "answers.jsonl"
    body = json.dumps({"nhs_number": NHS_NUMBER, "source": "gp", "reason": "information", "urgency": "advice"}).encode()
    made = await _judged_gp(world).create("/referrals", body, key="judged", **{"Content-Type": "application/json"})
    await world.wait_until_drained()
    line = {
        "actor": "judged-gp",
        "key": "judged",
        "sent": sha256(b"POST /referrals?\n" + body).hexdigest(),
        "status": 201,
        "id": made["id"],
    }
    line |= {"told": {"reference": made["reference"], "received_at": made["received_at"]}}
    lost = "every referral that was acknowledged to a client is there"
    altered = "what is there is what the client had sent, and was told"
    twice = "a request that was repeated was answered alike, and done once"
    unasked = "every referral of these clients was made by one of their requests, and one by each"

    async def judged(*lines: dict[str, Any]) -> list[tuple[str, list[str]]]:
        await asyncio.to_thread(_write, log, lines)
        async with world.owner.transaction():
            return [(each.sentence, list(each.examples)) for each in await client_log.compare(world.owner, log) if not each.holds]

    await asyncio.to_thread(_write, log, [line, {**line, "status": None, "id": None}])
    assert await _verified(world.product.stack.name, "--answers", str(log)) == []
    assert await judged({**line, "status": None, "id": None}) == []
    assert await judged({**line, "id": str(new_id())}) == [(lost, ["judged"]), (twice, ["judged"])]
    assert await judged({**line, "sent": "00"}) == [(altered, ["judged"])]
    assert await judged({**line, "told": {"reference": "CPA-0000-0000"}}) == [(altered, ["judged"])]
    assert await judged({**line, "status": 422, "id": None}) == [("what was refused had no effect", ["judged"])]
    assert await judged({**line, "key": "other", "status": 422, "id": None}) == [(unasked, [f"referral {made['id']}"])]


async def test_a_scheduled_judgement_leaves_its_result_for_prometheus(story: StoryRun, tmp_path: Path) -> None:
    metrics = tmp_path / "care.prom"
    await _verified(story.world.product.stack.name, "--live", "--metrics", str(metrics), "--expect-parked", "1")
    told = metrics.read_text().splitlines()
    assert 'care_verify_contradictions{invariant="I4"} 0.0' in told
    assert 'care_verify_contradictions{invariant="I10"} 1.0' in told


def _judged_gp(world: World) -> Caller:
    """Somebody who asks nothing but what is in the log."""
    return Caller("judged-gp", world.http, world.product.keys.token("judged-gp", "W07", "gp", ["referrals:refer"]))


def _write(log: Path, lines: Sequence[dict[str, Any]]) -> None:
    log.write_text("".join(json.dumps(line) + "\n" for line in lines))


async def _verified(name: str, *options: str) -> list[tuple[str, list[str]]]:
    """What it found broken, as its exit code says too."""
    command = [str(Path(sys.executable).with_name("care")), "verify", *options, "--name", name]
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    out, _ = await process.communicate()
    findings = json.loads(out.decode().splitlines()[-1])["findings"]
    broken = [(each["sentence"], each["examples"]) for each in findings if each["contradictions"]]
    assert process.returncode == bool(broken)
    return broken


async def _compared(story: StoryRun, owner: "asyncpg.Connection[asyncpg.Record]") -> list[Finding]:
    async with connected(story.world.product.addresses.kafka_bootstrap, "") as broker:
        with deliveries(await snapshot_kafka(broker), silent) as taken:
            await taken.take_logs(owner, DEFAULT_RETENTION)
            await taken.take_records(broker)
            return compare(taken)[0]


@asynccontextmanager
async def _undone(story: StoryRun) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """What is done to the databases in this block is taken back."""
    owner = await asyncpg.connect(story.world.product.addresses.database_url)
    try:
        undo = owner.transaction()
        await undo.start()
        await owner.execute("SET LOCAL session_replication_role = replica")
        yield owner
        await undo.rollback()
    finally:
        await owner.close()
