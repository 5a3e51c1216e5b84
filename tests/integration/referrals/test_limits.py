"""Limits on the running context: a practice's busy Monday stays below them, and probed NHS numbers are stopped and seen."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from datetime import date, timedelta
from random import Random
from typing import Any
from uuid import UUID

import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from infra.database_owner import connected_owner
from infra.dev_stack.dev_secrets import Keys
from services.referrals.domain.reference import reference_of
from shared.kernel.ids import new_id
from shared.web.limits import CallerLimits, Limits
from tests.builders.database import CommonDatabase
from tests.builders.population import nhs_numbers
from tests.builders.referrals import DALE, MONDAY, OTHER_PERSON, ReferralsClient, a_body, a_demographics_body, referrals

#: Three hundred referrals in two hours.
REFERRALS, INTERVAL = 300, 24.0


class Clock:
    """Stands still until a test moves it."""

    at = 1000.0

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def limited_client(common_database: CommonDatabase, owner_url: str, keys: Keys, clock: Clock) -> AsyncIterator[ReferralsClient]:  # noqa: ARG001  it empties the tables
    """The context with the limits of a new deployment."""
    async with referrals(common_database.url, keys, MONDAY, limits=CallerLimits(Limits(), "limited", clock)) as client:
        yield client


def numbers(count: int) -> list[str]:
    return nhs_numbers(Random(1), count)  # noqa: S311  a seed must repeat its numbers


async def test_busy_monday_of_a_practice_stays_below(limited_client: ReferralsClient, clock: Clock) -> None:
    """Each referral is read again with what it permits, and the list of the practice's referrals after each."""
    statuses: Counter[int] = Counter()
    desks = [limited_client.context.token("referrals:refer", organisation="W07", role="gp", actor=f"gp-{desk}") for desk in range(3)]
    for number, nhs_number in enumerate(numbers(REFERRALS)):
        desk = desks[number % len(desks)]
        sent = await limited_client.try_refer(caller=desk, nhs_number=nhs_number)
        paths = [f"/{sent.json()['id']}", f"/{sent.json()['id']}/actions", ""]
        answers = [sent, *[await limited_client.get(path, desk) for path in paths]]
        statuses.update(each.status_code for each in answers)
        clock.at += INTERVAL

    assert statuses == {201: REFERRALS, 200: 3 * REFERRALS}


async def test_probed_numbers_are_stopped_and_seen(limited_client: ReferralsClient) -> None:
    async def probe(nhs_number: str) -> Any:
        return await limited_client.post("/people/search", {"nhs_number": nhs_number})

    with capture_logs() as logs:
        answers = [each for batch in range(50) for each in await asyncio.gather(*map(probe, numbers(500)[batch * 10 : batch * 10 + 10]))]

    refused = [each for each in answers if each.status_code == 429]
    assert len(answers) - len(refused) == 60
    assert {(each.json()["code"], int(each.headers["retry-after"]) > 0) for each in refused} == {("limit-reached", True)}
    labels = {"context": "limited", "limit": "caller_misses"}
    assert REGISTRY.get_sample_value("care_limits_reached_total", labels) == len(refused)
    assert [(entry["limit"], entry["actor"]) for entry in logs if entry["event"] == "limit.reached"] == [("caller_misses", "triager-1")]
    query = "SELECT actor_id, action FROM audit WHERE action LIKE 'limit %'"
    assert [tuple(row) for row in await limited_client.context.database.pool.fetch(query)] == [("triager-1", "limit caller_misses")]


async def test_exhausted_lookups_refuse_no_referral(limited_client: ReferralsClient) -> None:
    for nhs_number in numbers(80):
        await limited_client.post("/people/search", {"nhs_number": nhs_number})

    sent = await limited_client.try_refer(caller=limited_client.triager, nhs_number="9434765919")
    lists = await limited_client.get("/work", limited_client.triager)

    assert (await limited_client.post("/people/search", {"nhs_number": "9434765919"})).status_code == 429
    assert (sent.status_code, lists.status_code) == (201, 200)


def guesses(count: int) -> list[dict[str, Any]]:
    """Referrals with the right name and one birthday after another, none the right one."""
    born = [date(1940, 2, 2) + timedelta(days=day) for day in range(count)]
    return [a_body(demographics=a_demographics_body(born_on=f"{each}")) for each in born]


async def send_batch(client: ReferralsClient, bodies: Sequence[dict[str, Any]], caller: dict[str, str]) -> Any:
    return await client.context.http.post(
        "/referrals/batch", json={"referrals": bodies}, headers=caller | {"Idempotency-Key": f"{new_id()}"}
    )


async def audited(client: ReferralsClient, person_id: str) -> dict[tuple[str, str], int]:
    """The refusals in the audit of the person, by caller and code."""
    query = "SELECT actor_id, refusal, sum(times) AS times FROM audit WHERE subject = $1 AND refusal IS NOT NULL GROUP BY 1, 2"
    await client.context.api_database.refusals.close()
    return {(row["actor_id"], row["refusal"]): row["times"] for row in await client.context.database.pool.fetch(query, UUID(person_id))}


async def test_guessed_birthdays_are_stopped_and_seen(limited_client: ReferralsClient) -> None:
    """Finding C4. A batch of a hundred guesses the birthday of a known person, who is referred urgently all the same."""
    known = await limited_client.refer()
    stranger = limited_client.gp("E83001")

    batches = [await send_batch(limited_client, guesses(300)[at : at + 100], stranger) for at in (0, 100, 200)]
    items = Counter(item["status"] for batch in batches for item in batch.json()["items"])
    right = await limited_client.try_refer(caller=stranger)
    urgent = await limited_client.try_refer(caller=stranger, urgency="urgent", demographics=a_demographics_body(born_on="1940-02-02"))

    assert items == {409: 60, 429: 240}
    assert int(batches[-1].headers["retry-after"]) > 0
    assert (right.status_code, right.json()["code"], int(right.headers["retry-after"]) > 0) == (429, "limit-reached", True)
    assert (urgent.status_code, urgent.json()["status"]) == (201, "unverified")
    assert (await limited_client.try_refer(reason="falls")).status_code == 201
    assert await audited(limited_client, known["person_id"]) == {("gp-E83001", "identity-differs"): items[409] + 1}


async def test_known_and_unknown_numbers_are_refused_alike(limited_client: ReferralsClient) -> None:
    """Finding C6. Neither the answer nor the audit of a referral without a story differs for a stranger's number."""
    known = await limited_client.refer()
    stranger, other = limited_client.gp("E83001"), a_demographics_body(given_name="Maud", family_name="Fenn")

    answers = [
        await limited_client.try_refer(caller=stranger, nhs_number=number, demographics=other, story=None)
        for number in (DALE, OTHER_PERSON)
    ]

    problems = [each.json() | {"instance": None} for each in answers]
    assert problems[0] == problems[1]
    assert (answers[0].status_code, problems[0]["code"]) == (422, "story-missing")
    subjects = "SELECT count(DISTINCT subject) FROM audit WHERE refusal = 'story-missing' AND actor_id = 'gp-E83001'"
    assert await audited(limited_client, known["person_id"]) == {("gp-E83001", "story-missing"): 1}
    assert await limited_client.context.database.pool.fetchval(subjects) == 2


@pytest.mark.parametrize("absent", [{"story": None}, {"demographics": None}, {"demographics": None, "story": None}])
async def test_numbers_probed_by_referrals_are_stopped(limited_client: ReferralsClient, absent: dict[str, None]) -> None:
    """An unknown number is refused for what the referral lacks; a known one is received, and seen."""
    bodies = [a_body(nhs_number=number, **absent) for number in numbers(100)]
    batch = await send_batch(limited_client, bodies, limited_client.gp())

    later = await limited_client.try_refer(nhs_number=OTHER_PERSON, **absent)

    statuses = Counter(item["status"] for item in batch.json()["items"])
    assert set(statuses) <= {422, 429}
    assert later.status_code == 429


async def test_urgent_guess_is_audited_for_the_other_person(limited_client: ReferralsClient) -> None:
    known = await limited_client.refer()

    await limited_client.refer(urgency="urgent", demographics=a_demographics_body(given_name="Carl"), caller=limited_client.ambulance)

    assert await audited(limited_client, known["person_id"]) == {("crew-1", "identity-differs"): 1}


async def test_urgent_guesses_beyond_limit_are_received_and_reported(limited_client: ReferralsClient) -> None:
    await limited_client.refer()
    bodies = [each | {"urgency": "urgent"} for each in guesses(100)]
    with capture_logs() as logs:
        batch = await send_batch(limited_client, bodies, limited_client.ambulance)

    assert {item["status"] for item in batch.json()["items"]} == {201}
    assert [(entry["limit"], entry["actor"]) for entry in logs if entry["event"] == "limit.reached"] == [("caller_misses", "crew-1")]
    assert (await limited_client.try_refer(caller=limited_client.ambulance, reason="falls")).status_code == 429


async def test_urgent_right_guess_beyond_limit_tells_nothing(limited_client: ReferralsClient) -> None:
    """Received as unverified, like a wrong one, for the Community Point of Access to trace."""
    sent = await limited_client.refer()
    await send_batch(limited_client, [each | {"urgency": "urgent"} for each in guesses(100)], limited_client.ambulance)

    wrong, right = [
        (await limited_client.try_refer(caller=limited_client.ambulance, **each | {"urgency": "urgent"})).json()
        for each in (guesses(1)[0], a_body())
    ]

    assert (wrong["is_identified"], right["is_identified"]) == (False, False)
    assert wrong["discrepancies"] == right["discrepancies"]
    assert "identity-differs" in right["discrepancies"]
    assert sent["person_id"] not in {wrong["person_id"], right["person_id"]}


async def test_urgent_guesses_at_once_stay_within_limit(limited_client: ReferralsClient) -> None:
    """Each is a request of its own, and all are in progress together; the last has the right birthday."""
    await limited_client.refer()
    sent = [{**each, "urgency": "urgent"} for each in [*guesses(99), a_body()]]

    answers = await asyncio.gather(*(limited_client.try_refer(caller=limited_client.ambulance, **each) for each in sent))

    assert Counter((each.status_code, each.json()["is_identified"]) for each in answers) == {(201, False): 100}
    assert len({each.json()["person_id"] for each in answers}) == 100


async def test_urgent_referral_waits_for_no_stalled_one(limited_client: ReferralsClient, owner_url: str) -> None:
    """One more guess of the caller may be wrong, and a routine referral that may be it waits for a lock."""
    await limited_client.refer()
    for each in guesses(59):
        await limited_client.try_refer(caller=limited_client.ambulance, **each)
    async with connected_owner(owner_url) as owner, owner.transaction():
        await owner.execute("SELECT FROM referrals.person FOR UPDATE")
        routine = asyncio.create_task(limited_client.try_refer(caller=limited_client.ambulance, source="ambulance", reason="falls"))
        await asyncio.sleep(0.2)
        received = await limited_client.try_refer(caller=limited_client.ambulance, nhs_number=numbers(1)[0], urgency="urgent")
        was_stalled = not routine.done()

    assert (received.status_code, received.json()["status"], was_stalled) == (201, "unverified", True)
    assert (await routine).status_code == 201


@pytest.mark.parametrize("urgency", ["routine", "urgent"])
async def test_right_referrals_at_once_are_received(common_database: CommonDatabase, keys: Keys, urgency: str) -> None:
    """A caller with one wrong guess left waits for the answer of each referral, and is refused none."""
    async with referrals(common_database.url, keys, MONDAY, limits=CallerLimits(Limits(caller_misses=1), "limited", Clock())) as client:
        answers = await asyncio.gather(*(client.try_refer(nhs_number=number, urgency=urgency) for number in numbers(5)))

    assert Counter((each.status_code, each.json()["is_identified"]) for each in answers) == {(201, True): 5}


async def test_lookups_at_once_stay_within_limit(limited_client: ReferralsClient) -> None:
    async def probe(nhs_number: str) -> Any:
        return await limited_client.post("/people/search", {"nhs_number": nhs_number})

    answers = await asyncio.gather(*map(probe, numbers(100)))
    ids = [new_id() for _ in range(100)]
    read = await asyncio.gather(*(limited_client.get(f"/{each}", limited_client.gp()) for each in ids))

    assert Counter(each.status_code for each in answers) == {200: 60, 429: 40}
    assert Counter(each.status_code for each in read) == {404: 60, 429: 40}


@pytest.mark.parametrize("limits", [Limits(caller_people=3)])
async def test_records_read_at_once_stay_within_limit(common_database: CommonDatabase, keys: Keys, limits: Limits) -> None:
    async with referrals(common_database.url, keys, MONDAY, limits=CallerLimits(limits, "limited", Clock())) as client:
        sent = [await client.refer(nhs_number=number) for number in numbers(12)]
        paths = [f"/{each['id']}" for each in sent]
        answers = await asyncio.gather(*(client.get(path, client.gp()) for path in paths))

    assert Counter(each.status_code for each in answers) == {200: 3, 429: 9}


async def test_guessed_references_are_lookups(limited_client: ReferralsClient) -> None:
    answers = [await limited_client.get("", limited_client.gp(), reference=reference_of(number)) for number in range(1000, 1080)]

    assert Counter(each.status_code for each in answers) == {404: 60, 429: 20}
    assert (await limited_client.get("", limited_client.gp())).status_code == 200


@pytest.mark.parametrize("limits", [Limits(caller_people=3)])
async def test_people_behind_references_and_candidates_are_counted(common_database: CommonDatabase, keys: Keys, limits: Limits) -> None:
    async with referrals(common_database.url, keys, MONDAY, limits=CallerLimits(limits, "limited", Clock())) as client:
        sent = [await client.refer(nhs_number=number) for number in numbers(4)]
        by_reference = [(await client.get("", client.gp(), reference=each["reference"])).status_code for each in sent]
        alike = [(await client.get(f"/people/{each['person_id']}/candidates")).status_code for each in sent[:2]]

    assert by_reference == [200, 200, 200, 429]
    assert alike == [200, 429]
