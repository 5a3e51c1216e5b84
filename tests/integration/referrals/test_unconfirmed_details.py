"""A referrer without a relationship completes the record of a known person: care has the details at once, and staff ask the person."""

from typing import Any

import pytest

from tests.builders.referrals import ReferralsClient, a_demographics_body

_OTHER_NUMBER = "9434765919"
_TELEPHONE = {"demographics": a_demographics_body(telephone="020 7946 0999")}
_CONTACT = {"demographics": None, "story": {"narrative": "He fell.", "contacts": [{"name": "Ann", "relationship": "friend"}]}}
_DETAIL = {"name": "Louise", "relationship": "daughter", "telephone": "020 7946 0998"}
_CONTACT_DETAIL = {"demographics": None, "story": {"narrative": "He fell.", "contacts": [_DETAIL]}}
_RESTRICTED = {"demographics": None, "story": None, "sharing": "withheld", "sharing_stated_by": "person"}
#: What a referrer may amend of the person's details.
_AMENDED = {"telephone": "020 7946 0999"}


async def _known(client: ReferralsClient) -> dict[str, Any]:
    """A person whose practice W07 another referrer has stated."""
    return await client.refer(caller=client.ambulance, source="ambulance")


@pytest.mark.parametrize("changes", [_TELEPHONE, _CONTACT, _CONTACT_DETAIL, _RESTRICTED])
async def test_details_of_a_stranger_are_confirmed_by_staff(client: ReferralsClient, changes: dict[str, Any]) -> None:
    await _known(client)

    sent = await client.refer(caller=client.gp("W08"), reason="falls", **changes)

    assert (sent["discrepancies"], (await client.read(sent["id"]))["discrepancies"]) == ([], ["details-unconfirmed"])
    work = (await client.get("/work", section="discrepancies", discrepancy="details-unconfirmed")).json()["items"]
    assert [(item["id"], item["discrepancies_due_at"] is not None) for item in work] == [(sent["id"], True)]
    resolved = await client.command(
        sent["id"], "discrepancy-resolution", {"discrepancy": "details-unconfirmed", "reason": "He confirmed them."}
    )
    assert resolved["discrepancies"] == []


@pytest.mark.parametrize("changes", [_TELEPHONE, _CONTACT, _CONTACT_DETAIL, _RESTRICTED])
@pytest.mark.parametrize("urgency", ["routine", "urgent"])
async def test_details_of_a_stranger_mark_the_joined_referral(client: ReferralsClient, urgency: str, changes: dict[str, Any]) -> None:
    known = await client.refer(caller=client.ambulance, source="ambulance", urgency="urgent", condition="fall")

    merged = await client.refer(caller=client.gp("W08"), urgency=urgency, **changes)

    assert (merged["status"], merged["discrepancies"]) == ("merged", [])
    assert (await client.read(known["id"]))["discrepancies"] == ["details-unconfirmed"]


async def test_registered_practice_completes_the_record(client: ReferralsClient) -> None:
    await _known(client)

    assert (await client.refer(reason="falls", **_TELEPHONE))["discrepancies"] == []


async def test_new_story_alone_needs_no_confirmation(client: ReferralsClient) -> None:
    await _known(client)

    sent = await client.refer(caller=client.gp("W08"), reason="falls", demographics=None, story={"narrative": "He fell."})

    assert sent["discrepancies"] == (await client.read(sent["id"]))["discrepancies"] == []


async def test_amended_telephone_of_a_stranger_is_confirmed(client: ReferralsClient) -> None:
    await _known(client)
    sent = await client.refer(caller=client.gp("W08"), reason="falls", demographics=None, story=None)
    assert sent["discrepancies"] == (await client.read(sent["id"]))["discrepancies"] == []

    amended = await client.command(sent["id"], "amendment", _AMENDED, caller=client.gp("W08"))

    assert (amended["discrepancies"], (await client.read(sent["id"]))["discrepancies"]) == ([], ["details-unconfirmed"])
    work = (await client.get("/work", section="discrepancies", discrepancy="details-unconfirmed")).json()["items"]
    assert [(item["id"], item["discrepancies_due_at"] is not None) for item in work] == [(sent["id"], True)]
    reason = {"discrepancy": "details-unconfirmed", "reason": "He confirmed it."}
    assert (await client.command(sent["id"], "discrepancy-resolution", reason))["discrepancies"] == []


@pytest.mark.parametrize("urgent", [{}, {"is_urgent": True}])
async def test_amended_telephone_marks_the_joined_referral(client: ReferralsClient, urgent: dict[str, Any]) -> None:
    known = await _known(client)
    merged = await client.refer(caller=client.gp("W08"), demographics=None, story=None)

    amended = await client.command(merged["id"], "amendment", _AMENDED | urgent, caller=client.gp("W08"))

    assert (amended["status"], amended["discrepancies"]) == ("merged", [])
    joined = await client.read(known["id"])
    assert (joined["discrepancies"][-1], joined["discrepancies_due_at"] is not None) == ("details-unconfirmed", True)


async def test_raised_urgency_keeps_the_mark(client: ReferralsClient) -> None:
    await _known(client)
    sent = await client.refer(caller=client.gp("W08"), reason="falls", demographics=None, story=None)

    raised = await client.command(sent["id"], "amendment", _AMENDED | {"is_urgent": True}, caller=client.gp("W08"))

    assert (raised["urgency"], "details-unconfirmed" in raised["discrepancies"]) == ("urgent", False)
    assert "details-unconfirmed" in (await client.read(sent["id"]))["discrepancies"]


async def test_registered_practice_amends_without_a_mark(client: ReferralsClient) -> None:
    await _known(client)
    sent = await client.refer(reason="falls", demographics=None, story=None)

    assert (await client.command(sent["id"], "amendment", _AMENDED, caller=client.gp()))["discrepancies"] == []


async def test_amended_information_alone_needs_no_confirmation(client: ReferralsClient) -> None:
    await _known(client)
    sent = await client.refer(caller=client.gp("W08"), reason="falls", demographics=None, story=None)

    amended = await client.command(sent["id"], "amendment", {"information": "He fell again."}, caller=client.gp("W08"))

    assert amended["discrepancies"] == (await client.read(sent["id"]))["discrepancies"] == []


async def test_telephone_that_is_proposed_needs_no_mark(client: ReferralsClient) -> None:
    """The Community Point of Access decides about the proposal before care has the number."""
    known = a_demographics_body(telephone="020 7946 0001")
    await client.refer(caller=client.ambulance, source="ambulance", demographics=known)
    sent = await client.refer(caller=client.gp("W08"), reason="falls", demographics=None, story=None)

    assert (await client.command(sent["id"], "amendment", _AMENDED, caller=client.gp("W08")))["discrepancies"] == []
    assert (await client.read(sent["id"]))["discrepancies"] == []


@pytest.mark.parametrize("telephone", ["020 7946 0999", "020 7946 0001"])
async def test_separated_record_keeps_mark_of_amended_telephone(client: ReferralsClient, telephone: str) -> None:
    """The record that was merged away took the telephone while the person's one record had another, or the same one."""
    sent = await _merged_record(client)

    await client.command(sent["id"], "amendment", {"telephone": telephone}, caller=client.ambulance)
    await _identity(client, sent, "separation", {"reason": "Not the same person."})

    assert await _stored(client, sent) == telephone
    assert "details-unconfirmed" in (await client.read(sent["id"]))["discrepancies"]


async def test_separated_record_keeps_mark_of_referred_telephone(client: ReferralsClient) -> None:
    known = await client.refer(caller=client.ambulance, source="ambulance", nhs_number=_OTHER_NUMBER, reason="falls")
    survivor = await client.refer(demographics=a_demographics_body(telephone="020 7946 0001"))
    await _identity(client, known, "merge", {"into": survivor["person_id"]})

    sent = await client.refer(caller=client.gp("W08"), nhs_number=_OTHER_NUMBER, reason="dementia", **_TELEPHONE)
    await _identity(client, known, "separation", {"reason": "Not the same person."})

    assert await _stored(client, known) == "020 7946 0999"
    assert "details-unconfirmed" in (await client.read(sent["id"]))["discrepancies"]


async def _merged_record(client: ReferralsClient) -> dict[str, Any]:
    """A referral of a record without a telephone, which was merged into another with one."""
    sent = await client.refer(
        caller=client.ambulance, source="ambulance", urgency="urgent", nhs_number=None, reason="falls", condition="fall"
    )
    survivor = await client.refer(demographics=a_demographics_body(telephone="020 7946 0001"))
    await _identity(client, sent, "merge", {"into": survivor["person_id"]})
    return sent


async def _identity(client: ReferralsClient, referral: dict[str, Any], command: str, body: dict[str, Any]) -> None:
    path = f"/people/{referral['person_id']}"
    version = (await client.get(f"{path}/identity")).json()["version"]
    answer = await client.post(f"{path}/{command}", body, version=version)
    assert answer.status_code == 200, answer.text


async def _stored(client: ReferralsClient, referral: dict[str, Any]) -> Any:
    return (await client.get(f"/people/{referral['person_id']}")).json()["telephone"]
