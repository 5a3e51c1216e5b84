"""A command whose response was lost is sent again: it has one effect and the same answer (D7)."""

from datetime import UTC, datetime
from typing import Any

import pytest

from shared.kernel.ids import new_id
from tests.builders.referrals import ReferralsClient, a_demographics_body

TRIAGE = {"urgency": "routine", "is_complex": False, "reason": "Seen"}
ROUTE = {"route": "service", "service_code": "district-nursing"}
NURSE, GP, TRIAGER = "nurse", "gp", "triager"


def instants_in_utc(view: dict[str, Any]) -> dict[str, Any]:
    """The clock of a test is in London; a stored instant is in UTC."""
    deadline = view["deadline"] and view["deadline"] | {"due_at": datetime.fromisoformat(view["deadline"]["due_at"]).astimezone(UTC)}
    return view | {"deadline": deadline}


def header(client: ReferralsClient, who: str) -> dict[str, str]:
    return {NURSE: client.receiver("CLCH"), GP: client.gp(), TRIAGER: client.triager}[who]


#: The commands before, and the repeated one: caller, verb and body.
REPEATED: list[tuple[list[tuple[str, Any]], tuple[str, str, Any]]] = [
    ([], (TRIAGER, "triage", TRIAGE)),
    ([("triage", TRIAGE)], (TRIAGER, "route", ROUTE)),
    ([("triage", TRIAGE)], (TRIAGER, "urgency", {"reason": "Fever"})),
    ([], (TRIAGER, "information-request", {"question": "Who has the key?"})),
    ([], (TRIAGER, "condition", {"condition": "fall"})),
    ([], (GP, "information", {"answer": "The neighbour."})),
    ([], (GP, "amendment", {"information": "He fell.", "telephone": "020 7946 0001", "is_urgent": True})),
    ([], (GP, "cancellation", {"reason": "withdrawn"})),
    ([("cancellation", {"reason": "withdrawn"})], (TRIAGER, "reopening", {"reason": "Mistaken."})),
    ([("triage", TRIAGE), ("route", ROUTE)], (NURSE, "acceptance", None)),
    ([("triage", TRIAGE), ("route", ROUTE), ("acceptance", None), ("amendment", {"is_urgent": True})], (NURSE, "call-answer", None)),
    ([("triage", TRIAGE), ("route", ROUTE), ("acceptance", None)], (NURSE, "closure", {"outcome": "need-met"})),
    ([("triage", TRIAGE), ("route", ROUTE)], (TRIAGER, "return", {"reason": "capacity"})),
]


@pytest.mark.parametrize(("before", "repeated"), REPEATED, ids=[verb for _, (_, verb, _) in REPEATED])
async def test_repeated_command_has_one_effect_and_the_same_answer(
    client: ReferralsClient, before: list[tuple[str, Any]], repeated: tuple[str, str, Any]
) -> None:
    sent = await client.refer()
    for verb, body in before:
        sent = await client.command(sent["id"], verb, body)
    who, verb, body = repeated

    first = await client.post(f"/{sent['id']}/{verb}", body, caller=header(client, who), version=sent["version"])
    events = len(await client.context.log())
    again = await client.post(f"/{sent['id']}/{verb}", body, caller=header(client, who), version=sent["version"])

    assert (first.status_code, again.status_code) == (200, 200), again.text
    assert instants_in_utc(again.json()) == instants_in_utc(first.json())
    assert again.headers["etag"] == first.headers["etag"]
    assert len(await client.context.log()) == events


async def test_acceptance_on_the_present_version_is_repeated_too(client: ReferralsClient) -> None:
    routed = await client.refer_and_route()
    accepted = await client.command(routed["id"], "acceptance", caller=client.receiver("CLCH"))

    again = await client.try_command(routed["id"], "acceptance", caller=client.receiver("CLCH"))

    assert (again.status_code, instants_in_utc(again.json())) == (200, instants_in_utc(accepted))


async def test_another_text_with_a_stale_version_is_refused(client: ReferralsClient) -> None:
    sent = await client.refer()
    await client.command(sent["id"], "information", {"answer": "The neighbour."}, caller=client.gp())

    stale = await client.post(f"/{sent['id']}/information", {"answer": "The son."}, caller=client.gp(), version=sent["version"])

    assert (stale.status_code, stale.json()["code"]) == (412, "version-conflict")


async def test_repetition_by_another_organisation_is_refused(client: ReferralsClient) -> None:
    routed = await client.refer_and_route()
    await client.command(routed["id"], "acceptance", caller=client.receiver("CLCH"))

    other = await client.post(f"/{routed['id']}/acceptance", caller=client.receiver("LBB"), version=routed["version"])

    assert other.status_code == 404


async def test_same_key_gives_the_same_acknowledgement(client: ReferralsClient) -> None:
    key = str(new_id())

    first, again = [await client.try_refer(key=key) for _ in range(2)]

    assert (first.status_code, again.status_code, again.json()) == (201, 201, first.json())
    assert again.headers["Idempotency-Replayed"] == "true"


async def test_repetition_shows_nothing_of_the_stored_record(client: ReferralsClient) -> None:
    """Finding: after one amendment, a stale one with the stored telephone or text was a repetition, and with another one refused."""
    await client.refer(
        caller=client.ambulance,
        source="ambulance",
        demographics=a_demographics_body(telephone="020 7946 0001"),
        story={"narrative": "He fell.", "history": ["He lives at his sister's."]},
    )
    stranger = client.gp("W08")
    sent = await client.refer(caller=stranger, reason="falls", demographics=None, story=None)
    await client.command(sent["id"], "amendment", {"information": "He called us."}, caller=stranger)

    async def stale(verb: str, **body: str) -> int:
        return (await client.post(f"/{sent['id']}/{verb}", body, caller=stranger, version=sent["version"])).status_code

    telephones = [await stale("amendment", telephone=each) for each in ("020 7946 0001", "020 7946 0002")]
    amended = [await stale("amendment", information=each) for each in ("He lives at his sister's.", "Nothing.")]
    answered = [await stale("information", answer=each) for each in ("He lives at his sister's.", "Nothing.")]

    assert (telephones, amended, answered) == ([412, 412], [412, 412], [412, 412])
    assert await stale("amendment", information="He called us.") == 200
