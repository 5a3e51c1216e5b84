"""A safeguarding concern from a service that keeps none: it travels sealed to the one that does, once, and leaves no other trace."""

from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from infra.dev_stack.dev_secrets import Keys
from shared.kernel.ids import new_id
from tests.builders.context_app import TABLES
from tests.builders.four_contexts import FourContexts, four_contexts
from tests.builders.referrals import MONDAY, ReferralsClient
from tests.builders.safeguarding import WORDS, Safeguarding, raise_concern

#: For each service the route that makes the person known there, and a member of its staff.
_SERVICES = {
    "rapid_care": (("rapid-care", "rapid-care"), ("rapid-care:respond", "CLCH")),
    "mdt": (("mdt", "mdt"), ("mdt:read", "BCCG")),
    "navigation": (("navigation", "care-navigation"), ("navigation:coordinate", "CLCH")),
}
_URGENT = {"urgency": "urgent", "reason": "urgent-deterioration", "condition": "pneumonia"}

every_service = pytest.mark.parametrize("service", _SERVICES)


@pytest.fixture
async def contexts(owner_url: str, keys: Keys) -> AsyncIterator[FourContexts]:
    async with four_contexts(owner_url, keys, MONDAY) as contexts:
        yield contexts


async def _known_to(contexts: FourContexts, service: str) -> str:
    route, _ = _SERVICES[service]
    sent = await ReferralsClient(contexts.contexts["referrals"]).refer_and_route(*route, **(_URGENT if service == "rapid_care" else {}))
    await contexts.settle()
    return str(sent["person_id"])


async def _raise(contexts: FourContexts, service: str, person_id: str, organisation: str | None = None) -> tuple[int, str]:
    context, (scope, own) = contexts.contexts[service], _SERVICES[service][1]
    caller = context.token(scope, organisation=organisation or own)
    response = await raise_concern(context, f"/{service.replace('_', '-')}", person_id, caller)
    return response.status_code, response.json().get("reference") or response.json()["code"]


@every_service
async def test_account_reaches_the_council_once(contexts: FourContexts, service: str) -> None:
    person_id = await _known_to(contexts, service)
    council = Safeguarding(contexts.contexts["referrals"])

    status, reference = await _raise(contexts, service, person_id)
    before = await council.listed()
    await contexts.settle()
    await contexts.replay()
    await contexts.settle()

    found = await council.only()
    assert (status, before) == (202, [])
    assert (found["person_id"], found["due_at"]) == (person_id, "2015-03-17T10:05:00Z")
    assert [(each["reference"], each["account"]) for each in found["accounts"]] == [(reference, WORDS)]


@every_service
async def test_service_keeps_no_word_and_no_person(contexts: FourContexts, owner_url: str, service: str) -> None:
    """Not in clear, and under no id of the person: not in its log, its audit, its stored answers or its deadlines."""
    person_id = await _known_to(contexts, service)

    async def rows() -> dict[str, int]:
        pool, found = contexts.contexts[service].database.pool, {}
        for table in [row[0] for row in await pool.fetch(TABLES)]:
            text = f"SELECT count(*) FROM \"{table}\" AS t WHERE t::text LIKE '%' || $1 || '%' OR t::text LIKE '%' || $2 || '%'"  # noqa: S608
            found[table] = await pool.fetchval(text, person_id, WORDS)
        return found

    before = await rows()
    await _raise(contexts, service, person_id)
    await contexts.settle()

    owner = await asyncpg.connect(owner_url)
    try:
        data = await owner.fetchval(f"SELECT data FROM {service}.event WHERE topic LIKE '%.safeguarding'")  # noqa: S608
    finally:
        await owner.close()
    assert await rows() == before
    assert (WORDS.encode() in data, person_id.encode() in data) == (False, False)


@every_service
async def test_no_audit_shows_who_raised_it_and_where(contexts: FourContexts, service: str) -> None:
    """By the reference, by the concern, or by a member of staff whom one suspects."""
    person_id, (_, organisation) = await _known_to(contexts, service), _SERVICES[service][1]
    _, reference = await _raise(contexts, service, person_id)
    await contexts.settle()
    concern = await Safeguarding(contexts.contexts["referrals"]).only()

    of_actor = await _audited(contexts, service, "actors", organisation=organisation, actor_id="clinician-1")
    by_reference = [await _audited(contexts, each, f"people/{reference}") for each in (service, "referrals")]
    of_concern = await _audited(contexts, "referrals", f"people/{concern['id']}")

    assert ([each for each in of_actor if "Concern" in each["action"]], by_reference) == ([], [[], []])
    assert {(each["actor_id"], each["action"]) for each in of_concern} == {
        ("council-1", "read_concern"),
        ("council-1", "safeguarding_concerns"),
    }
    kept = await contexts.contexts[service].database.pool.fetchval("SELECT actor_id FROM audit WHERE subject = $1 ORDER BY id", reference)
    assert kept == "clinician-1"  # the first; the reads above are later


async def _audited(contexts: FourContexts, service: str, path: str, **query: str) -> list[dict[str, Any]]:
    """The entries that the information governance staff of a service see."""
    context, prefix = contexts.contexts[service], service.replace("_", "-")
    caller = context.token(f"{prefix}:audit", actor="governor-1")
    response = await context.http.get(f"/{prefix}/audit/{path}", headers=caller, params=query)
    assert response.status_code == 200, response.text
    return list(response.json()["items"])


@every_service
async def test_stranger_raises_nothing_in_any_service(contexts: FourContexts, service: str) -> None:
    person_id = await _known_to(contexts, service)

    answers = [await _raise(contexts, service, each, "EVIL") for each in (person_id, str(new_id()))]

    assert answers[0] == answers[1]
    assert answers[0][0] in {403, 404}
    await contexts.settle()
    assert await Safeguarding(contexts.contexts["referrals"]).listed() == []
