"""A referral that joins the open one of another organisation shows its referrer where it stands, and nothing else of the other one."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from shared.contracts.rapid_care import ResponseAccepted
from tests.builders.referrals import MONDAY, ReferralsClient

_URGENT = {"urgency": "urgent", "condition": "copd"}


async def _joined(client: ReferralsClient, **changes: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """The referral of the ambulance, which Rapid Care has accepted, and that of a hospital, which knows the number alone."""
    known = await client.refer_and_route("rapid-care", "rapid-care", caller=client.ambulance, source="ambulance", **_URGENT)
    await client.context.let_pass(timedelta(minutes=5))
    accepted = ResponseAccepted(referral_id=UUID(known["id"]), accepted_at=MONDAY, due_at=MONDAY + timedelta(hours=2), routing=1)
    await client.deliver(known, accepted)
    sent = await client.refer(caller=_hospital(client), source="secondary-care", demographics=None, story=None, **_URGENT, **changes)
    assert sent["status"] == "merged"
    return known, sent


def _hospital(client: ReferralsClient) -> dict[str, str]:
    return client.context.token("referrals:refer", organisation="RFL", actor="rfl-1")


async def test_merged_referral_shows_no_owner_of_the_joined_one(client: ReferralsClient) -> None:
    known, sent = await _joined(client)

    seen = (await client.get(f"/{sent['id']}", _hospital(client))).json()
    responsible = (await client.get(f"/people/{sent['person_id']}/responsible", _hospital(client))).json()

    assert seen["continued_as"] == {"id": known["id"], "reference": known["reference"], "status": None, "outcome": None}
    assert (seen["responsible"]["owner"], responsible["owner"], seen["onward"]) == (None, None, [])
    assert [seen[name] for name in seen if name.startswith("receiver_")] == 5 * [None]
    assert seen["clock_starts_at"] == sent["clock_starts_at"] == sent["received_at"] != known["clock_starts_at"]


async def test_merged_referral_shows_no_call_of_others(client: ReferralsClient) -> None:
    """Finding: the receiver's time to answer showed when another call was made. The own caller keeps its promise of an answer."""
    known, sent = await _joined(client)
    before = (await client.get(f"/{sent['id']}", _hospital(client))).json()

    await client.context.let_pass(timedelta(minutes=5))
    await client.refer(caller=client.ambulance, source="ambulance", demographics=None, story=None, **_URGENT)

    seen = (await client.get(f"/{sent['id']}", _hospital(client))).json()
    assert before["answer_by"] == sent["answer_by"] == (await client.read(known["id"]))["answer_by"] is not None
    assert {name for name in seen if seen[name] != before[name]} == set()


async def test_merged_referral_names_no_service_of_the_joined_one(client: ReferralsClient) -> None:
    known, sent = await _joined(client)
    await client.command(known["id"], "recall")
    await client.command(known["id"], "triage", {"urgency": "urgent", "reason": "Worse."})
    await client.command(known["id"], "route", {"route": "rapid-care", "service_code": "rapid-care"})

    lines = (await client.get(f"/{sent['id']}", _hospital(client))).json()["feedback"]

    assert [line["text"] for line in lines if line["code"] in {"recalled", "routed"}] == [
        "We have taken it back from a service, to find a quicker way; you need not do anything.",
        "We have asked a service to take over.",
    ]
    assert [line["text"] for line in lines if line["code"] == "call-repeated"] == [
        "There was another urgent call about the person. A service must answer it."
    ]
    assert "Rapid Care" not in str(lines)


async def test_timeline_of_merged_referral_has_its_own_events(client: ReferralsClient) -> None:
    _, sent = await _joined(client)

    entries = (await client.get(f"/{sent['id']}/timeline", _hospital(client))).json()["items"]

    assert [entry["type"].split(".")[-2] for entry in entries] == ["received", "identified", "merged"]


async def test_colleague_of_the_organisation_sees_the_joined_one(client: ReferralsClient) -> None:
    known = await client.refer(caller=client.ambulance, source="ambulance")
    sent = await client.refer(caller=client.ambulance, source="ambulance")

    seen = (await client.get(f"/{sent['id']}", client.ambulance)).json()

    assert (seen["continued_as"]["id"], seen["continued_as"]["status"]) == (known["id"], "identified")
    assert seen["responsible"]["owner"]["service_code"] == "community-point-of-access"


async def test_referrer_sees_no_call_of_another(client: ReferralsClient) -> None:
    known, _ = await _joined(client)

    entries = (await client.get(f"/{known['id']}/timeline", client.ambulance)).json()["items"]
    seen = (await client.get(f"/{known['id']}", client.ambulance)).json()

    assert "call-repeated" not in {entry["type"].split(".")[-2] for entry in entries} | {line["code"] for line in seen["feedback"]}
    assert "RFL" not in {entry["organisation"] for entry in entries}
    assert (seen["call_repeated_at"], seen["answer_by"]) == (None, None)
    assert seen["version"] == (await client.read(known["id"]))["version"] - 1
    assert "call-repeated" in str((await client.get(f"/{known['id']}/timeline")).json())


@pytest.mark.parametrize("sent", ["words", "amendment", "report"])
async def test_referrer_sees_no_news_of_another(client: ReferralsClient, sent: str) -> None:
    known = await client.refer_and_route(caller=client.ambulance, source="ambulance")
    before = await _shown(client, known)
    story = {"narrative": "He fell again."} if sent == "words" else None
    merged = await client.refer(caller=_hospital(client), source="secondary-care", demographics=None, story=story)
    if sent == "amendment":
        await client.command(merged["id"], "amendment", {"information": "He fell again."}, caller=_hospital(client))
    if sent == "report":
        await client.command(merged["id"], "cancellation", {"reason": "died"}, caller=_hospital(client))

    assert merged["status"] == "merged"
    assert await _shown(client, known) == before
    assert (await client.read(known["id"]))["version"] > before[0]


async def _shown(client: ReferralsClient, known: dict[str, Any]) -> tuple[Any, ...]:
    """Version, marks, times of news, feedback and timeline, as the ambulance sees them."""
    seen = (await client.get(f"/{known['id']}", client.ambulance)).json()
    entries = (await client.get(f"/{known['id']}/timeline", client.ambulance)).json()
    fields = ("version", "discrepancies", "discrepancies_due_at", "informed_at", "call_repeated_at", "answer_by", "feedback")
    return (*(seen[name] for name in fields), entries)
