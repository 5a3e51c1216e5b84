"""After six weeks of care no name, number or word of a person stands outside of the restricted columns of the inventory of data.

Everything that the run leaves behind is searched: the dump of the database, the records and files of Kafka, the logs of all processes and
servers, metrics and refusals.
"""

import json
import os
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from aiokafka import AIOKafkaProducer

from infra.codegen.data_inventory import restricted_columns
from infra.contexts import CONTEXTS
from infra.demo.world import World
from infra.deploy.topics import declarations
from infra.dev_stack.local.paths import StackFolders, stack_folders
from infra.dev_stack.stack_state import endpoints
from infra.operations.erasure import command as erasure
from shared.kernel.ids import new_id
from shared.messaging.topics import Layout, create
from tests.builders.free_text import OF_COMMANDS, OF_REQUESTS
from tests.builders.left_behind import Found, in_database, in_files, in_metrics, in_topics, search_for
from tests.builders.safeguarding import a_concern
from tests.journeys.story_run import StoryRun

pytestmark = pytest.mark.timeout(400)

#: Of Mr Dale, as the demo has them, in his record, his story and his plan.
_MR_DALE = {
    "9990548609",
    "Colin",
    "1944-03-02",
    "Louise",
    "East Finchley",
    "speak slowly",
    "after ten in the morning",
    "Sally",
    "stay the night",
}
_NUMBER, _BORN = "9996382710", "1931-10-27"
#: Of a second person, whose requests are also refused in many ways.
_PLANTED = {_NUMBER, _BORN, "Zephyrine", "Quillbrook", "12 Wexcombe Rise", "020 7946 0137", "marmalade", "Thistlewood", "trombone"}
_WORDS = _MR_DALE | _PLANTED
#: Other forms in which a careless line could write them.
_FORMS = {"999 054 8609", "999 638 2710", "02/03/1944", "27/10/1931", "02079460137", "+442079460137", "quillbrook zephyrine"}

#: What staff write in every field that takes any text.
_NOTE = {"reason": "Thistlewood says that Zephyrine wants it so."}
#: What holds no word in this run: no value is corrected, each plan is answered, and the erasure is not approved.
_NOT_REACHED = {"referrals.person.former_values", "mdt.care_plan.offered", "referrals.erasure.certificate"}
#: Callers who have Mr Dale or the second person, each in their own service.
_GLASS_BREAKERS = {"/rapid-care": "rapid-care", "/mdt": "mdt-coordinator", "/navigation": "navigation-coordinator"}
#: The recorded move lies back for longer than it can be reversed.
_LONG_AGO = """
UPDATE referrals.life SET changes = jsonb_set(changes, '{0,recorded_at}', '"2015-01-01T09:00:00Z"') WHERE person_id = $1"""

#: A word that is planted.
_LEAK = "kaleidoscope"
_OCTETS = f"a {_LEAK.title()}".encode()
_ENCODED = b64encode(_OCTETS).decode()
#: Statements that plant the word, each with its values: in plain texts, in octets, and in base64 within octets or a document.
_PLANTED_IN_COLUMNS: tuple[tuple[str, tuple[Any, ...]], ...] = (
    (f"CREATE TABLE public.leak AS SELECT 'a {_LEAK}' AS text, '{{\"cursor\": \"{_ENCODED}\"}}'::jsonb AS document", ()),
    (
        "INSERT INTO mdt.idempotency (caller, key, fingerprint, body) VALUES ('leak', 'leak', '', $1)",
        (_OCTETS,),
    ),
    (
        """
        INSERT INTO rapid_care.parked
        (topic, partition, "offset", key, value, headers, digest, reason, counts_as_failure, blocks_key, is_authentic)
        VALUES ('leak', 0, 0, $1, $1, $2, '', 'leak', false, false, false)""",
        (_OCTETS, json.dumps([["ce_id", _ENCODED]]).encode()),
    ),
    (
        """
        INSERT INTO referrals.event
        (id, type, topic, subject, sequence, key, occurred_at, correlation_id, actor_org, actor_role, data, partition_day)
        SELECT id, 'leak', 'referrals.person-record', id, 1, id, now(), id, '', '', $1, 'infinity' FROM gen_random_uuid() AS id""",
        (_OCTETS,),
    ),
)
_UPROOTED = (
    "DROP TABLE IF EXISTS public.leak",
    "DELETE FROM mdt.idempotency WHERE caller = 'leak'",
    "DELETE FROM rapid_care.parked WHERE topic = 'leak'",
    "DELETE FROM referrals.event WHERE type = 'leak'",
)
#: What a log, a URL or a document may make of an address.
_WRITTEN = (
    "TROMBONE COTTAGE",
    "Trombone%20Cottage",
    "Trombone+Cottage",
    "\\x" + b"Trombone Cottage".hex(),
    "Trombone\\u0020Cottage",
    b64encode(b"Trombone Cottage").decode(),
    b64encode(b"Trombone%20Cottage").decode(),
    urlsafe_b64encode("Café?>~ Trombone Cottage".encode()).decode().rstrip("="),
    "\\x" + b64encode(b'{"data": "' + b64encode(b"Trombone Cottage") + b'"}').hex(),
)

_REFERRAL: dict[str, Any] = {
    "nhs_number": _NUMBER,
    "source": "gp",
    "reason": "urgent-deterioration",
    "urgency": "urgent",
    "condition": "pneumonia",
    "demographics": {
        "given_name": "Zephyrine",
        "family_name": "Quillbrook",
        "born_on": _BORN,
        "address": "12 Wexcombe Rise",
        "telephone": "020 7946 0137",
        "practice_code": "W07",
        "residence": "LBB",
    },
    "story": {
        "narrative": "Eats marmalade only.",
        "contacts": [{"name": "Thistlewood", "relationship": "neighbour", "lives_in": "Hendon"}],
    },
}


@dataclass(frozen=True)
class _Remains:
    """What the run left behind, by the place where it was found."""

    found: set[Found]
    refusals: list[int]
    is_environment_changed: bool

    def outside(self) -> set[Found]:
        allowed = restricted_columns()
        return {each for each in self.found if each[0] not in allowed}


@pytest.fixture(scope="module")
async def remains(story: StoryRun, tmp_path_factory: pytest.TempPathFactory) -> _Remains:
    world, environment = story.world, dict(os.environ)
    refusals = [*await _live(world), *await _be_refused(world)]
    await _write_notes(world, tmp_path_factory.mktemp("tokens"))
    await world.wait_until_drained()
    search = search_for(_WORDS | _FORMS)
    texts = {("refusal", word) for _, text in refusals for word in search(text.encode())}
    return _Remains(await _search(world, _WORDS | _FORMS) | texts, [status for status, _ in refusals], environment != dict(os.environ))


async def test_words_of_a_person_stand_in_restricted_places_alone(remains: _Remains) -> None:
    assert remains.outside() == set()


async def test_words_reached_every_service(remains: _Remains) -> None:
    """Else the search would prove nothing."""
    assert {word for _, word in remains.found} >= {word.lower() for word in _WORDS}
    assert {place.partition(".")[0] for place, _ in remains.found} >= set(CONTEXTS)
    assert set(remains.refusals) >= {400, 404, 412, 422, 428}


async def test_command_of_an_operator_keeps_the_environment(remains: _Remains) -> None:
    """The secrets of a stack would stay in the process, and its address after its end."""
    assert not remains.is_environment_changed


async def test_words_reached_every_column_of_free_text(remains: _Remains) -> None:
    stored = {column for columns in (*OF_REQUESTS.values(), OF_COMMANDS) for column in columns}

    assert stored - {place for place, _ in remains.found} == _NOT_REACHED


async def test_search_finds_a_planted_leak_in_each_place(story: StoryRun) -> None:
    owner, folders = story.world.owner, _folders(story.world)
    await owner.execute(f"DO $$ BEGIN RAISE LOG 'a {_LEAK}'; END $$")
    log = folders.root / "logs" / "leak.log"
    log.parent.mkdir(exist_ok=True)
    log.write_text(f"a {_LEAK}")
    try:
        found = await _search(story.world, {_LEAK, str(story.world.ids["person"]), "care_relay"})
    finally:
        log.unlink()

    assert {place for place, each in found if each == _LEAK} == {"file postgres.log", "file leak.log"}
    assert {place for place, each in found if each == str(story.world.ids["person"])} >= {"topic mdt.case", "topic referrals.person-record"}
    assert {place for place, each in found if each == "care_relay"} >= {f"metrics of worker {context}" for context in CONTEXTS}


async def test_search_finds_a_planted_leak_in_each_column(story: StoryRun) -> None:
    """In texts, documents and octets, whether a service should have sealed them or an operator is to read them."""
    url, owner = story.world.product.addresses.database_url, story.world.owner
    try:
        for statement, values in _PLANTED_IN_COLUMNS:
            await owner.execute(statement, *values)
        found = in_database(url, search_for([_LEAK]))
    finally:
        for statement in _UPROOTED:
            await owner.execute(statement)

    event, parked = "referrals.event", "rapid_care.parked"
    columns = {f"{event}.data", f"{parked}.key", f"{parked}.value", f"{parked}.headers", "mdt.idempotency.body"}
    assert {place for place, _ in found} == columns | {"public.leak.text", "public.leak.document"}
    assert in_database(url, search_for([_LEAK])) == set()


async def test_search_finds_a_planted_leak_in_each_record(story: StoryRun) -> None:
    """In the key, a header and the value of a compressed record; the broker's files have it too, because a topic is uncompressed."""
    addresses, planted = story.world.product.addresses, Layout("planted.", 1, 1, 1)
    [topic] = [each for each in declarations() if each.name == "referrals.person-record"]
    places = {"key": (_OCTETS, b"", None), "value": (b"", _OCTETS, None), "header": (b"", b"", _OCTETS)}
    for place, (key, value, header) in places.items():
        layout = replace(planted, prefix=f"planted-{place}.")
        await create(addresses.kafka_bootstrap, [topic], layout)
        async with AIOKafkaProducer(bootstrap_servers=addresses.kafka_bootstrap, compression_type="gzip") as producer:
            await producer.send_and_wait(layout.prefix + topic.name, value, key=key, headers=[("ce_id", header)])
        assert await in_topics(addresses.kafka_bootstrap, layout.prefix, search_for([_LEAK])) == {(f"topic {topic.name}", _LEAK)}

    assert {place for place, _ in in_files(_folders(story.world), search_for([_LEAK]))} >= {"file 00000000000000000000.log"}


@pytest.mark.parametrize("written", _WRITTEN)
def test_search_finds_a_word_in_each_writing(written: str) -> None:
    assert search_for(["Trombone Cottage"])(f"GET /people?address={written}, 200".encode()) == {"trombone cottage"}


async def _search(world: World, words: set[str]) -> set[Found]:
    search, product = search_for(words), world.product
    workers = endpoints(product.stack.name).metrics_ports
    return (
        in_database(product.addresses.database_url, search)
        | await in_topics(product.addresses.kafka_bootstrap, product.layout.prefix, search)
        | in_files(_folders(world), search)
        | await in_metrics(world.http, workers, search)
    )


def _folders(world: World) -> StackFolders:
    return stack_folders(world.product.stack.name)


async def _live(world: World) -> list[tuple[int, str]]:
    """The second person is referred twice, differently, and seen by staff who must write why."""
    gp, access = world.caller("gp"), world.caller("point-of-access")
    receipt = await gp.create("/referrals", _REFERRAL)
    moved = {**_REFERRAL["demographics"], "address": "Trombone Cottage", "born_on": "1931-10-28"}
    await gp.create("/referrals", {**_REFERRAL, "demographics": moved})
    path = f"/referrals/{receipt['id']}"
    await access.act(path, "triage", {"urgency": "urgent", "is_complex": False, "reason": "Zephyrine coughs; Thistlewood called."})
    await access.act(path, "route", {"route": "rapid-care", "service_code": "rapid-care"})
    await access.create(f"/referrals/people/{receipt['person_id']}/break-glass", {"reason": "emergency", "explanation": "Zephyrine fell."})
    for criterion in ({"nhs_number": _NUMBER}, {"family_name": "Quillbrook", "born_on": _BORN}, {"telephone": "020 7946 0137"}):
        await access.create("/referrals/people/search", criterion)
    await _fail_in_the_database(world, UUID(receipt["person_id"]))
    return await _conflict(world, path)


async def _conflict(world: World, path: str) -> list[tuple[int, str]]:
    """Without a version and with an old one, again under the same key, and by a stranger."""
    triage = {"urgency": "urgent", "is_complex": False, "reason": "Quillbrook"}
    key = {"Idempotency-Key": f"{_NUMBER} Quillbrook"}
    return [
        await _answer(world, "point-of-access", "POST", f"{path}/triage", triage),
        await _answer(world, "point-of-access", "POST", f"{path}/triage", triage, **{"If-Match": 'W/"1"'}),
        await _answer(world, "gp", "POST", "/referrals", _REFERRAL, **key),
        await _answer(world, "gp", "POST", "/referrals", {**_REFERRAL, "condition": "copd"}, **key),
        await _answer(world, "clch-navigator-1", "GET", path),
    ]


async def _fail_in_the_database(world: World, person: UUID) -> None:
    """As a defect of a service would: PostgreSQL quotes the row, unless it is set not to."""
    with suppress(asyncpg.IntegrityConstraintViolationError):
        await world.owner.execute("UPDATE referrals.person SET family_name = NULL, given_name = $2 WHERE id = $1", person, "Zephyrine")


async def _be_refused(world: World) -> list[tuple[int, str]]:
    body = json.dumps(_REFERRAL)
    demographics = _REFERRAL["demographics"]
    bodies = [
        {**_REFERRAL, "urgency": "routine", "nhs_number": "9996382711"},
        {**_REFERRAL, "urgency": "routine", "demographics": {**demographics, "born_on": "Zephyrine"}},
        {**_REFERRAL, "urgency": "routine", "demographics": {**demographics, "practice_code": "Quillbrook"}},
        {**_REFERRAL, "urgency": "Quillbrook"},
        {**_REFERRAL, "Zephyrine": "Quillbrook"},
        {**_REFERRAL, "story": {"narrative": ["marmalade"]}},
        ["Zephyrine"],
    ]
    answers = [await _answer(world, "gp", "POST", "/referrals", each, **{"Idempotency-Key": str(new_id())}) for each in bodies]
    for caller, path in (
        ("gp", f"/referrals/{_NUMBER}"),
        ("point-of-access", f"/referrals/people/{_NUMBER}"),
        ("point-of-access", f"/referrals/people?nhs_number={_NUMBER}"),
        ("point-of-access", "/referrals/people/Zephyrine%20Quillbrook/timeline"),
        ("rapid-care", f"/rapid-care/people/{_NUMBER}/story"),
        ("mdt-coordinator", f"/mdt/cases?person_id={_NUMBER}"),
        ("clch-navigator-1", f"/navigation/people/{_NUMBER}/tasks?Quillbrook=1"),
        ("gp", f"/Zephyrine/{_NUMBER}"),
    ):
        answers.append(await _answer(world, caller, "GET", path))
    half = await world.http.post("/referrals", content=body[:-9], headers=_bearer(world, "gp") | {"Content-Type": "application/json"})
    risk = f"nhs_number,practice,ratio,level,valid_from\n{_NUMBER},W07,Zephyrine,,Quillbrook\n{_NUMBER}1,W07,2.0,,2026-09-06\n"
    headers = {"Content-Type": "text/csv", "Idempotency-Key": str(new_id())}
    report = await world.http.post("/mdt/risk/imports", content=risk, headers=_bearer(world, "risk-analyst") | headers)
    return [*answers, (half.status_code, half.text), (report.status_code, report.text)]


async def _answer(world: World, caller: str, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, str]:
    """The status, and the text of a refusal; the answer of a success may repeat what the caller sent."""
    response = await world.http.request(method, path, json=body, headers=_bearer(world, caller) | headers)
    return response.status_code, "" if response.is_success else f"{response.headers} {response.text}"


def _bearer(world: World, caller: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {world.caller(caller).bearer}"}


async def _write_notes(world: World, folder: Path) -> None:
    """Each text that a member of staff or a referrer may write beside the first referral, about the second person."""
    person = await world.owner.fetchval("SELECT id FROM referrals.person WHERE nhs_number = $1", _NUMBER)
    await _decide(world, str(person))
    await _part(world, str(person))
    await _raise_and_close(world, str(person))
    await world.wait_until_drained()
    for prefix, caller in _GLASS_BREAKERS.items():
        known = person if caller == "rapid-care" else world.ids["person"]
        act = {"reason": "emergency", "explanation": "Thistlewood called for Zephyrine."}
        await world.caller(caller).create(f"{prefix}/people/{known}/break-glass", act)
    token = folder / "officer.token"
    token.write_text(world.caller("information-governance").bearer)
    await erasure.request(person, world.product.stack.name, token=token, reason=_NOTE["reason"])


async def _decide(world: World, person: str) -> None:
    """A proposal is dismissed, a question asked and answered, and an end by mistake reversed."""
    gp, access = world.caller("gp"), world.caller("point-of-access")
    contact = {"name": "Thistlewood", "relationship": "neighbour", "lives_in": "East Finchley"}
    demographics = {**_REFERRAL["demographics"], "address": "Trombone Cottage"}
    story = {"narrative": "Eats marmalade only.", "contacts": [contact]}
    path = await _refer(world, {"reason": "falls", "demographics": demographics, "story": story})
    proposed = [each["id"] for each in (await access.get("/referrals/proposals"))["items"] if each["person_id"] == person]
    await access.act(f"/referrals/proposals/{proposed[0]}", "dismissal", _NOTE)
    await access.act(path, "information-request", {"question": "Does Thistlewood have a key?"})
    await gp.act(path, "information", {"answer": "Thistlewood has one."})
    await gp.act(path, "amendment", {"information": "Thistlewood is away.", "telephone": "020 7946 0137"})
    await gp.act(path, "cancellation", {"reason": "sent-in-error"})
    await access.act(path, "reopening", _NOTE)


async def _part(world: World, person: str) -> None:
    """A record without a number is merged by mistake; its person moves away, by mistake, and comes back after all."""
    access = world.caller("point-of-access")
    demographics = {**_REFERRAL["demographics"], "practice_code": "E85001"}
    path = await _refer(world, {"nhs_number": "Quillbrook", "demographics": demographics})
    other = (await access.get(path))["person_id"]
    await access.act(path, "discrepancy-resolution", {"discrepancy": "practice-unknown", **_NOTE})
    await access.act(path, "triage", {"urgency": "urgent", "is_complex": False, **_NOTE})
    await access.act(path, "route", {"route": "rapid-care", "service_code": "rapid-care", "override_reason": _NOTE["reason"]})
    identity, life = f"/referrals/people/{other}/identity", f"/referrals/people/{other}/life"
    await access.change(identity, f"/referrals/people/{other}/merge", {"into": person})
    await access.change(identity, f"/referrals/people/{other}/separation", _NOTE)
    for step, body in (("move", {}), ("restoration", _NOTE), ("move", {})):
        await access.change(life, f"/referrals/people/{other}/{step}", body)
    await world.owner.execute(_LONG_AGO, UUID(other))
    await access.change(life, f"/referrals/people/{other}/return", _NOTE)


async def _refer(world: World, changes: Mapping[str, Any]) -> str:
    receipt = await world.caller("gp").create("/referrals", {**_REFERRAL, **changes})
    return f"/referrals/{receipt['id']}"


async def _raise_and_close(world: World, person: str) -> None:
    council = world.caller("council")
    named = {"raiser_name": "Thistlewood", "raiser_telephone": "020 7946 0137", "account": "Thistlewood has her purse."}
    await world.caller("gp").create("/referrals/safeguarding-concerns", a_concern(person, **named))
    [concern] = (await council.get("/referrals/safeguarding-concerns"))["items"]
    path = f"/referrals/safeguarding-concerns/{concern['id']}"
    await council.act(path, "acknowledgement")
    await council.act(path, "closure", {"outcome": "enquiry-opened", **_NOTE})
