"""The second wall of the Community Point of Access: holes in the access policy show no person (docs/adr/0044)."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from services.referrals.api.pages import oldest_first
from services.referrals.domain.person import PersonNotFound
from services.referrals.domain.referral import ReferralNotFound
from services.referrals.queries import people, referrals, timeline
from services.referrals.store.referrals import REFERRAL
from shared.access import Part
from shared.contracts.mdt import LeadActivated
from shared.contracts.persons import PersonRecordRecorded, SharingPreference
from shared.contracts.referrals import ReferralReceived
from shared.kernel.scope_holders import Holders
from shared.persistence.transaction import Transaction
from tests.builders.referrals import DALE, ReferralsClient, a_lead_activated
from tests.builders.row_security import planted_get, protected_tables, seen_rows, without_row_security
from tests.builders.safeguarding import raise_concern

#: RECEIVER provides the district nursing of the directory.
STRANGER, RECEIVER = "EVIL", "CLCH"


@pytest.fixture(params=[True, False], ids=["wall", "no-wall"])
async def wall(request: pytest.FixtureRequest, owner_url: str) -> AsyncIterator[bool]:
    """Whether row-level security is on. Without it each planted hole must show a person, or the test would prove nothing."""
    async with AsyncExitStack() as stack:
        if not request.param:
            await stack.enter_async_context(without_row_security(owner_url, "referrals"))
        yield request.param


async def _shown(tx: Transaction[Any], sent: dict[str, Any]) -> tuple[bool, bool]:
    """Whether the referral and the record of its person are found."""
    found = []
    for read, subject in ((referrals.referral, sent["id"]), (people.person, sent["person_id"])):
        try:
            found.append(bool(await read(tx, UUID(subject))))
        except (ReferralNotFound, PersonNotFound):
            found.append(False)
    return found[0], found[1]


async def test_route_without_policy_shows_no_person(client: ReferralsClient, *, wall: bool) -> None:
    sent = await client.refer()

    async with planted_get(client.context, STRANGER, "referrals:refer", "referrals:receive", "mdt:lead") as tx:
        shown = await _shown(tx, sent)

    assert shown == ((False, False) if wall else (True, True))


async def test_list_without_filter_shows_no_person(client: ReferralsClient, *, wall: bool) -> None:
    await client.refer()

    async with planted_get(client.context, STRANGER, "referrals:refer") as tx:
        listed = await tx.fetch(sa.select(REFERRAL))

    assert len(listed) == (0 if wall else 1)


async def test_timeline_without_policy_shows_no_event(client: ReferralsClient, *, wall: bool) -> None:
    """A lead of another person. The person's own lead reads what the service itself and the meeting have published."""
    sent = await client.refer()
    await client.deliver(sent, a_lead_activated("nurse-1", "NLH"))

    own, other = [await _timeline(client, UUID(sent["person_id"]), actor) for actor in ("nurse-1", "nurse-2")]

    assert own >= {LeadActivated.TYPE, PersonRecordRecorded.TYPE, ReferralReceived.TYPE}
    assert other == (set() if wall else own)


async def _timeline(client: ReferralsClient, person_id: UUID, actor: str) -> set[str]:
    """The types of the events that a route without the policy shows to a lead."""
    async with planted_get(client.context, "NLH", "mdt:lead", actor=actor) as tx:
        return {entry.type for entry in await timeline.of_person(tx, person_id, after=oldest_first(None), limit=500)}


async def test_basis_that_never_ends_shows_no_person(client: ReferralsClient, *, wall: bool) -> None:
    sent = await client.refer(caller=client.ambulance, source="ambulance")
    await client.command(sent["id"], "cancellation", {"reason": "withdrawn"}, caller=client.ambulance)
    shown = []
    for days in (27, 2):
        await client.context.let_pass(timedelta(days=days))
        async with planted_get(client.context, "LAS", "referrals:refer") as tx:
            shown.append(await _shown(tx, sent))

    assert shown == [(True, True), (False, False) if wall else (True, True)]


@pytest.mark.parametrize(
    ("scope", "path"),
    [("triage", "/work"), ("handle", "/work"), ("identity", "/people/unverified"), ("safeguarding", "/safeguarding-concerns")],
)
async def test_scope_without_organisation_shows_no_person(client: ReferralsClient, scope: str, path: str, *, wall: bool) -> None:
    """Over HTTP, in an application that binds no scope to an organisation."""
    sent = await client.refer(caller=client.ambulance, source="ambulance", urgency="urgent", nhs_number=None)
    await raise_concern(client.context, "/referrals", sent["person_id"], client.ambulance)
    held, client.context.state.holders = client.context.state.holders, Holders()
    stranger = client.context.token(f"referrals:{scope}", organisation=STRANGER, actor="evil-1")

    listed = (await client.get(path, stranger)).json()["items"]
    client.context.state.holders = held

    assert len(listed) == (0 if wall else 1)


async def test_story_withheld_during_a_read_stays_closed(client: ReferralsClient) -> None:
    """The preference arrives with its story, after the policy has judged the one before and before the record is read."""
    person_id = UUID((await client.refer())["person_id"])
    async with planted_get(client.context, "CLCH", "referrals:handle") as tx:
        await people.require_person(tx, person_id, Part.STORY)
        change = {"story": {"narrative": "I am afraid."}, "sharing": "withheld", "sharing_stated_by": "person"}
        await client.post(f"/people/{person_id}/record", change, version=1)
        shown = await people.person(tx, person_id)
    async with client.context.database.read_only() as service:
        stored = await people.person(service, person_id)

    assert (shown.sharing, shown.story == stored.story) == (SharingPreference.DIRECT_CARE, False)
    assert stored.sharing is SharingPreference.WITHHELD


@pytest.mark.parametrize("criterion", [{"nhs_number": DALE}, {"family_name": "Dale", "born_on": "1932-05-02"}], ids=["number", "name"])
async def test_search_without_organisation_finds_no_person(client: ReferralsClient, criterion: dict[str, str], *, wall: bool) -> None:
    await client.refer()
    held, client.context.state.holders = client.context.state.holders, Holders()
    stranger = client.context.token("referrals:handle", organisation=STRANGER, actor="evil-1")

    found = await client.context.http.post("/referrals/people/search", json=criterion, headers=stranger)
    client.context.state.holders = held

    assert len(found.json()["items"]) == (0 if wall else 1)


async def test_connection_without_a_reader_sees_no_row(client: ReferralsClient) -> None:
    await _refer_with_everything(client)

    tables = await protected_tables(client.context)
    async with client.context.api_database.read_only() as reader:
        seen = await seen_rows(reader, tables)
    async with client.context.database.read_only() as service:
        stored = await seen_rows(service, tables)

    assert set(seen.values()) == {0}
    assert {table for table, rows in stored.items() if rows} >= {"person", "referral", "amendment"}


async def test_pooled_connection_forgets_its_last_reader(client: ReferralsClient) -> None:
    await client.refer()
    database, people_and_process = client.context.api_database, "SELECT count(*), pg_backend_pid() FROM person"

    seen = []
    async with planted_get(client.context, "CLCH", "referrals:triage") as tx:
        seen += await tx.driver.fetch(people_and_process)
    async with database.read_only() as reader:
        seen += await reader.driver.fetch(people_and_process)
    async with database.transaction() as tx:
        seen += await tx.driver.fetch(people_and_process)
    async with database.read_only() as reader:
        seen += await reader.driver.fetch(people_and_process)

    assert len({row["pg_backend_pid"] for row in seen}) == 1
    assert [row["count"] for row in seen] == [1, 0, 1, 0]


async def test_reader_changes_no_row(client: ReferralsClient) -> None:
    """The role of the context may delete no referral at all (docs/adr/0032)."""
    await client.refer()

    async with planted_get(client.context, "CLCH", "referrals:triage") as tx:
        changed = [await tx.driver.execute(sql) for sql in ("UPDATE person SET address = ''", "UPDATE referral SET urgency = 'routine'")]

    assert changed == ["UPDATE 0", "UPDATE 0"]


async def test_each_reader_sees_their_own_people(client: ReferralsClient) -> None:
    await _refer_with_everything(client)
    callers: Mapping[str, tuple[str, ...]] = {
        "point of access": ("CLCH", "referrals:handle"),
        "its staff without a scope": ("CLCH", "referrals:audit"),
        "referrer": ("LAS", "referrals:refer"),
        "referrer without the scope": ("LAS", "referrals:receive"),
        "registered practice": ("W07", "referrals:refer"),
        "other practice": ("W08", "referrals:refer"),
        "receiver": (RECEIVER, "referrals:receive"),
        "lead": ("NLH", "mdt:lead", "nurse-1"),
        "colleague of the lead": ("NLH", "mdt:lead", "nurse-2"),
    }

    seen = {who: await _people(client, *caller) for who, caller in callers.items()}

    assert {who for who, sees in seen.items() if sees} == {"point of access", "referrer", "registered practice", "receiver", "lead"}


async def test_wall_of_merged_person_is_that_of_all_records(client: ReferralsClient) -> None:
    """The ambulance referred the unverified record, the practice the verified one."""
    unverified = await client.refer(caller=client.ambulance, source="ambulance", urgency="urgent", nhs_number=None)
    known = await client.refer(reason="falls")
    ambulance = ("LAS", "referrals:refer")
    before = await _people(client, *ambulance)

    identity = (await client.get(f"/people/{unverified['person_id']}/identity")).json()
    path = f"/people/{unverified['person_id']}/verification"
    merged = await client.post(path, {"nhs_number": DALE}, version=identity["version"])

    assert merged.json()["merged_into"] == known["person_id"]
    assert (before, await _people(client, *ambulance)) == (1, 2)


async def _refer_with_everything(client: ReferralsClient) -> None:
    """A routed referral of an ambulance for a person of practice W07, with an amendment and a lead."""
    sent = await client.refer_and_route(caller=client.ambulance, source="ambulance")
    await client.command(sent["id"], "amendment", {"information": "He fell."}, caller=client.ambulance)
    await client.deliver(sent, a_lead_activated("nurse-1", "NLH"))


async def _people(client: ReferralsClient, organisation: str, scope: str, actor: str = "someone") -> int:
    """The number of people whom a reader sees."""
    async with planted_get(client.context, organisation, scope, actor=actor) as tx:
        found: int = await tx.driver.fetchval("SELECT count(*) FROM person")
    return found


async def test_words_about_an_identity_are_behind_the_wall(client: ReferralsClient, *, wall: bool) -> None:
    """The reason of a separation. The ids of merged records are no words: each question about a person begins with them."""
    unverified = await client.refer(caller=client.ambulance, source="ambulance", urgency="urgent", nhs_number=None)
    await client.refer(reason="falls")
    path = f"/people/{unverified['person_id']}"
    for verb, body in (("verification", {"nhs_number": DALE}), ("separation", {"reason": "His brother, who lives with him."})):
        version = (await client.get(f"{path}/identity")).json()["version"]
        assert (await client.post(f"{path}/{verb}", body, version=version)).status_code == 200

    async with planted_get(client.context, STRANGER, "referrals:identity", "referrals:refer") as tx:
        words = await tx.driver.fetchval("SELECT count(*) FROM identity WHERE separations::text LIKE '%brother%'")

    assert words == (0 if wall else 1)
