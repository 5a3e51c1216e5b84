"""`care erase` removes a person's words in the middle of their care, and leaves what they are owed."""

import asyncio
import json
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from infra.contexts import CONTEXTS
from infra.dev_stack.drain import wait_until_drained
from infra.operations.erasure import certificate as certificates
from infra.operations.erasure.certificate import Certificate
from shared.clock import wall_clock
from shared.contracts.encryption import DecryptionFailed, place
from shared.contracts.persons import PersonRecordRecorded
from shared.kernel.ids import new_id
from shared.messaging.kafka_settings import KafkaSettings
from shared.persistence.parked_records import park_undecodable
from shared.persistence.transaction import RequestContext, Transaction
from tests.builders.mdt import QUORUM, a_discussion
from tests.builders.referral_request import REFERRAL
from tests.integration.cli.care_process import Result, RunningProduct, Workspace, care_up
from tests.integration.cli.erasure_search import ErasureSearch
from tests.integration.cli.governance import Governance, request_id
from tests.integration.cli.kafka_access import secrets
from tests.integration.cli.words_of_a_person import BORN, NUMBER, STORED, WAITING, WORDS
from tests.integration.shared.relay_harness import read_topic

_REASON = "The person asked for it in a letter of Tuesday."
_SEALED = "SELECT * FROM referrals.event WHERE topic = 'referrals.person-record' AND key = $1 ORDER BY sequence"
#: Status and owner of what is open in each context; the deadlines are compared for themselves.
_STATES = (
    "SELECT status, urgency, practice_code, due_at FROM referrals.referral WHERE person_id = $1 ORDER BY id",
    "SELECT status, clinician_id FROM rapid_care.response WHERE person_id = $1",
    "SELECT status, slot, meeting_starts_at FROM mdt.case WHERE person_id = $1",
    "SELECT status, navigator_id, due_at FROM navigation.task WHERE person_id = $1",
)
#: What the reads of the services show of the person, among others.
_READ = ("given_name", "family_name", "address", "narrative", "contact", "plan", "account")
_TOPICS_WITH_WORDS = ("referrals.person-record", "mdt.care-plan-record", "mdt.safeguarding")
_PLANT = """
UPDATE referrals.person SET family_name_form = $2, address_form = $3, telephone_form = $4, number_as_typed = $5, born_on = $6
WHERE id = $1"""
_PLANT_OCTETS = "UPDATE referrals.idempotency SET body = $2 WHERE $1::uuid = ANY(event_keys)"
_CONCERNS = "/referrals/safeguarding-concerns"
_SEALED_CONCERNS = """
SELECT topic, count(*) AS events, count(data_key) AS readable FROM {context}.event WHERE topic LIKE '%.safeguarding' GROUP BY topic"""
_OPEN = "SELECT kind, due_at, state FROM {context}.deadline WHERE state = 'pending' ORDER BY due_at, kind"


@dataclass(frozen=True)
class Care:
    """A product in the middle of a person's care: an amended referral, a response with its clock, a case with a plan, and a task.

    A member of staff has broken the glass. The council has closed one of two safeguarding concerns about the person.

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

    async def get(self, caller: str, path: str) -> Any:
        async with httpx.AsyncClient(base_url=self.product.url) as http:
            response = await http.get(path, headers={"Authorization": f"Bearer {self.product.token(caller)}"})
        assert response.status_code == 200, response.text
        return response.json()

    async def post(self, caller: str, path: str, body: Mapping[str, Any] | None, **headers: str) -> httpx.Response:
        async with httpx.AsyncClient(base_url=self.product.url) as http:
            authorization = {"Authorization": f"Bearer {self.product.token(caller)}"}
            return await http.post(path, json=body, headers=authorization | headers)

    @property
    def governance(self) -> Governance:
        return Governance(self.product, self.folder)

    @property
    def search(self) -> ErasureSearch:
        return ErasureSearch(self.product, self.owner, self.person)

    async def remaining(self) -> set[str]:
        """The words, the number, the date of birth and their forms that the dump of the database still contains, in small letters."""
        return {word for _, word in self.search.in_dump()}

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

    async def sealed_concerns(self) -> set[tuple[str, int, int]]:
        """The topics of the concerns, each with the number of its events and of those that the deployment can open."""
        found = [row for context in CONTEXTS for row in await self.owner.fetch(_SEALED_CONCERNS.format(context=context))]
        return {(row["topic"], row["events"], row["readable"]) for row in found}

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
            await _agree_a_plan(begun)
            await _break_the_glass(begun)
            await _raise_concerns(begun)
            await wait_until_drained(owner)
            yield begun
        finally:
            await owner.close()


async def _begin(product: RunningProduct, owner: "asyncpg.Connection[asyncpg.Record]", folder: Path) -> Care:
    named = {name: WORDS[name] for name in ("given_name", "family_name", "address", "telephone")}
    demographics = {"born_on": BORN, "practice_code": "W07", "residence": "LBB", **named}
    contact = {"name": WORDS["contact"], "relationship": WORDS["relationship"]}
    story = {"narrative": WORDS["narrative"], "contacts": [contact]}
    body = {**REFERRAL, "nhs_number": NUMBER, "demographics": demographics, "story": story}
    del body["condition"]
    care = Care(product, owner, folder, new_id(), body, str(new_id()))
    referral = await _refer(care, body, care.key, "urgent", ("rapid-care", "rapid-care"))
    await _change(care, "GP", referral, "amendment", {"information": WORDS["information"], "telephone": WORDS["amended telephone"]})
    await _write_notes(care, referral)
    later = body | {"urgency": "routine"}
    await _refer(care, later | {"reason": "complex-needs"}, str(new_id()), "routine", ("mdt", "mdt"))
    await _refer(care, later | {"reason": "enablement"}, str(new_id()), "routine", ("navigation", "care-navigation"))
    return replace(care, person=await owner.fetchval("SELECT person_id FROM referrals.referral WHERE id = $1", referral))


async def _write_notes(care: Care, referral: UUID) -> None:
    """The words of staff about a missing condition, a question, a telephone that is not the person's, and an end by mistake."""
    settled = {"discrepancy": "condition-missing", "reason": WORDS["resolution"]}
    await _change(care, "POINT_OF_ACCESS", referral, "discrepancy-resolution", settled)
    await _change(care, "POINT_OF_ACCESS", referral, "information-request", {"question": WORDS["question"]})
    await _change(care, "GP", referral, "information", {"answer": WORDS["information"]})
    [proposal] = (await care.get("POINT_OF_ACCESS", "/referrals/proposals"))["items"]
    path = f"/referrals/proposals/{proposal['id']}/dismissal"
    await _command(care, "POINT_OF_ACCESS", path, proposal["version"], {"reason": WORDS["dismissal"]})


async def _end_by_mistake(care: Care, referral: UUID) -> None:
    await _change(care, "GP", referral, "cancellation", {"reason": "sent-in-error"})
    await _change(care, "POINT_OF_ACCESS", referral, "reopening", {"reason": WORDS["reopening"]})


async def _refer(care: Care, body: Mapping[str, Any], key: str, urgency: str, to: tuple[str, str]) -> UUID:
    """The referral is triaged, with words, and routed."""
    received = await care.post("GP", "/referrals", body, **{"Idempotency-Key": key})
    assert received.status_code == 201, received.text
    referral, (route, service) = UUID(received.json()["id"]), to
    if route == "navigation":
        await _end_by_mistake(care, referral)
    decision = {"urgency": urgency, "is_complex": route == "mdt", "reason": WORDS["triage"]}
    await _change(care, "POINT_OF_ACCESS", referral, "triage", decision)
    await _change(care, "POINT_OF_ACCESS", referral, "route", {"route": route, "service_code": service})
    return referral


async def _change(care: Care, caller: str, referral: UUID, step: str, body: Mapping[str, Any]) -> None:
    version = await care.owner.fetchval("SELECT version FROM referrals.referral WHERE id = $1", referral)
    await _command(care, caller, f"/referrals/{referral}/{step}", version, body)


async def _command(care: Care, caller: str, path: str, version: int, body: Mapping[str, Any] | None = None) -> Any:
    done = await care.post(caller, path, body, **{"If-Match": f'W/"{version}"'})
    assert done.status_code == 200, done.text
    return done.json()


async def _agree_a_plan(care: Care) -> None:
    """The meeting is brought forward, because a local stack does not travel in time."""
    case = await care.owner.fetchrow('SELECT id, version FROM mdt."case" WHERE person_id = $1', care.person)
    assert case
    path = f"/mdt/cases/{case['id']}"
    listed = await _command(care, "MDT_COORDINATOR", f"{path}/screening", case["version"], {"outcome": "eligible"})
    meeting = UUID(listed["meeting_id"])
    starts_at = await care.owner.fetchval("UPDATE mdt.meeting SET starts_at = now() WHERE id = $1 RETURNING OLD.starts_at", meeting)
    version = await care.owner.fetchval("SELECT version FROM mdt.meeting WHERE id = $1", meeting)
    await _command(care, "MDT_COORDINATOR", f"/mdt/meetings/{meeting}/attendance", version, {"attended": QUORUM})
    crisis = {"warning_signs": WORDS["crisis"], "what_to_do": "Wait.", "whom_to_call": "Rapid Care."}
    plan = {"what_matters": WORDS["plan"], "preferred_place_of_care": "home", "crisis": crisis}
    body = a_discussion(wall_clock().date(), joint_plan=plan)
    await _command(care, "MDT_COORDINATOR", f"{path}/discussion", listed["version"], body)
    await care.owner.execute("UPDATE mdt.meeting SET starts_at = $1 WHERE id = $2", starts_at, meeting)


async def _break_the_glass(care: Care) -> None:
    body = {"reason": "emergency", "explanation": WORDS["explanation"]}
    begun = await care.post("POINT_OF_ACCESS", f"/referrals/people/{care.person}/break-glass", body, **{"Idempotency-Key": str(new_id())})
    assert begun.status_code == 201, begun.text


async def _raise_concerns(care: Care) -> None:
    """Two accounts from two services of one that the council closes; one more from a third service waits."""
    named = {"raiser_name": WORDS["raiser"]}
    await _raise(care, "GP", "/referrals", kind="financial", account=WORDS["account"], **named)
    await _raise(care, "MDT_COORDINATOR", "/mdt", kind="financial", account=WORDS["further account"], **named)
    await _close_the_concern(care)
    await _raise(care, "NAVIGATION_COORDINATOR", "/navigation", kind="neglect", account=WAITING)


async def _raise(care: Care, caller: str, prefix: str, **form: Any) -> None:
    body = {"person_id": str(care.person), **form}
    received = await care.post(caller, f"{prefix}/safeguarding-concerns", body, **{"Idempotency-Key": str(new_id())})
    assert received.status_code == 202, received.text
    await wait_until_drained(care.owner)


async def _close_the_concern(care: Care) -> None:
    """The council acknowledges and closes the open concern, which it has read."""
    [concern] = (await care.get("COUNCIL", _CONCERNS))["items"]
    path = f"{_CONCERNS}/{concern['id']}"
    acknowledged = await _command(care, "COUNCIL", f"{path}/acknowledgement", (await care.get("COUNCIL", path))["version"])
    decision = {"outcome": "enquiry-opened", "reason": WORDS["decision"]}
    await _command(care, "COUNCIL", f"{path}/closure", acknowledged["version"], decision)


@pytest.mark.timeout(300)
async def test_erased_person_leaves_no_words_and_keeps_care(care: Care) -> None:
    owed, staff = await care.owed(), care.governance
    assert [len(each) for each in owed[:4]] == [3, 1, 1, 2]
    assert await care.remaining() == STORED
    await _assert_every_reader_has_words(care)
    recorded = await care.readable()
    assert set(recorded) == {"Zebulon"}
    await _park_a_copy(care)

    requested = await staff.request(care.person, staff.token("officer"), _REASON)
    assert requested.code == 0, requested.err
    await _assert_request_is_shown(care, request_id(requested))
    erased = await staff.approve(care.person, staff.token("caldicott"), request_id(requested))

    assert erased.code == 0, erased.err
    assert await care.remaining() == {WAITING.lower()}
    assert await care.readable() == [*[""] * len(recorded), "not given"]
    assert await care.sealed_concerns() == {("referrals.safeguarding", 5, 1), ("mdt.safeguarding", 1, 0), ("navigation.safeguarding", 1, 1)}
    assert await care.owed() == owed
    verified = await care.run("verify", "--live")
    assert verified.code == 0, verified.out
    await _assert_answer_is_gone(care)
    await _assert_replays_bring_nothing_back(care, {WAITING.lower()})
    await _assert_nothing_is_read(care, {WAITING.lower()})
    await _assert_certificate(care, request_id(requested))
    await _assert_concern_is_erased_once_closed(care)
    await _assert_remaining_forms_are_found(care)
    await _assert_a_later_referral_is_received(care)


async def _assert_every_reader_has_words(care: Care) -> None:
    """Else the searches after the erasure would prove nothing. Logs and metrics have no word before it either."""
    reads, traces = await care.search.in_reads(), await care.search.in_traces()

    assert {place for place, _ in reads} == {*CONTEXTS, "search"}
    assert {word for _, word in reads} >= {WORDS[name].lower() for name in _READ} | {NUMBER, BORN}
    assert {place for place, _ in traces} >= {f"kept in {topic}" for topic in _TOPICS_WITH_WORDS}
    assert {place for place, _ in traces if not place.startswith("kept in ")} == set()


async def _assert_nothing_is_read(care: Care, remaining: set[str]) -> None:
    found = await care.search.in_reads() | await care.search.in_traces()
    assert {each for each in found if each[1] not in remaining} == set()
    assert {word for _, word in found} == remaining


async def _assert_remaining_forms_are_found(care: Care) -> None:
    """Normal forms, a date, a spaced number and octets in capitals, as if the erasure had left them."""
    forms = {"family_name_form": "quillfeather", "address_form": "7 larkspur mews", "telephone_form": "7700900123"}
    planted = {**forms, "number_as_typed": "999 054 8609", "born_on": BORN}
    await care.owner.execute(_PLANT, care.person, *forms.values(), planted["number_as_typed"], date.fromisoformat(BORN))
    await care.owner.execute(_PLANT_OCTETS, care.person, b"for ZEBULON")
    found = care.search.in_dump()
    await care.owner.execute(_PLANT, care.person, None, None, None, None, None)
    await care.owner.execute(_PLANT_OCTETS, care.person, None)

    assert found == {*((f"referrals.person.{name}", form) for name, form in planted.items()), ("referrals.idempotency.body", "zebulon")}
    assert await care.remaining() == set()


async def _assert_request_is_shown(care: Care, request: str) -> None:
    """Who is to approve the erasure reads why; the audit, which is never erased, does not say it."""
    shown = await care.governance.read(care.person, care.governance.token("caldicott"), request)

    assert shown.code == 0, shown.err
    assert (_REASON in shown.out, "officer" in shown.out) == (True, True)
    assert await care.remaining() == STORED
    actions = await care.owner.fetch("SELECT action FROM referrals.audit WHERE action LIKE '%erasure%' ORDER BY id")
    assert [row["action"] for row in actions] == [f"request erasure {request}", f"read erasure {request}"]


async def _park_a_copy(care: Care) -> None:
    """A record of the person, as Kafka has it, waits for an operator in a service."""
    variables = care.product.workspace.variables
    kafka = KafkaSettings(bootstrap=variables["KAFKA_BOOTSTRAP_SERVERS"], prefix=variables["CARE_TOPIC_PREFIX"])
    record = next(each for each in await read_topic(kafka, PersonRecordRecorded.TOPIC) if each.key == str(care.person).encode())
    connection = await asyncpg.connect(care.product.workspace.database_url, server_settings={"search_path": "rapid_care"})
    try:
        request = RequestContext.of_system("park")
        tx = Transaction(connection, now=wall_clock(), request=request, policy=None, secrets=secrets(care.product))
        await park_undecodable(tx, record, "the key of the event was absent")
    finally:
        await connection.close()


async def _assert_concern_is_erased_once_closed(care: Care) -> None:
    await _close_the_concern(care)
    await care.governance.erase(care.person, "later.json")

    assert await care.remaining() == set()
    await _assert_nothing_is_read(care, set())
    assert {readable for _, _, readable in await care.sealed_concerns()} == {0}


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


async def _assert_replays_bring_nothing_back(care: Care, remaining: set[str]) -> None:
    replayed = await care.run("replay", "rapid_care", "--all")
    assert (replayed.code, "Applied: 0" in replayed.out) == (0, True), replayed.out
    for context in CONTEXTS:
        republished = await care.run("republish", context, "--since", "2026-01-01")
        assert republished.code == 0, republished.err
    await wait_until_drained(care.owner)
    await asyncio.sleep(1)

    assert await care.remaining() == remaining
    assert [name for name in await care.readable() if name] == ["not given"]
    assert [await care.owner.fetchval(f"SELECT count(*) FROM {context}.parked") for context in CONTEXTS] == [0] * 4  # noqa: S608
    verified = await care.run("verify", "--live")
    assert verified.code == 0, verified.out


async def _assert_certificate(care: Care, request: str) -> None:
    file = care.folder / "certificate.json"
    certificate = json.loads(file.read_text())

    assert (certificate["id"], certificate["people"], certificate["reason"]) == (request, [str(care.person)], _REASON)
    assert [certificate[name].rpartition(" ")[2] for name in ("requested_by", "approved_by")] == ["officer", "caldicott"]
    assert certificate["erased"]["referrals"]["data keys"] == len(await care.readable()) - 1
    assert ("those of open ones stay" in certificate["safeguarding"], "safeguarding" in str(certificate["erased"])) == (True, False)
    assert "genuine" in (await care.governance.check()).out
    audited = await care.owner.fetch("SELECT actor_id, action FROM referrals.audit WHERE action LIKE '%erasure%' ORDER BY id")
    assert [(row["actor_id"], row["action"].split(" ")[0]) for row in audited] == [
        ("officer", "request"),
        ("caldicott", "read"),
        *[("caldicott", "approve")] * 2,
    ]
    assert json.loads(await care.owner.fetchval("SELECT certificate FROM referrals.erasure")) == certificate
    third = care.governance.token("third")
    assert "is complete" in (await care.governance.approve(care.person, third, request, "third.json")).refusal
    file.write_text(json.dumps(certificate | {"reason": "nothing"}))
    assert "was altered" in (await care.governance.check()).refusal


@asynccontextmanager
async def _refused_names(care: Care) -> AsyncIterator[None]:
    """The record without words fails in the handler of Rapid Care."""
    await care.owner.execute("ALTER TABLE rapid_care.person ADD CONSTRAINT fault CHECK (record->>'given_name' <> 'not given') NOT VALID")
    try:
        yield
    finally:
        await care.owner.execute("ALTER TABLE rapid_care.person DROP CONSTRAINT IF EXISTS fault")


@pytest.mark.timeout(300)
async def test_parked_record_is_named_and_replayed(care: Care) -> None:
    """An operator repairs the cause, applies the record as the message says, and the approval is repeated."""
    staff, person = care.governance, care.person
    request, second = request_id(await staff.request(person, staff.token("officer"))), staff.token("caldicott")
    async with _refused_names(care):
        blocked = (await staff.approve(person, second, request)).refusal
    parked = await care.owner.fetchval("SELECT min(id) FROM rapid_care.parked WHERE key = $1", str(person).encode())

    assert f"rapid_care has parked the person's record {parked}: `care parked rapid_care` states why" in blocked
    assert blocked.endswith("Then repeat the approval.")
    assert WORDS["account"].lower() in await care.remaining()
    _, _, after = blocked.partition(f"`care replay rapid_care {parked}`")
    assert after
    replayed = await care.run("replay", "rapid_care", str(parked))
    assert replayed.code == 0, replayed.err
    erased = await staff.approve(person, second, request)
    assert erased.code == 0, erased.err
    assert await care.remaining() == {WAITING.lower()}


async def test_printed_public_key_checks_a_certificate(workspace: Workspace, tmp_path: Path) -> None:
    """The machine that checks has neither a stack nor a database nor a secret."""
    printed = (await workspace.run("erase", "--new-key")).out.splitlines()
    signing, public = (line.rpartition(" ")[2] for line in printed)
    file = tmp_path / "certificate.json"
    unsigned = Certificate("id", ["person"], "a letter", "one", "then", "another", "then", "later", {}, "soon", "some stay")
    certificates.write(certificates.sign(unsigned, Ed25519PrivateKey.from_private_bytes(b64decode(signing))), file)

    checked = await workspace.run("erase", "--check", str(file), DATABASE_URL="", CARE_ERASURE_PUBLIC_KEYS=public)

    assert (checked.code, "genuine: person erased at later" in checked.out) == (0, True), checked.err
    assert "CARE_ERASURE_PUBLIC_KEYS is not set" in (await workspace.run("erase", "--check", str(file))).refusal
    other = await workspace.run("erase", "--check", str(file), CARE_ERASURE_PUBLIC_KEYS=signing)
    assert "does not name" in other.refusal


async def test_erasure_without_a_second_person_is_refused(care: Care) -> None:
    staff, person = care.governance, care.person
    officer, second = staff.token("officer"), staff.token("caldicott")
    nonsense = care.folder / "nonsense.token"
    nonsense.write_text("nonsense")

    assert "--reason TEXT" in (await staff.request(person, officer, reason=" ")).refusal
    assert "No person has the id" in (await staff.request(new_id(), officer)).refusal
    request = request_id(await staff.request(person, officer))
    for token in (staff.token("stranger", "referrals:refer"), staff.token("outsider", organisation="W07")):
        assert "not of the information governance staff" in (await staff.request(person, token)).refusal
        assert "not of the information governance staff" in (await staff.read(person, token, request)).refusal
        assert "not of the information governance staff" in (await staff.approve(person, token, request)).refusal
    assert "is refused" in (await staff.approve(person, str(nonsense), request)).refusal
    assert "requested this erasure" in (await staff.approve(person, officer, request)).refusal
    assert "No request" in (await staff.approve(new_id(), second, request)).refusal
    assert "No request" in (await staff.read(new_id(), second, request)).refusal
    assert "No request" in (await staff.approve(person, second, str(new_id()))).refusal
    key = b64encode(bytes(32)).decode()
    approval = ("erase", str(person), "--token", second, "--approve", request, "--certificate", str(care.folder / "foreign.json"))
    foreign = await care.product.workspace.run(*approval, "--name", care.product.name, CARE_ERASURE_SIGNING_KEY=key)
    assert "does not have the public half" in foreign.refusal
    assert await care.remaining() == STORED
