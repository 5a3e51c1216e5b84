"""`care verify` believes nobody: after the story everything holds, and whatever is then broken by hand is found."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from infra.demo.story import NHS_NUMBER
from infra.keys import Keys
from infra.verify import broker
from infra.verify.report import verify
from infra.verify.statements import CHECKS, judge
from shared.contracts.codes import TaskKind
from shared.contracts.envelope import Record
from shared.contracts.navigation import TaskOverdue
from shared.kernel.ids import new_id
from tests.builders.running import arrived, secrets_of
from tests.journeys.living import Lived, lived

pytestmark = pytest.mark.timeout(400)

_COPY = """
INSERT INTO rapid_care.event (id, type, topic, subject, sequence, key, occurred_at, correlation_id, actor_org, actor_role, data)
SELECT gen_random_uuid(), '{kind}', topic, subject, 1000, key, occurred_at, correlation_id, actor_org, actor_role, data
FROM rapid_care.event WHERE type = 'rapid-care.response.at-risk.v1' LIMIT 1"""

_EVENT = TaskOverdue(kind=next(iter(TaskKind)), due_at=datetime(2014, 9, 14, tzinfo=UTC))

#: What a check says, and what makes it untrue.
_BROKEN = {
    "an aggregate's events are numbered from 1 without a gap": "DELETE FROM mdt.event WHERE topic = 'mdt.case' AND sequence = 1",
    "the log holds an aggregate's events in the order of their numbers": "UPDATE referrals.event SET sequence = 1000 - sequence",
    "every change of state has its line in the audit": "DELETE FROM rapid_care.audit",
    "what an event caused in a context was done in one transaction, once": """
        UPDATE mdt.event SET actor_role = 'system' WHERE seq = (SELECT max(seq) FROM mdt.event WHERE causation_id IN (
            SELECT causation_id FROM mdt.event GROUP BY causation_id HAVING count(*) > 1))""",
    "nothing was applied that was never committed": "INSERT INTO mdt.inbox (event_id, type) VALUES (gen_random_uuid(), 'unheard-of')",
    "no event was caused by one that its context had not applied": "DELETE FROM navigation.inbox",
    "no deadline was acted on before it was due": "UPDATE rapid_care.timer SET settled_at = due_at - interval '1 second'",
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
        WITH gone AS (DELETE FROM mdt.timer WHERE kind = 'screening') UPDATE mdt.case SET status = 'referred'""",
    "a person has at most one active lead": """
        ALTER TABLE mdt.lead DROP CONSTRAINT IF EXISTS uq_lead_active; DROP INDEX IF EXISTS mdt.uq_lead_active;
        UPDATE mdt.lead SET status = 'active';
        INSERT INTO mdt.lead SELECT (jsonb_populate_record(lead, jsonb_build_object('id', gen_random_uuid()))).* FROM mdt.lead LIMIT 1""",
    "a navigator's feed is numbered from 1 without a gap": "DELETE FROM navigation.feed_entry WHERE sequence = 1",
    "every referral has its receipt in the log, once": "DELETE FROM referrals.event WHERE type = 'referrals.referral.received.v1'",
    "a copy of what a person told is as new as the newest that was applied": "UPDATE mdt.person SET sequence = 0",
}
_BROKEN_LOG = {
    "every committed event is in Kafka": _COPY.format(kind="rapid-care.response.at-risk.v1"),
    "nothing is in Kafka that was not committed": "DELETE FROM rapid_care.event WHERE seq = 1",
    "an event reads in Kafka as it was committed": "UPDATE mdt.event SET data = '{}' WHERE seq = 1",
}


@pytest.fixture(scope="module")
async def story() -> AsyncIterator[Lived]:
    async with lived("verified", {}) as lived_through:
        yield lived_through


async def test_after_the_story_everything_holds(story: Lived) -> None:
    addresses = story.world.product.addresses
    findings = await verify(addresses.database_url, addresses.kafka_bootstrap)
    assert [each for each in findings if not each.holds] == []
    assert {each.invariant for each in findings} >= {"I1", "I4", "I5", "I6", "I7", "I8", "I9", "I10"}


def test_every_check_is_broken_below() -> None:
    assert {check.sentence for check in CHECKS} == set(_BROKEN)


@pytest.mark.parametrize("sentence", _BROKEN)
async def test_a_check_finds_what_is_broken(story: Lived, sentence: str) -> None:
    (check,) = [each for each in CHECKS if each.sentence == sentence]
    async with _undone(story) as owner:
        assert (await judge(owner, check)).holds
        await owner.execute(_BROKEN[sentence])
        finding = await judge(owner, check)
        assert finding.contradictions
        assert finding.examples


@pytest.mark.parametrize("sentence", _BROKEN_LOG)
async def test_a_log_that_differs_from_kafka_is_found(story: Lived, sentence: str) -> None:
    async with _undone(story) as owner:
        await owner.execute(_BROKEN_LOG[sentence])
        findings = await broker.compare(owner, story.world.product.addresses.kafka_bootstrap)
    assert [each.sentence for each in findings if not each.holds] == [sentence]


@pytest.mark.parametrize(
    ("numbers", "is_compacted", "holds"),
    [
        ((1, 2, 3), False, True),
        ((4, 5), False, True),
        ((1, 3), True, True),
        ((1, 3), False, False),
        ((2, 1), False, False),
        ((2, 1), True, False),
    ],
)
def test_first_occurrences_follow_the_numbers(numbers: Sequence[int], *, is_compacted: bool, holds: bool, keys: Keys) -> None:
    """What Kafka has dropped at the beginning does not matter; of a compacted topic anything but the newest may be gone."""
    seen, aggregate = broker.Seen(), new_id()
    for number in numbers:
        record = arrived(_EVENT, key=aggregate, subject=aggregate, secrets=secrets_of(keys), sequence=number)
        seen.take(record, _EVENT.TOPIC, is_compacted=is_compacted)
    assert (not seen.disordered) == holds


def test_a_record_that_is_no_event_of_ours_is_found() -> None:
    seen = broker.Seen()
    seen.take(Record("mdt.case", 3, 7, b"key", b"{}", ()), "mdt.case", is_compacted=False)
    assert seen.strangers == ["mdt.case 3@7 is no event of ours"]


async def test_the_command_judges_what_clients_were_answered_and_fails_when_it_is_not_so(story: Lived, tmp_path: Path) -> None:
    world, log = story.world, tmp_path / "answers.jsonl"
    body = json.dumps({"nhs_number": NHS_NUMBER, "source": "gp", "reason": "information", "urgency": "advice"}).encode()
    made = await world.caller("gp").create("/referrals", body, key="judged", **{"Content-Type": "application/json"})
    await world.settle()
    line = {"actor": "gp", "key": "judged", "sent": sha256(b"POST /referrals?\n" + body).hexdigest(), "status": 201, "id": made["id"]}

    assert await _judged(world.product.stack.name, log, line) == (0, [])
    lost = ("every referral that was acknowledged to a client is there", ["judged"])
    assert await _judged(world.product.stack.name, log, {**line, "id": str(new_id())}) == (1, [lost])
    altered = ("what is there is what the client had sent", ["judged"])
    assert await _judged(world.product.stack.name, log, {**line, "sent": "00"}) == (1, [altered])
    done = ("what was refused had no effect", ["judged"])
    assert await _judged(world.product.stack.name, log, {**line, "status": 422, "id": None}) == (1, [done])
    twice = ("a request that was repeated was answered alike, and done once", ["judged"])
    assert twice in (await _judged(world.product.stack.name, log, line, {**line, "id": str(new_id())}))[1]


async def _judged(name: str, log: Path, *lines: dict[str, Any]) -> tuple[int | None, list[tuple[str, list[str]]]]:
    """How `care verify` ended, and what it found broken."""
    await asyncio.to_thread(log.write_text, "".join(json.dumps(line) + "\n" for line in lines))
    command = [str(Path(sys.executable).with_name("care")), "verify", "--answers", str(log), "--name", name]
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    out, _ = await process.communicate()
    findings = json.loads(out.decode().splitlines()[-1])["findings"]
    return process.returncode, [(each["sentence"], each["examples"]) for each in findings if each["contradictions"]]


@asynccontextmanager
async def _undone(story: Lived) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
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
