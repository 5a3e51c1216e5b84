"""A person's data is for those with a relationship: the attack of findings C1 and C7, and the end of each basis."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from shared.contracts.codes import Locality, StepDown
from shared.contracts.mdt import CaseReferred, LeadEnded
from shared.contracts.rapid_care import ResponseAccepted, ResponseSteppedDown
from shared.kernel.ids import new_id
from tests.builders.referrals import MONDAY, ReferralsClient, a_body, a_demographics_body, a_lead_activated

STRANGER = "EVIL"


def _stranger(client: ReferralsClient) -> dict[str, str]:
    return client.context.token("referrals:refer", "referrals:receive", "mdt:lead", organisation=STRANGER, actor="evil-1")


def _shown(response: httpx.Response, *ids: str) -> tuple[int, dict[str, Any]]:
    """The status and the problem, without the ids of the request and of the trace."""
    body = response.json()
    for each in ids:
        body["detail"] = body["detail"].replace(each, "ID")
    return response.status_code, body | {"instance": None}


async def test_number_alone_returns_no_stored_story(client: ReferralsClient) -> None:
    """Finding C1: one request with an NHS number gave the story, the history and the family contacts to any referrer."""
    await client.refer()
    bare = a_body(demographics=None, story=None, reason="falls")

    attacked = await client.try_refer(caller=_stranger(client), demographics=None, story=None, reason="falls")
    headers = _stranger(client) | {"Idempotency-Key": str(new_id())}
    in_batch = await client.context.http.post("/referrals/batch", json={"referrals": [bare]}, headers=headers)

    assert (attacked.status_code, attacked.json()["is_story_known"], attacked.json()["story"]) == (201, True, None)
    assert "Louise" not in attacked.text + in_batch.text
    assert in_batch.json()["items"][0]["status"] == 201


async def test_audit_of_the_person_shows_the_stranger(client: ReferralsClient) -> None:
    """The same referral, alone and in a batch, left nothing that could be shown to the person."""
    known = await client.refer()
    bare = a_body(demographics=None, story=None, reason="falls")
    await client.try_refer(caller=_stranger(client), demographics=None, story=None, reason="falls")
    headers = _stranger(client) | {"Idempotency-Key": str(new_id())}
    await client.context.http.post("/referrals/batch", json={"referrals": [bare]}, headers=headers)

    entries = (await client.get(f"/audit/people/{known['person_id']}", client.context.token("referrals:audit"))).json()["items"]

    of_stranger = [(each["action"], each["actor_id"]) for each in entries if each["actor_org"] == STRANGER]
    assert of_stranger == [("ReceiveReferrals", "evil-1"), ("ReceiveReferral", "evil-1")]


async def test_new_words_do_not_open_the_stored_story(client: ReferralsClient) -> None:
    await client.refer()

    sent = await client.refer(caller=_stranger(client), story={"narrative": "He fell."}, demographics=None, reason="falls")

    assert sent["story"] is None


async def test_point_of_access_confirms_stored_story(client: ReferralsClient) -> None:
    first = await client.refer()

    by_telephone = await client.refer(caller=client.triager, source="gp", demographics=None, story=None, reason="falls")

    assert by_telephone["story"] == first["story"]


@pytest.mark.parametrize(
    "path", ["/{referral}", "/{referral}/actions", "/{referral}/timeline", "/{referral}/record", "/people/{person}/contact"]
)
async def test_person_of_others_looks_like_an_unknown_one(client: ReferralsClient, path: str) -> None:
    sent, unknown = await client.refer(), str(new_id())

    known = await client.get(path.format(referral=sent["id"], person=sent["person_id"]), _stranger(client))
    unheard = await client.get(path.format(referral=unknown, person=unknown), _stranger(client))

    assert _shown(known, sent["id"]) == _shown(unheard, unknown)
    assert known.status_code == 404


@pytest.mark.parametrize(
    ("verb", "body"),
    [
        ("acceptance", None),
        ("return", {"reason": "capacity"}),
        ("closure", {"outcome": "need-met"}),
        ("cancellation", {"reason": "withdrawn"}),
        ("amendment", {"information": "He fell."}),
        ("information", {"answer": "Yes."}),
        ("call-answer", None),
    ],
)
async def test_command_of_stranger_finds_no_referral(client: ReferralsClient, verb: str, body: Any) -> None:
    routed, unknown = await client.refer_and_route(), str(new_id())

    responses = [await client.try_command(routed["id"], verb, body, caller=_stranger(client))]
    responses.append(await client.post(f"/{routed['id']}/{verb}", body, caller=_stranger(client), version=1))
    unheard = await client.post(f"/{unknown}/{verb}", body, caller=_stranger(client), version=1)

    assert [_shown(each, routed["id"]) for each in responses] == [_shown(unheard, unknown)] * 2
    assert (await client.read(routed["id"]))["version"] == routed["version"]


async def test_referrers_of_one_need_do_not_see_each_other(client: ReferralsClient) -> None:
    """Finding C1: after a merge the timeline showed another organisation's chain."""
    by_ambulance = await client.refer(caller=client.ambulance, source="ambulance")
    by_hospital = client.context.token("referrals:refer", organisation="RFL", actor="rfl-1")
    merged = await client.refer(caller=by_hospital, source="emergency-department", demographics=None, story=None)
    routed = await client.command(by_ambulance["id"], "triage", {"urgency": "routine", "is_complex": False, "reason": "Asked for."})

    seen = {
        caller["Authorization"]: await _seen(client, referral, caller)
        for referral, caller in ((by_ambulance["id"], client.ambulance), (merged["id"], by_hospital))
    }

    assert (merged["status"], routed["status"]) == ("merged", "triaged-routine")
    assert seen[client.ambulance["Authorization"]] == ({by_ambulance["id"]}, [])
    assert seen[by_hospital["Authorization"]] == ({merged["id"]}, [])
    assert (await _seen(client, by_ambulance["id"], client.triager))[0] == {by_ambulance["id"], merged["id"]}


async def _seen(client: ReferralsClient, referral_id: str, caller: dict[str, str]) -> tuple[set[str], list[Any]]:
    """The referrals of the timeline, and those that joined."""
    entries = (await client.get(f"/{referral_id}/timeline", caller)).json()["items"]
    about = {entry["subject"] for entry in entries if entry["type"].startswith("referrals.referral.")}
    return about, (await client.get(f"/{referral_id}", caller)).json()["joined_by"]


_NOTES = {
    "triage_reason": "He is confused.",
    "override_reason": "Frail since a stroke.",
    "discrepancy_reason": "The crew forgot the condition.",
    "reopen_reason": "Closed for the wrong person.",
}


async def _with_notes(client: ReferralsClient) -> str:
    """The id of a referral by the ambulance about which staff have written each of the notes, and asked a question."""
    young = a_demographics_body(born_on="1990-05-02")
    sent = await client.refer(caller=client.ambulance, source="ambulance", urgency="urgent", demographics=young)
    resolved = {"discrepancy": "condition-missing", "reason": _NOTES["discrepancy_reason"]}
    await client.command(sent["id"], "discrepancy-resolution", resolved)
    await client.command(sent["id"], "cancellation", {"reason": "sent-in-error"}, caller=client.ambulance)
    await client.command(sent["id"], "reopening", {"reason": _NOTES["reopen_reason"]})
    await client.command(sent["id"], "triage", {"urgency": "urgent", "is_complex": False, "reason": _NOTES["triage_reason"]})
    route = {"route": "rapid-care", "service_code": "rapid-care", "override_reason": _NOTES["override_reason"]}
    await client.command(sent["id"], "route", route)
    await client.command(sent["id"], "information-request", {"question": "Does he live alone?"})
    return str(sent["id"])


async def test_referrer_reads_no_notes_of_staff(client: ReferralsClient) -> None:
    """It reads what it must answer, and the feedback; those who act for the person read the notes."""
    referral = await _with_notes(client)

    by_id = await client.get(f"/{referral}", client.ambulance)
    by_reference = await client.get("", client.ambulance, reference=by_id.json()["reference"])

    for answer, seen in ((by_id, by_id.json()), (by_reference, by_reference.json()["items"][0])):
        assert [note for note in _NOTES.values() if note in answer.text] == []
        assert ({name: seen[name] for name in _NOTES}, seen["question"]) == (dict.fromkeys(_NOTES), "Does he live alone?")
        assert seen["feedback"][-1]["text"] == "We need more from you. Nothing waits for it."
    for reader in (client.triager, client.gp()):
        assert {name: (await client.get(f"/{referral}", reader)).json()[name] for name in _NOTES} == _NOTES


async def test_referrer_sees_ended_referral_for_a_time(client: ReferralsClient) -> None:
    sent = await client.refer(caller=client.ambulance, source="ambulance")
    await client.command(sent["id"], "cancellation", {"reason": "withdrawn"}, caller=client.ambulance)

    async def seen() -> tuple[int, int]:
        listed = (await client.get("", client.ambulance, status="closed")).json()["items"]
        return (await client.get(f"/{sent['id']}", client.ambulance)).status_code, len(listed)

    await client.context.let_pass(timedelta(days=27))
    before = await seen()
    await client.context.let_pass(timedelta(days=2))

    assert (before, await seen()) == ((200, 1), (404, 0))


@pytest.mark.parametrize(
    ("who", "verb", "body"), [("ambulance", "cancellation", {"reason": "withdrawn"}), ("receiver", "closure", {"outcome": "need-met"})]
)
async def test_repeated_end_is_answered_for_a_time(client: ReferralsClient, who: str, verb: str, body: dict[str, str]) -> None:
    """A repetition after a lost response is the caller's own; one that comes later than the relationship lasts shows nothing."""
    sent = await client.refer_and_route(caller=client.ambulance, source="ambulance")
    callers = {"ambulance": client.ambulance, "receiver": client.receiver("CLCH")}
    if who == "receiver":
        await client.command(sent["id"], "acceptance", caller=callers[who])
    await client.command(sent["id"], verb, body, caller=callers[who])

    async def repeated() -> int:
        return (await client.post(f"/{sent['id']}/{verb}", body, caller=callers[who], version=sent["version"])).status_code

    await client.context.let_pass(timedelta(days=27))
    before = await repeated()
    await client.context.let_pass(timedelta(days=2))

    assert (before, await repeated()) == (200, 404)


async def test_former_practice_loses_access(client: ReferralsClient) -> None:
    sent = await client.refer(caller=client.ambulance, source="ambulance")
    before = await client.get(f"/{sent['id']}", client.gp())

    await client.post(f"/people/{sent['person_id']}/record", {"demographics": a_demographics_body(practice_code="W08")}, version=1)

    assert before.status_code == 200
    assert (await client.get(f"/{sent['id']}", client.gp())).status_code == 404
    assert (await client.get("", client.gp(), whose="registered")).json()["items"] == []
    assert (await client.get(f"/{sent['id']}", client.gp("W08"))).status_code == 200


async def test_ended_lead_loses_the_timeline(client: ReferralsClient) -> None:
    sent, lead_id = await client.refer(), new_id()
    person_id, nurse = UUID(sent["person_id"]), client.context.token("mdt:lead", actor="clch-nurse-1")
    path = f"/people/{person_id}/timeline"

    await client.context.deliver(a_lead_activated("clch-nurse-1"), key=person_id, subject=lead_id, sequence=3)
    before = await client.get(path, nurse)
    await client.context.deliver(LeadEnded(reason="plan-closed"), key=person_id, subject=lead_id, sequence=4)

    assert (before.status_code, (await client.get(path, nurse)).status_code) == (200, 404)


async def test_preference_closes_story_and_timeline_to_staff(client: ReferralsClient) -> None:
    """Finding C7: the Community Point of Access read a withheld story without a reason."""
    sent = await client.refer(caller=client.ambulance, source="ambulance")
    path = f"/people/{sent['person_id']}"

    seen = {}
    for version, sharing in enumerate(("direct-care", "restricted", "withheld"), start=1):
        if sharing != "direct-care":
            await client.post(f"{path}/record", {"sharing": sharing}, version=version - 1)
        page, timeline = (await client.get(path)).json(), await client.get(f"{path}/timeline")
        record = (await client.get(f"/{sent['id']}/record")).json()
        again = await client.refer(reason="falls", demographics=None, story=None)
        seen[sharing] = (page["story"] is not None, record["story"] is not None, timeline.status_code, again["story"] is not None)

    assert seen == {
        "direct-care": (True, True, 200, True),
        "restricted": (True, True, 200, False),  # the practice refers, and is not the one who acts
        "withheld": (False, False, 403, False),
    }


async def test_both_timelines_answer_a_preference_alike(client: ReferralsClient) -> None:
    """The timeline of the person was closed, and that of the referral open."""
    sent = await client.refer_and_route(caller=client.ambulance, source="ambulance")
    of_person, of_referral = f"/people/{sent['person_id']}/timeline", f"/{sent['id']}/timeline"
    answered = {}
    for version, sharing in enumerate(("direct-care", "restricted", "withheld")):
        if version:
            await client.post(f"/people/{sent['person_id']}/record", {"sharing": sharing}, version=version)
        answers = [await client.get(path, client.triager) for path in (of_person, of_referral)]
        answers += [await client.get(of_referral, each) for each in (client.receiver("CLCH"), client.gp())]
        answered[sharing] = [(each.status_code, each.json().get("code")) for each in answers]

    seen, withheld = [(200, None)] * 4, [(403, "story-withheld")] * 4
    assert answered == {"direct-care": seen, "restricted": seen, "withheld": withheld}


async def test_ended_referral_closes_both_timelines_to_staff(client: ReferralsClient) -> None:
    sent = await client.refer()
    await client.command(sent["id"], "cancellation", {"reason": "withdrawn"})
    await client.context.let_pass(timedelta(days=29))

    answers = [await client.get(f"{path}/timeline") for path in (f"/people/{sent['person_id']}", f"/{sent['id']}")]

    assert [(each.status_code, each.json().get("code")) for each in answers] == [(403, "part-not-shared")] * 2


@pytest.mark.parametrize("reason", ["falls", "community-nursing"])
async def test_referrer_that_also_receives_reads_no_record(client: ReferralsClient, reason: str) -> None:
    """Finding: with an NHS number alone it read name, birthday, address and telephone by its own referral, alone, merged or withdrawn."""
    stored = await client.refer(caller=client.ambulance, source="ambulance")
    sent = await client.refer(caller=_stranger(client), demographics=None, story=None, reason=reason)
    path = f"/{sent['id']}/record"
    answers = [await client.get(path, _stranger(client))]
    await client.command(sent["id"], "cancellation", {"reason": "sent-in-error"}, caller=_stranger(client))
    answers.append(await client.get(path, _stranger(client)))

    assert [(each.status_code, each.json()["code"]) for each in answers] == [(403, "part-not-shared")] * 2
    assert (await client.get(f"/{stored['id']}/record", _stranger(client))).status_code == 404


async def test_receiver_that_also_refers_reads_the_record(client: ReferralsClient) -> None:
    nurse = client.context.token("referrals:refer", "referrals:receive", organisation="CLCH", actor="nurse-1")
    routed = await client.refer_and_route(caller=nurse, source="rapid-care")

    record = await client.get(f"/{routed['id']}/record", nurse)

    assert (record.status_code, record.json()["address"]) == (200, "Oakleigh")


@pytest.mark.parametrize("sharing", ["direct-care", "withheld"])
async def test_referrer_sees_timeline_of_own_referral_alone(client: ReferralsClient, sharing: str) -> None:
    """The plan and the tasks that other services have published are not the referrer's, whatever the person shares."""
    sent = await client.refer(caller=client.ambulance, source="ambulance", sharing=sharing, sharing_stated_by="person")
    await client.deliver(sent, CaseReferred(referral_id=UUID(sent["id"]), risk_level=None, is_high_climber=False, is_urgent=False))

    entries = (await client.get(f"/{sent['id']}/timeline", client.ambulance)).json()["items"]

    assert {entry["type"].split(".")[0] for entry in entries} == {"referrals"}
    assert "referrals.referral.received.v1" in {entry["type"] for entry in entries}


async def test_referrers_timeline_has_no_onward_referral(client: ReferralsClient) -> None:
    sent = await client.refer_and_route(
        "rapid-care",
        "rapid-care",
        caller=client.ambulance,
        source="ambulance",
        urgency="urgent",
        reason="urgent-deterioration",
        condition="fall",
    )
    await client.deliver(sent, ResponseAccepted(referral_id=UUID(sent["id"]), accepted_at=MONDAY, due_at=MONDAY + timedelta(hours=2)))
    stepped_down = ResponseSteppedDown(referral_id=UUID(sent["id"]), destination=StepDown.COMMUNITY_NURSING, locality=Locality.WEST)
    await client.deliver(sent, stepped_down)

    assert await client.context.database.pool.fetchval("SELECT count(*) FROM referral WHERE onward_of IS NOT NULL") == 1
    assert {entry["subject"] for entry in await _timeline(client, sent, client.ambulance)} == {sent["id"]}


async def test_referrers_timeline_has_no_proposal_of_others(client: ReferralsClient) -> None:
    sent = await client.refer(caller=client.ambulance, source="ambulance", demographics=a_demographics_body(telephone="020 7946 0001"))
    other = await client.refer(caller=client.gp("W08"), demographics=a_demographics_body(telephone="020 7946 0999"))
    await client.command(other["id"], "amendment", {"information": "He fell."}, caller=client.gp("W08"))

    entries = await _timeline(client, sent, client.ambulance)

    assert other["status"] == "merged"
    assert "referrals.referral.amended.v1" not in {entry["type"] for entry in entries}
    assert {entry["subject"] for entry in entries} == {sent["id"]}
    assert other["id"] not in str(entries)
    assert sent["id"] not in str(await _timeline(client, other, client.gp("W08")))


async def test_referrers_timeline_is_no_oracle_of_a_telephone(client: ReferralsClient) -> None:
    await client.refer(demographics=a_demographics_body(telephone="020 7946 0001"))
    sent = await client.refer(caller=client.ambulance, source="ambulance", reason="falls", demographics=None, story=None)
    shown: list[list[str]] = []
    for guess in ("020 7946 0999", "020 7946 0001"):
        before = len(await _timeline(client, sent, client.ambulance))
        await client.command(sent["id"], "amendment", {"telephone": guess}, caller=client.ambulance)
        shown.append([entry["type"] for entry in (await _timeline(client, sent, client.ambulance))[before:]])

    assert shown[0] == shown[1]


async def _timeline(client: ReferralsClient, referral: dict[str, Any], caller: dict[str, str]) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = (await client.get(f"/{referral['id']}/timeline", caller)).json()["items"]
    return entries


async def test_page_shows_story_only_around_a_referral(client: ReferralsClient) -> None:
    sent = await client.refer()
    await client.command(sent["id"], "cancellation", {"reason": "withdrawn"})
    path = f"/people/{sent['person_id']}"

    before = (await client.get(path)).json()
    await client.context.let_pass(timedelta(days=29))
    after, timeline = (await client.get(path)).json(), await client.get(f"{path}/timeline")

    assert (before["story"] is not None, after["story"], after["family_name"]) == (True, None, "Dale")
    assert (timeline.status_code, timeline.json()["code"]) == (403, "part-not-shared")
