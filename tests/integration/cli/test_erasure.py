"""`care erase` removes a person's words in the middle of their care, and leaves what they are owed."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import pytest

from infra.contexts import CONTEXTS
from infra.dev_stack.dev_secrets import load
from infra.dev_stack.drain import wait_until_drained
from shared.contracts.encryption import DecryptionFailed, place
from shared.kernel.ids import new_id
from tests.builders.referral_request import REFERRAL
from tests.integration.cli.care_process import Result, RunningProduct, Workspace, care_up
from tests.integration.cli.kafka_access import secrets

#: Words that nothing else contains. Each stands in another place.
WORDS = {
    "given_name": "Zebulon",
    "family_name": "Quillfeather",
    "address": "7 Larkspur Mews",
    "telephone": "07700 900123",
    "narrative": "He mislaid his brass telescope on the stairs.",
    "contact": "Ottoline",
    "triage": "Breathless since the lantern parade.",
    "information": "The marmalade cat is called Figaro.",
}
NUMBER = "9990548609"
_TABLES = """
SELECT format('%I.%I', relnamespace::regnamespace, relname) AS name FROM pg_class
WHERE relnamespace::regnamespace::text = ANY($1::text[]) AND relkind IN ('r', 'p') AND NOT relispartition"""
_SEALED = "SELECT * FROM referrals.event WHERE topic = 'referrals.person-record' AND key = $1 ORDER BY sequence"
#: Status and owner of what is open in each context; the deadlines are compared for themselves.
_STATES = (
    "SELECT status, urgency, practice_code, due_at FROM referrals.referral WHERE person_id = $1 ORDER BY id",
    "SELECT status, clinician_id FROM rapid_care.response WHERE person_id = $1",
    "SELECT status, slot, meeting_starts_at FROM mdt.case WHERE person_id = $1",
    "SELECT status, navigator_id, due_at FROM navigation.task WHERE person_id = $1",
)
_OPEN = "SELECT kind, due_at, state FROM {context}.deadline WHERE state = 'pending' ORDER BY due_at, kind"


@dataclass(frozen=True)
class Care:
    """A product in the middle of a person's care: an amended referral, a response with its clock, a case and a task.

    `body` and `key` are those of the first referral.
    """

    product: RunningProduct
    owner: "asyncpg.Connection[asyncpg.Record]"
    folder: Path
    person: UUID
    body: Mapping[str, Any]
    key: str

    async def run(self, *arguments: str) -> Result:
        return await self.product.workspace.run(*arguments, "--name", self.product.name)

    async def post(self, caller: str, path: str, body: Mapping[str, Any], **headers: str) -> httpx.Response:
        async with httpx.AsyncClient(base_url=self.product.url) as http:
            authorization = {"Authorization": f"Bearer {self.product.token(caller)}"}
            return await http.post(path, json=body, headers=authorization | headers)

    def token(self, actor: str, scope: str = "referrals:audit", organisation: str = "CLCH") -> str:
        """A file with the token of a member of staff."""
        keys = load(self.product.workspace.home / "stacks" / self.product.name)
        assert keys
        file = self.folder / f"{actor}.token"
        file.write_text(keys.token(actor, organisation, "information-governance", [scope]) + "\n")
        return str(file)

    async def request(self, token: str, reason: str = "the person asked for it", person: UUID | None = None) -> Result:
        return await self.run("erase", str(person or self.person), "--token", token, "--reason", reason)

    async def approve(self, token: str, request: str, person: UUID | None = None) -> Result:
        certificate = str(self.folder / "certificate.json")
        return await self.run("erase", str(person or self.person), "--token", token, "--approve", request, "--certificate", certificate)

    async def remaining(self) -> set[str]:
        """The words and the number that any table still contains."""
        found = set()
        for table in await self.owner.fetch(_TABLES, list(CONTEXTS)):
            for row in await self.owner.fetch(f"SELECT t::text AS row FROM {table['name']} AS t"):  # noqa: S608  names of the catalogue
                found |= {word for word in (*WORDS.values(), NUMBER) if word in row["row"] or word.encode().hex() in row["row"]}
        return found

    async def readable(self) -> list[str]:
        """The given names in the person's sealed records that the deployment can open."""
        ring, names = secrets(self.product).key_ring, []
        for row in await self.owner.fetch(_SEALED, self.person):
            where = place(row["topic"], row["type"], str(row["subject"]), str(row["id"]))
            try:
                names.append(json.loads(ring.open_apart(row["data"], row["data_key"], where))["given_name"])
            except DecryptionFailed:
                names.append("")
        return names

    async def owed(self) -> Sequence[Sequence[asyncpg.Record]]:
        """Status, owner and deadline of the referrals, the response, the case and the task."""
        return [await self.owner.fetch(query, self.person) for query in _STATES] + [
            await self.owner.fetch(_OPEN.format(context=context)) for context in CONTEXTS
        ]


@pytest.fixture
async def care(workspace: Workspace, tmp_path: Path) -> AsyncIterator[Care]:
    async with care_up(workspace, "erasing") as product:
        owner = await asyncpg.connect(product.workspace.database_url)
        try:
            begun = await _begin(product, owner, tmp_path)
            await wait_until_drained(owner)
            yield begun
        finally:
            await owner.close()


async def _begin(product: RunningProduct, owner: "asyncpg.Connection[asyncpg.Record]", folder: Path) -> Care:
    named = {name: WORDS[name] for name in ("given_name", "family_name", "address", "telephone")}
    demographics = {"born_on": "1944-03-02", "practice_code": "W07", "residence": "LBB", **named}
    contact = {"name": WORDS["contact"], "relationship": "niece"}
    story = {"narrative": WORDS["narrative"], "contacts": [contact]}
    body = {**REFERRAL, "nhs_number": NUMBER, "demographics": demographics, "story": story}
    care = Care(product, owner, folder, new_id(), body, str(new_id()))
    referral = await _refer(care, body, care.key, "urgent", ("rapid-care", "rapid-care"))
    await _change(care, "GP", referral, "amendment", {"information": WORDS["information"]})
    later = {name: value for name, value in body.items() if name != "condition"} | {"urgency": "routine"}
    await _refer(care, later | {"reason": "complex-needs"}, str(new_id()), "routine", ("mdt", "mdt"))
    await _refer(care, later | {"reason": "enablement"}, str(new_id()), "routine", ("navigation", "care-navigation"))
    return replace(care, person=await owner.fetchval("SELECT person_id FROM referrals.referral WHERE id = $1", referral))


async def _refer(care: Care, body: Mapping[str, Any], key: str, urgency: str, to: tuple[str, str]) -> UUID:
    """The referral is triaged, with words, and routed."""
    received = await care.post("GP", "/referrals", body, **{"Idempotency-Key": key})
    assert received.status_code == 201, received.text
    referral, (route, service) = UUID(received.json()["id"]), to
    decision = {"urgency": urgency, "is_complex": route == "mdt", "reason": WORDS["triage"]}
    await _change(care, "POINT_OF_ACCESS", referral, "triage", decision)
    await _change(care, "POINT_OF_ACCESS", referral, "route", {"route": route, "service_code": service})
    return referral


async def _change(care: Care, caller: str, referral: UUID, step: str, body: Mapping[str, Any]) -> None:
    version = await care.owner.fetchval("SELECT version FROM referrals.referral WHERE id = $1", referral)
    done = await care.post(caller, f"/referrals/{referral}/{step}", body, **{"If-Match": f'W/"{version}"'})
    assert done.status_code == 200, done.text


async def test_erased_person_leaves_no_words_and_keeps_care(care: Care) -> None:
    owed = await care.owed()
    assert [len(each) for each in owed[:4]] == [3, 1, 1, 1]
    assert await care.remaining() == {*WORDS.values(), NUMBER}
    recorded = await care.readable()
    assert set(recorded) == {"Zebulon"}

    requested = await care.request(care.token("officer"))
    assert requested.code == 0, requested.err
    assert await care.remaining() == {*WORDS.values(), NUMBER}
    erased = await care.approve(care.token("caldicott"), _request(requested))

    assert erased.code == 0, erased.err
    assert await care.remaining() == set()
    assert await care.readable() == [*[""] * len(recorded), "not given"]
    assert await care.owed() == owed
    verified = await care.run("verify", "--live")
    assert verified.code == 0, verified.out
    await _assert_answer_is_gone(care)
    await _assert_replays_bring_nothing_back(care)
    await _assert_certificate(care, _request(requested))
    await _assert_a_later_referral_is_received(care)


async def _assert_a_later_referral_is_received(care: Care) -> None:
    """The person returns: the new words are theirs, the number is known again, and no earlier word is."""
    story = {"narrative": "Back from the seaside.", "contacts": []}
    received = await care.post("GP", "/referrals", {**care.body, "story": story}, **{"Idempotency-Key": str(new_id())})

    assert received.status_code == 201, received.text
    (person,) = await care.owner.fetch("SELECT * FROM referrals.person WHERE id = $1", care.person)
    assert (person["nhs_number"], person["given_name"], person["erased_at"]) == (NUMBER, "Zebulon", None)
    assert WORDS["narrative"] not in str(person["story"])


async def _assert_answer_is_gone(care: Care) -> None:
    repeated = await care.post("GP", "/referrals", care.body, **{"Idempotency-Key": care.key})

    assert (repeated.status_code, repeated.json()["code"]) == (409, "stored-response-unreadable")
    assert not [word for word in WORDS.values() if word in repeated.text]


async def _assert_replays_bring_nothing_back(care: Care) -> None:
    for context in CONTEXTS:
        republished = await care.run("republish", context, "--since", "2026-01-01")
        assert republished.code == 0, republished.err
    await wait_until_drained(care.owner)
    await asyncio.sleep(1)

    assert await care.remaining() == set()
    assert [name for name in await care.readable() if name] == ["not given"]
    assert [await care.owner.fetchval(f"SELECT count(*) FROM {context}.parked") for context in CONTEXTS] == [0] * 4  # noqa: S608
    verified = await care.run("verify", "--live")
    assert verified.code == 0, verified.out


def _request(requested: Result) -> str:
    """The id that `care erase` printed."""
    return requested.out.partition("Requested: ")[2].partition(".")[0]


async def _assert_certificate(care: Care, request: str) -> None:
    file = care.folder / "certificate.json"
    certificate = json.loads(file.read_text())

    assert (certificate["id"], certificate["people"], certificate["reason"]) == (request, [str(care.person)], "the person asked for it")
    assert [certificate[name].rpartition(" ")[2] for name in ("requested_by", "approved_by")] == ["officer", "caldicott"]
    assert certificate["erased"]["referrals"]["data keys"] == len(await care.readable()) - 1
    assert "genuine" in (await care.run("erase", "--check", str(file))).out
    audited = await care.owner.fetch("SELECT actor_id, action FROM referrals.audit WHERE action LIKE '%erasure%' ORDER BY id")
    assert [(row["actor_id"], row["action"].split(" ")[0]) for row in audited] == [("officer", "request"), *[("caldicott", "approve")] * 2]
    assert json.loads(await care.owner.fetchval("SELECT certificate FROM referrals.erasure")) == certificate
    assert "is complete" in (await care.approve(care.token("third"), request)).refusal
    file.write_text(json.dumps(certificate | {"reason": "nothing"}))
    assert "was altered" in (await care.run("erase", "--check", str(file))).refusal


async def test_erasure_without_a_second_person_is_refused(care: Care) -> None:
    officer, second = care.token("officer"), care.token("caldicott")
    nonsense = care.folder / "nonsense.token"
    nonsense.write_text("nonsense")

    assert "--reason TEXT" in (await care.request(officer, reason=" ")).refusal
    assert "No person has the id" in (await care.request(officer, person=new_id())).refusal
    request = _request(await care.request(officer))
    for token in (care.token("stranger", "referrals:refer"), care.token("outsider", organisation="W07")):
        assert "not of the information governance staff" in (await care.request(token)).refusal
        assert "not of the information governance staff" in (await care.approve(token, request)).refusal
    assert "is refused" in (await care.approve(str(nonsense), request)).refusal
    assert "requested this erasure" in (await care.approve(officer, request)).refusal
    assert "No request" in (await care.approve(second, request, person=new_id())).refusal
    assert "No request" in (await care.approve(second, str(new_id()))).refusal
    assert await care.remaining() == {*WORDS.values(), NUMBER}
