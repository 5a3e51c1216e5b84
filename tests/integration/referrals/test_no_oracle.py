"""The answers to a stranger's referral are equal for a person with and without a stored contact, telephone or preference."""

import re
from datetime import timedelta
from typing import Any

import pytest

from shared.contracts.codes import RiskLevel
from shared.contracts.mdt import RiskHighClimberFound
from shared.kernel.ids import new_id
from tests.builders.query_log import logged_statements
from tests.builders.referrals import DALE, MONDAY, OTHER_PERSON, ReferralsClient, a_body, a_demographics_body

_CONTACT = {"name": "Louise", "relationship": "daughter", "telephone": "020 7946 0998"}
_TELEPHONE = "020 7946 0999"
_STORED: dict[str, dict[str, Any]] = {
    "contact": {"story": {"narrative": "He fell.", "contacts": [_CONTACT]}},
    "telephone": {"demographics": a_demographics_body(telephone=_TELEPHONE)},
    "preference": {"sharing": "withheld", "sharing_stated_by": "person"},
}
_BARE = {"story": {"narrative": "He fell."}, "demographics": a_demographics_body()}
_NUMBER_ALONE = {"demographics": None, "story": None}
_ONE_OF_ITS_OWN = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}|CPA-[0-9A-Z]{4}-[0-9A-Z]{4}|\d{4}-\d{2}-\d{2}T[0-9:.]+Z")
_RESOLVED = {"discrepancy": "details-unconfirmed", "reason": "He confirmed it."}


async def _everything(client: ReferralsClient, sent: dict[str, Any]) -> list[Any]:
    """What the stranger reads of its referral, without ids and times."""
    stranger = client.gp("W08")
    pages = [
        await client.get(f"/{sent['id']}", stranger),
        await client.get("", stranger, reference=sent["reference"]),
        await client.get(f"/{sent['id']}/timeline", stranger),
        await client.get(f"/{sent['id']}/actions", stranger),
        await client.get(f"/people/{sent['person_id']}/contact", stranger),
        await client.get(f"/people/{sent['person_id']}/responsible", stranger),
    ]
    listed = [page["items"] for page in [(await client.get("", stranger)).json()]]
    own = [each for items in listed for each in items if each["id"] == sent["id"]]
    return [_plain(each.json()) for each in pages] + [_plain(own), pages[0].headers.get("etag")]


def _plain(answer: Any) -> str:
    return _ONE_OF_ITS_OWN.sub("-", str(answer))


async def _known(client: ReferralsClient, number: str, stored: dict[str, Any]) -> dict[str, Any]:
    return await client.refer(caller=client.ambulance, source="ambulance", nhs_number=number, **{**_BARE, **stored})


async def _marked(client: ReferralsClient) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = (await client.get("/work", section="discrepancies", discrepancy="details-unconfirmed")).json()["items"]
    return items


@pytest.mark.parametrize("stored", _STORED)
@pytest.mark.parametrize("reason", ["falls", "community-nursing"])
async def test_referral_shows_nothing_of_the_record(client: ReferralsClient, stored: str, reason: str) -> None:
    """Alone, and merged into the referral of another organisation. Staff see the mark, and resolve it."""
    known = await _known(client, DALE, _STORED[stored])
    unknown = await _known(client, OTHER_PERSON, {})
    guess = {**_BARE, **_STORED[stored], "reason": reason}

    receipts = [await client.refer(caller=client.gp("W08"), nhs_number=number, **guess) for number in (DALE, OTHER_PERSON)]

    assert _plain(receipts[0]) == _plain(receipts[1])
    assert await _everything(client, receipts[0]) == await _everything(client, receipts[1])
    [marked] = await _marked(client)
    assert marked["id"] == (receipts[1] if reason == "falls" else unknown)["id"]
    assert await _plain_of_ambulance(client, known) == await _plain_of_ambulance(client, unknown)
    await client.command(marked["id"], "discrepancy-resolution", _RESOLVED)
    assert await _everything(client, receipts[0]) == await _everything(client, receipts[1])


async def _plain_of_ambulance(client: ReferralsClient, sent: dict[str, Any]) -> str:
    """The referral that may have been joined, as its own referrer sees its version and marks."""
    seen = (await client.get(f"/{sent['id']}", client.ambulance)).json()
    return _plain((seen["version"], seen["discrepancies"], seen["discrepancies_due_at"]))


@pytest.mark.parametrize("stored", _STORED)
async def test_number_alone_shows_nothing_of_the_record(client: ReferralsClient, stored: str) -> None:
    await _known(client, DALE, _STORED[stored])
    await _known(client, OTHER_PERSON, {})

    sent = [
        await client.refer(caller=client.gp("W08"), nhs_number=number, **_NUMBER_ALONE, reason="falls") for number in (DALE, OTHER_PERSON)
    ]

    assert _plain(sent[0]) == _plain(sent[1])
    assert await _everything(client, sent[0]) == await _everything(client, sent[1])


async def test_amended_telephone_shows_nothing_of_the_record(client: ReferralsClient) -> None:
    """Its answer, its version and what follows: a further command, a stale one, and a repeated one."""
    await _known(client, DALE, _STORED["telephone"])
    await _known(client, OTHER_PERSON, {})
    stranger = client.gp("W08")
    sent = [await client.refer(caller=stranger, nhs_number=number, **_NUMBER_ALONE, reason="falls") for number in (DALE, OTHER_PERSON)]

    answers = []
    for each in sent:
        path, body = f"/{each['id']}/amendment", {"telephone": _TELEPHONE}
        amended = await client.post(path, body, caller=stranger, version=each["version"])
        again = await client.post(path, body, caller=stranger, version=each["version"])
        ahead = await client.post(path, {"information": "He fell."}, caller=stranger, version=amended.json()["version"] + 1)
        further = await client.post(path, {"information": "He fell."}, caller=stranger, version=amended.json()["version"])
        answers.append([(it.status_code, _plain(it.json() | {"instance": None})) for it in (amended, again, ahead, further)])

    assert answers[0] == answers[1]
    assert [status for status, _ in answers[0]] == [200, 200, 412, 200]
    assert await _everything(client, sent[0]) == await _everything(client, sent[1])
    assert [each["id"] for each in await _marked(client)] == [sent[1]["id"]]


async def test_command_of_referrer_takes_one_transaction(client: ReferralsClient) -> None:
    """Its answer is what the referrer then reads, without the mark and the event that the command itself has caused."""
    await _known(client, DALE, {})
    stranger = client.gp("W08")
    sent = await client.refer(caller=stranger, nhs_number=DALE, **_NUMBER_ALONE, reason="falls")

    async with logged_statements(client.context.api_database.pool) as statements:
        amended = await client.post(f"/{sent['id']}/amendment", {"telephone": _TELEPHONE}, caller=stranger, version=sent["version"])

    assert statements.count("BEGIN;") == 1
    read = (await client.get(f"/{sent['id']}", stranger)).json()
    stored = await client.read(sent["id"])
    assert amended.json() == {name: read[name] for name in amended.json()}
    assert (stored["version"] - read["version"], stored["discrepancies"], read["discrepancies"]) == (1, ["details-unconfirmed"], [])


async def test_overdue_mark_shows_nothing_of_the_record(client: ReferralsClient) -> None:
    await _known(client, DALE, _STORED["contact"])
    await _known(client, OTHER_PERSON, {})
    guess = {**_STORED["contact"], "demographics": None, "reason": "falls"}
    sent = [await client.refer(caller=client.gp("W08"), nhs_number=number, **guess) for number in (DALE, OTHER_PERSON)]
    for each in sent:
        await client.command(each["id"], "triage", {"urgency": "routine", "reason": "Stable."})
        await client.command(each["id"], "route", {"route": "service", "service_code": "district-nursing"})
        await client.command(each["id"], "acceptance", caller=client.receiver("CLCH"))

    await client.context.let_pass(timedelta(days=8))

    assert len((await client.read(sent[1]["id"]))["discrepancies"]) == 1
    assert await _everything(client, sent[0]) == await _everything(client, sent[1])


async def _with_recorded_end(client: ReferralsClient, known: dict[str, Any], change: str) -> None:
    assert (await client.post(f"/people/{known['person_id']}/{change}", {}, version=0)).status_code == 200


async def _with_long_history(client: ReferralsClient, known: dict[str, Any], _: str) -> None:
    history = [f"Story {number} ".ljust(19_000, "x") for number in range(40)]
    person = (await client.get(f"/people/{known['person_id']}")).json()
    body = {"story": {"narrative": "He fell.", "history": history}}
    assert (await client.post(f"/people/{known['person_id']}/record", body, version=person["version"])).status_code == 200


async def _with_doubted_practice(client: ReferralsClient, known: dict[str, Any], _: str) -> None:
    doubted = {"urgency": "routine", "reason": "Stable.", "is_practice_confirmed": False}
    await client.command(known["id"], "triage", doubted)


_STATES = {"death": _with_recorded_end, "move": _with_recorded_end, "history": _with_long_history, "doubt": _with_doubted_practice}


@pytest.mark.parametrize("state", _STATES)
async def test_referral_shows_no_state_of_the_record(client: ReferralsClient, state: str) -> None:
    """Recorded death or move, long history, doubted practice: in the answer, its repetition, the amendment, the view and the list."""
    stranger = client.gp("W08")
    about = [await client.refer(nhs_number=number, reason="dementia") for number in (DALE, OTHER_PERSON)]
    for each in about:
        await client.command(each["id"], "triage", {"urgency": "routine", "reason": "Stable."})
        await client.command(each["id"], "cancellation", {"reason": "withdrawn"})
    again = await client.refer(nhs_number=DALE, reason="dementia", demographics=None, story=None)
    await _STATES[state](client, again, state)
    urgent = {**_NUMBER_ALONE, "urgency": "urgent", "condition": "fall", "reason": "falls"}

    answers, repeated = [], []
    for number in (DALE, OTHER_PERSON):
        key = str(new_id())
        sent = await client.refer(caller=stranger, nhs_number=number, key=key, **urgent)
        repeated.append(_plain(await client.refer(caller=stranger, nhs_number=number, key=key, **urgent)))
        amended = await client.command(sent["id"], "amendment", {"information": "He fell."}, caller=stranger)
        answers.append([_plain(sent), _plain(amended), await _everything(client, sent)])

    assert answers[0] == answers[1]
    assert repeated[0] == repeated[1] == answers[0][0]
    marked = [await client.read(each["id"]) for each in (await client.get("", stranger)).json()["items"]]
    assert _plain((marked[0]["discrepancies"], marked[0]["person_is_recorded_as"])) != _plain(
        (marked[1]["discrepancies"], marked[1]["person_is_recorded_as"])
    )


async def _scored(client: ReferralsClient, number: str) -> dict[str, Any]:
    """A person whom case finding alone knows."""
    person_id = client.context.database.secrets.pseudonym(number)
    risk = {"level": RiskLevel.HIGH, "previous_level": RiskLevel.MEDIUM, "rule_version": "1", "valid_from": MONDAY.date()}
    await client.context.deliver(RiskHighClimberFound(practice_code="W07", **risk), key=person_id, subject=new_id())
    return {"person_id": str(person_id)}


@pytest.mark.parametrize("change", ["death", "move"])
@pytest.mark.parametrize("sent_as", ["referral", "batch"])
async def test_referral_shows_nothing_of_case_finding(client: ReferralsClient, change: str, sent_as: str) -> None:
    """A scored person with a recorded death or move, and an unknown one: the answer, its repetition, the view and the lists."""
    stranger = client.gp("W08")
    await _with_recorded_end(client, await _scored(client, DALE), change)
    urgent = {**_BARE, "urgency": "urgent", "condition": None, "reason": "falls"}

    answers = []
    for number in (DALE, OTHER_PERSON):
        one, headers = a_body(nhs_number=number, **urgent), stranger | {"Idempotency-Key": str(new_id())}
        path, body = ("", one) if sent_as == "referral" else ("/batch", {"referrals": [one]})
        first, again = [await client.post(path, body, caller=headers) for _ in range(2)]
        sent = first.json() if sent_as == "referral" else first.json()["items"][0]["referral"]
        amended = await client.command(sent["id"], "amendment", {"information": "He fell."}, caller=stranger)
        assert sent["discrepancies"] == ["condition-missing"]
        answers.append([first.status_code, _plain(first.json()), _plain(again.json()), _plain(amended), await _everything(client, sent)])
        assert (sent["person_is_recorded_as"], sent["discrepancies_due_at"]) == (None, None)

    assert answers[0] == answers[1]


@pytest.mark.parametrize("stored", _STORED)
@pytest.mark.parametrize("then", ["died", "is_urgent"])
async def test_deadline_of_marks_shows_nothing_of_the_record(client: ReferralsClient, stored: str, then: str) -> None:
    """Finding: a mark that joined a hidden one had its deadline, so that the time between showed which of both was first."""
    await _known(client, DALE, _STORED[stored])
    await _known(client, OTHER_PERSON, {})
    stranger, guess = client.gp("W08"), {**_BARE, **_STORED[stored], "reason": "falls"}
    sent = [await client.refer(caller=stranger, nhs_number=number, **guess) for number in (DALE, OTHER_PERSON)]
    await client.context.let_pass(timedelta(minutes=5))

    verb, body = ("cancellation", {"reason": "died"}) if then == "died" else ("amendment", {"is_urgent": True})
    answers = [await client.command(each["id"], verb, body, caller=stranger) for each in sent]
    entries = [(await client.get(f"/{each['id']}/timeline", stranger)).json()["items"] for each in sent]
    await client.context.let_pass(timedelta(days=2))

    assert [(len(each["discrepancies"]), each["discrepancies_due_at"]) for each in answers] == [(1, None)] * 2
    assert "resolve_by" not in str(entries)
    assert await _everything(client, sent[0]) == await _everything(client, sent[1])
    assert (await client.read(sent[1]["id"]))["discrepancies_due_at"] is not None


async def test_practice_sees_the_doubt_about_itself(client: ReferralsClient) -> None:
    """That no one else has said so follows from its own statement."""
    first = await client.refer()
    await client.command(first["id"], "triage", {"urgency": "routine", "reason": "Stable.", "is_practice_confirmed": False})

    again = await client.refer(reason="falls", demographics=None, story=None)

    assert again["discrepancies"] == ["practice-unconfirmed"]
    assert (await client.get(f"/{again['id']}", client.gp())).json()["discrepancies"] == ["practice-unconfirmed"]


async def test_stronger_relationship_sees_the_mark(client: ReferralsClient) -> None:
    """The registered practice of the person, in the referral, in the lists and in the timeline."""
    await _known(client, DALE, {})
    sent = await client.refer(caller=client.gp("W08"), **{**_BARE, **_STORED["contact"]}, reason="falls")

    seen = (await client.get(f"/{sent['id']}", client.gp())).json()
    [listed] = [each for each in (await client.get("", client.gp(), whose="registered")).json()["items"] if each["id"] == sent["id"]]

    assert seen["discrepancies"] == listed["discrepancies"] == ["details-unconfirmed"]
    assert seen["version"] == listed["version"] == (await client.read(sent["id"]))["version"]
