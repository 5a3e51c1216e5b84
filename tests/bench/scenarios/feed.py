"""From the commit of an agreed plan to its tasks in the open streams of the navigators, across three processes and Kafka."""

import asyncio
from collections.abc import AsyncGenerator
from math import inf
from typing import Any
from uuid import UUID

from infra.demo.story_dates import day
from infra.dev_stack.clock_offset import set_clock
from tests.bench.bulk_rows import copies, upto, uuid
from tests.bench.figures import Figure, Run, delays
from tests.bench.people import change
from tests.bench.processes import spending
from tests.bench.product_under_test import Bench, ProductUnderTest
from tests.bench.scenario import Scenario
from tests.bench.scenarios.response import MEETING, routing, triaged
from tests.bench.scenarios.streams import following, navigators
from tests.builders.mdt import QUORUM

_STREAM_SECONDS = 2.0  # for entries that are applied and not yet streamed
_PER_SECOND, _NAVIGATORS = 50, 200  # so many that no navigator reaches the limit of tasks
_ACTIONS = [
    {"kind": "arrange-social-care-assessment", "owner_role": "care-navigator", "due_on": "2026-09-16"},
    {"kind": "personal-budget-advice", "owner_role": "care-navigator", "due_on": "2026-09-18"},
    {"kind": "signpost", "owner_role": "care-navigator", "due_on": "2026-09-23", "service_code": "befriending"},
]
_CRISIS = {"warning_signs": "Sudden confusion.", "what_to_do": "Treat at home first.", "whom_to_call": "Rapid Care."}
_PLAN = {"what_matters": "To stay at home.", "preferred_place_of_care": "home", "problems": ["falls"], "crisis": _CRISIS}
_CANDIDATE = {"professional_id": "clch-community-nurse-1", "role": "community-nurse", "organisation": "CLCH"}
_DISCUSSION = {
    "joint_plan": _PLAN,
    "actions": _ACTIONS,
    "lead": {"candidate": _CANDIDATE, "has_accepted": True},
    "is_agreed_by_person": True,
}
_ENTRIES = """
SELECT entry.navigator_id, entry.sequence, extract(epoch FROM pg_xact_commit_timestamp(agreed.xmin))::float AS agreed_at
FROM mdt.event AS agreed
JOIN navigation.task ON task.source_id = agreed.subject
JOIN navigation.feed_entry AS entry ON entry.task_id = task.id AND entry.change = 'assigned'
WHERE agreed.type = 'mdt.care-plan.agreed.v1' AND agreed.recorded_at > to_timestamp($1)"""


async def measure(bench: Bench) -> AsyncGenerator[Run]:
    async with bench.start_product(clock_at=day(1, "10:05")) as product:
        count = round(_PER_SECOND * bench.pick(4.0, 10.0, 15.0))
        names = await navigators(product, _NAVIGATORS)
        await _meeting(product, count * bench.runs)
        for number in range(bench.runs):
            async with bench.bare(product.database_url) as bare:
                found = await _run(product, names, number * count, count)
            yield {**found, **bare}


async def _run(product: ProductUnderTest, names: list[str], after: int, count: int) -> Run:
    rows = await product.owner.fetch(f"SELECT {uuid('case')} AS id FROM {upto(count, after)} AS n")  # noqa: S608
    version = await product.owner.fetchval("SELECT version FROM mdt.case WHERE id = $1", rows[0]["id"])
    requests = [change(f"/mdt/cases/{row['id']}/discussion", version, _DISCUSSION) for row in rows]
    async with following(product, names) as followed:
        with spending(product.running) as spent:
            result = await product.send(requests, "mdt-coordinator", seconds=count / _PER_SECOND, rate=_PER_SECOND)
        drained_after = await product.wait_until_drained()
        await asyncio.sleep(_STREAM_SECONDS)
    entries = await product.owner.fetch(_ENTRIES, result.begun_at)
    received = followed.result()
    took = [received.get((row["navigator_id"], row["sequence"]), inf) - row["agreed_at"] for row in entries]
    others = sum(status != 200 for status in result.status)
    took += [inf] * (len(_ACTIONS) * (count - others) - len(entries))  # a task without a navigator
    found = {**delays(took), "entries": len(entries), "entries not received": took.count(inf), "responses other than 200": others}
    return {
        **found,
        "response time, p99": delays(result.latency)["p99"],
        "seconds until drained": drained_after,
        **spent.cores(result.wall_seconds),
    }


async def _meeting(product: ProductUnderTest, count: int) -> None:
    """One case reaches a meeting through the real product; the other cases on the agenda are copies of it."""
    await triaged(product, 1, MEETING)
    await product.all_of(await routing(product, 1, MEETING), "point-of-access")
    await product.wait_until_drained()
    case = await _case(product)
    await product.all_of([change(f"/mdt/cases/{case['id']}/screening", case["version"], {"outcome": "eligible"})], "mdt-coordinator")
    await set_clock(product.owner, day(3, "13:30"))
    await product.wait_until_drained()
    case = await _case(product)
    version = await product.owner.fetchval("SELECT version FROM mdt.meeting WHERE id = $1", case["meeting_id"])
    await product.all_of([change(f"/mdt/meetings/{case['meeting_id']}/attendance", version, {"attended": QUORUM})], "mdt-coordinator")
    await product.wait_until_drained()
    await _copied(product, case["id"], case["person_id"], count)


async def _case(product: ProductUnderTest) -> dict[str, Any]:
    row = await product.owner.fetchrow("SELECT * FROM mdt.case")
    assert row is not None
    return dict(row)


async def _copied(product: ProductUnderTest, case: UUID, person: UUID, count: int) -> None:
    """Each case, and the projections of its person."""
    owner, numbers, new, new_person = product.owner, upto(count), uuid("case"), uuid("person")
    statements = [
        await copies(owner, "mdt.case", f"id = '{case}'", numbers, id=new, person_id=new_person, referral_id=new, correlation_id=new),
        await copies(owner, "mdt.person", f"person_id = '{person}'", numbers, person_id=new_person),
        await copies(owner, "navigation.person", f"person_id = '{person}'", numbers, person_id=new_person),
    ]
    await product.prepare(f"Putting {count:,} cases on the agenda", *statements)


SCENARIO = Scenario(
    "feed",
    "Plan agreed to its tasks in the navigator's stream, 50/s",
    "Open loop: 50 cases per second are discussed over HTTP, each with a plan of three actions for navigators and a lead; the streams of "
    "200 navigators are open. From PostgreSQL's commit timestamp of the agreed plan until each task has arrived over the stream of its "
    "navigator. The cases are copies of one that reached the meeting through the real product.",
    minutes=2.2,
    figures=(Figure("p99", "ms", 500, yardstick="bare p99"), Figure("p50", "ms", yardstick="bare p50")),
    measure=measure,
)
