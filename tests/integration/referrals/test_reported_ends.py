"""A referrer without a further relationship reports a death or a move: no care ends before staff have recorded it."""

from datetime import timedelta
from typing import Any

import pytest

from shared.contracts.persons import PersonDeceased, PersonMoved
from shared.contracts.referrals import ReferralAcknowledgementOverdue, ReferralDiscrepancyFound
from tests.builders.referrals import ReferralsClient, a_demographics_body

_ENDS = [("died", "death-reported"), ("moved-away", "move-reported")]
_RECORDS = [("died", "death-reported", "death", "deceased"), ("moved-away", "move-reported", "move", "moved")]


async def _cared_for(client: ReferralsClient) -> dict[str, Any]:
    """The accepted referral of a person by another organisation."""
    routed = await client.refer_and_route(caller=client.ambulance, source="ambulance")
    return await client.command(routed["id"], "acceptance", caller=client.receiver("CLCH"))


async def _by_stranger(client: ReferralsClient, **changes: Any) -> dict[str, Any]:
    """A referral by an organisation that knows the NHS number alone."""
    return await client.refer(caller=client.gp("W08"), **({"reason": "falls", "demographics": None, "story": None} | changes))


async def _report(client: ReferralsClient, referral: dict[str, Any], reason: str) -> dict[str, Any]:
    return await client.command(referral["id"], "cancellation", {"reason": reason}, caller=client.gp("W08"))


async def _life(client: ReferralsClient, person_id: str) -> str:
    status: str = (await client.get(f"/people/{person_id}/life")).json()["status"]
    return status


async def _commands(client: ReferralsClient, referral: dict[str, Any]) -> list[str]:
    return [action["name"] for action in (await client.get(f"/{referral['id']}/actions", client.gp("W08"))).json()]


@pytest.mark.parametrize(("reason", "mark"), _ENDS)
async def test_end_stated_by_a_stranger_ends_no_care(client: ReferralsClient, reason: str, mark: str) -> None:
    """Finding: an NHS number was enough to end all care of a person, and the Community Point of Access saw nothing."""
    cared_for, sent = await _cared_for(client), await _by_stranger(client)

    reported = await _report(client, sent, reason)

    assert (reported["status"], reported["discrepancies"], reported["cancel_reason"]) == ("identified", [mark], None)
    assert (await client.read(cared_for["id"]))["status"] == "accepted"
    assert await _life(client, sent["person_id"]) == "living"
    assert [await client.context.published(kind) for kind in (PersonDeceased, PersonMoved)] == [[], []]
    work = (await client.get("/work", section="discrepancies", discrepancy=mark)).json()["items"]
    assert [(item["id"], item["discrepancies_due_at"] is not None) for item in work] == [(sent["id"], True)]


async def test_reported_death_has_a_deadline_that_repeats(client: ReferralsClient) -> None:
    await _cared_for(client)
    sent = await _by_stranger(client)
    await client.command(sent["id"], "triage", {"urgency": "routine", "reason": "Stable."})
    await client.command(sent["id"], "route", {"route": "service", "service_code": "district-nursing"})
    await client.command(sent["id"], "acceptance", caller=client.receiver("CLCH"))
    await _report(client, sent, "died")

    await client.context.let_pass(timedelta(days=4))

    overdue = await client.context.published(ReferralAcknowledgementOverdue)
    assert len(overdue) > 1
    assert {event.service_code for event in overdue} == {"community-point-of-access"}
    assert (await client.read(sent["id"]))["discrepancies_due_at"] is not None


@pytest.mark.parametrize(("reason", "mark", "verb", "status"), _RECORDS)
async def test_recorded_end_settles_the_report(client: ReferralsClient, reason: str, mark: str, verb: str, status: str) -> None:
    cared_for, sent = await _cared_for(client), await _by_stranger(client)
    assert (await _report(client, sent, reason))["discrepancies"] == [mark]

    recorded = await client.post(f"/people/{sent['person_id']}/{verb}", {}, version=0)

    assert (recorded.status_code, recorded.json()["status"]) == (200, status)
    ended = [await client.read(each["id"]) for each in (cared_for, sent)]
    assert [(each["status"], each["cancel_reason"], each["discrepancies"]) for each in ended] == 2 * [("cancelled", reason, [])]
    assert (await client.get("/work", section="discrepancies")).json()["items"] == []


@pytest.mark.parametrize(("reason", "mark"), _ENDS)
async def test_staff_record_the_report_by_a_cancellation(client: ReferralsClient, reason: str, mark: str) -> None:
    cared_for, sent = await _cared_for(client), await _by_stranger(client)
    assert (await _report(client, sent, reason))["discrepancies"] == [mark]

    confirmed = await client.command(sent["id"], "cancellation", {"reason": reason})

    assert (confirmed["status"], confirmed["discrepancies"]) == ("cancelled", [])
    assert (await client.read(cared_for["id"]))["cancel_reason"] == reason


@pytest.mark.parametrize(("reason", "mark"), _ENDS)
async def test_wrong_report_is_resolved_with_a_reason(client: ReferralsClient, reason: str, mark: str) -> None:
    cared_for, sent = await _cared_for(client), await _by_stranger(client)
    await _report(client, sent, reason)

    resolved = await client.command(sent["id"], "discrepancy-resolution", {"discrepancy": mark, "reason": "He answered the telephone."})

    assert (resolved["status"], resolved["discrepancies"], resolved["discrepancies_due_at"]) == ("identified", [], None)
    assert (await client.read(cared_for["id"]))["status"] == "accepted"
    assert await _life(client, sent["person_id"]) == "living"


@pytest.mark.parametrize(("reason", "mark"), _ENDS)
async def test_report_of_a_merged_referral_marks_the_joined_one(client: ReferralsClient, reason: str, mark: str) -> None:
    cared_for = await _cared_for(client)
    merged = await _by_stranger(client, reason="community-nursing")
    assert "CancelReferral" in await _commands(client, merged)

    reported = await _report(client, merged, reason)

    assert (reported["status"], reported["discrepancies"]) == ("merged", [])
    joined = await client.read(cared_for["id"])
    assert (joined["status"], joined["discrepancies"][-1], joined["discrepancies_due_at"] is not None) == ("accepted", mark, True)


@pytest.mark.parametrize(("reason", "mark"), _ENDS)
async def test_report_leaves_joined_referrals_of_others_open(client: ReferralsClient, reason: str, mark: str) -> None:
    sent = await _by_stranger(client, demographics=a_demographics_body(), story={"narrative": "He fell."})
    merged = await client.refer(caller=client.ambulance, source="ambulance", reason="falls")
    assert merged["status"] == "merged"

    reported = await _report(client, sent, reason)

    assert (reported["status"], mark in reported["discrepancies"]) == ("identified", True)
    assert (await client.read(merged["id"]))["continued_as"]["status"] == "identified"


async def test_referrer_withdraws_after_its_report(client: ReferralsClient) -> None:
    await _cared_for(client)
    sent = await _by_stranger(client)
    await _report(client, sent, "died")
    assert "CancelReferral" in await _commands(client, sent)

    assert (await _report(client, sent, "withdrawn"))["status"] == "cancelled"
    refused = await client.try_command(sent["id"], "cancellation", {"reason": "died"}, caller=client.gp("W08"))

    assert (refused.status_code, refused.json()["code"]) == (409, "illegal-transition")


@pytest.mark.parametrize("is_cared_for", [True, False])
async def test_report_outlasts_the_withdrawal_of_its_referral(client: ReferralsClient, *, is_cared_for: bool) -> None:
    """Finding: a report that its referrer withdrew with the referral had no deadline, and no list showed it."""
    if is_cared_for:
        await _cared_for(client)
    sent = await _by_stranger(client, demographics=a_demographics_body(), story={"narrative": "He fell."})
    await _report(client, sent, "died")
    withdrawn = await _report(client, sent, "withdrawn")

    await client.context.let_pass(timedelta(days=4))

    assert (withdrawn["status"], withdrawn["discrepancies"]) == ("cancelled", ["death-reported"])
    overdue = await client.context.published(ReferralAcknowledgementOverdue)
    assert len([event for event in overdue if event.discrepancies]) > 1
    listed = (await client.get("/work", section="discrepancies", discrepancy="death-reported")).json()["items"]
    whole = (await client.get("/work")).json()["items"]
    assert [item["id"] for item in listed] == [sent["id"]]
    assert sent["id"] in {item["id"] for item in whole}
    assert "ResolveDiscrepancy" in {each["name"] for each in (await client.get(f"/{sent['id']}/actions")).json()}


async def test_report_outlasts_a_closed_referral(client: ReferralsClient) -> None:
    """Finding: the report of a death vanished when the receiver closed the referral, and staff had neither recorded nor refuted it."""
    sent = await _by_stranger(client, demographics=a_demographics_body(), story={"narrative": "He fell."})
    await client.command(sent["id"], "triage", {"urgency": "routine", "reason": "Stable."})
    await client.command(sent["id"], "route", {"route": "service", "service_code": "district-nursing"})
    await client.command(sent["id"], "acceptance", caller=client.receiver("CLCH"))
    await _report(client, sent, "died")

    closed = await client.command(sent["id"], "closure", {"outcome": "need-met"}, caller=client.receiver("CLCH"))
    left = await client.read(sent["id"])
    await client.command(sent["id"], "discrepancy-resolution", {"discrepancy": "death-reported", "reason": "He telephoned."})
    refuted = await client.read(sent["id"])

    assert (closed["status"], left["discrepancies"], left["owner"]["service_code"]) == (
        "closed",
        ["death-reported"],
        "community-point-of-access",
    )
    assert (refuted["status"], refuted["discrepancies"], refuted["owner"]) == ("closed", [], None)


async def test_withdrawn_report_is_refuted_with_a_reason(client: ReferralsClient) -> None:
    sent = await _withdrawn_report(client)

    refuted = await client.command(sent["id"], "discrepancy-resolution", {"discrepancy": "death-reported", "reason": "He telephoned."})

    assert (refuted["status"], refuted["discrepancies"], refuted["discrepancies_due_at"]) == ("cancelled", [], None)
    assert (await client.get("/work", section="discrepancies")).json()["items"] == []
    again = await client.try_command(sent["id"], "discrepancy-resolution", {"discrepancy": "death-reported", "reason": "He wrote."})
    assert (again.status_code, again.json()["code"]) == (409, "illegal-transition")


async def test_recorded_death_settles_the_withdrawn_report(client: ReferralsClient) -> None:
    sent = await _withdrawn_report(client)

    await client.post(f"/people/{sent['person_id']}/death", {}, version=0)

    settled = await client.read(sent["id"])
    assert (settled["cancel_reason"], settled["discrepancies"], settled["discrepancies_due_at"]) == ("withdrawn", [], None)
    assert (await client.get("/work", section="discrepancies")).json()["items"] == []


@pytest.mark.parametrize("is_withdrawn", [True, False])
async def test_recorded_move_leaves_the_death_report(client: ReferralsClient, *, is_withdrawn: bool) -> None:
    """Finding: the move ended the report of a death too, which staff had neither recorded nor refuted."""
    sent = await _by_stranger(client, demographics=a_demographics_body(), story={"narrative": "He fell."})
    for reason in ("died", "moved-away", *(["withdrawn"] if is_withdrawn else [])):
        await _report(client, sent, reason)
    assert (await client.read(sent["id"]))["discrepancies"] == ["death-reported", "move-reported"]

    await client.post(f"/people/{sent['person_id']}/move", {}, version=0)
    left = await client.read(sent["id"])
    listed = (await client.get("/work", section="discrepancies", discrepancy="death-reported")).json()["items"]
    await client.post(f"/people/{sent['person_id']}/death", {}, version=1)
    settled = await client.read(sent["id"])

    assert (left["discrepancies"], left["discrepancies_due_at"] is not None) == (["death-reported"], True)
    assert [item["id"] for item in listed] == [sent["id"]]
    assert (settled["discrepancies"], settled["discrepancies_due_at"]) == ([], None)


async def _withdrawn_report(client: ReferralsClient) -> dict[str, Any]:
    await _cared_for(client)
    sent = await _by_stranger(client)
    await _report(client, sent, "died")
    await _report(client, sent, "withdrawn")
    return sent


async def test_repeated_report_changes_nothing(client: ReferralsClient) -> None:
    await _cared_for(client)
    sent = await _by_stranger(client)
    path, body = f"/{sent['id']}/cancellation", {"reason": "died"}

    once, again = [await client.post(path, body, caller=client.gp("W08"), version=sent["version"]) for _ in range(2)]

    assert (once.status_code, again.status_code, again.json()) == (200, 200, once.json())


@pytest.mark.parametrize("merged", [{}, {"reason": "community-nursing"}])
async def test_report_that_stands_is_a_repetition(client: ReferralsClient, merged: dict[str, str]) -> None:
    """Each sends the version that it has seen last."""
    await _cared_for(client)
    sent = await _by_stranger(client, **merged)
    reported = await _report(client, sent, "died")

    again = [await _report(client, sent, "died") for _ in range(3)]

    assert again == 3 * [reported]
    assert len(await client.context.published(ReferralDiscrepancyFound)) == 1
    other = await _report(client, sent, "moved-away")
    assert ("move-reported" in other["discrepancies"]) is not bool(merged)
    assert len(await client.context.published(ReferralDiscrepancyFound)) == 2


@pytest.mark.parametrize("reason", ["died", "moved-away"])
async def test_registered_practice_records_the_end_at_once(client: ReferralsClient, reason: str) -> None:
    cared_for = await _cared_for(client)
    sent = await client.refer(reason="falls")

    cancelled = await client.command(sent["id"], "cancellation", {"reason": reason}, caller=client.gp())

    assert (cancelled["status"], cancelled["cancel_reason"]) == ("cancelled", reason)
    assert (await client.read(cared_for["id"]))["cancel_reason"] == reason


@pytest.mark.parametrize(("reason", "mark"), _ENDS)
async def test_practice_that_states_itself_reports_the_end(client: ReferralsClient, reason: str, mark: str) -> None:
    sent, other = await client.refer(), await client.refer(caller=client.ambulance, reason="falls", demographics=None)

    reported = await client.command(sent["id"], "cancellation", {"reason": reason}, caller=client.gp())

    assert (reported["status"], reported["discrepancies"]) == ("identified", [mark])
    assert (await client.read(other["id"]))["status"] == "identified"


async def test_receiver_that_also_refers_records_the_end(client: ReferralsClient) -> None:
    """It has the person's care, so that its statement is no report of a stranger."""
    cared_for = await _cared_for(client)
    nurse = client.context.token("referrals:refer", "referrals:receive", organisation="CLCH", role="community-nurse", actor="nurse-CLCH")
    sent = await client.refer(caller=nurse, source="integrated-locality-team", reason="falls", demographics=None, story=None)

    cancelled = await client.command(sent["id"], "cancellation", {"reason": "died"}, caller=nurse)

    assert (cancelled["status"], (await client.read(cared_for["id"]))["status"]) == ("cancelled", "cancelled")


async def test_reversed_death_leaves_no_report(client: ReferralsClient) -> None:
    await _cared_for(client)
    sent = await _by_stranger(client)
    await _report(client, sent, "died")
    await client.post(f"/people/{sent['person_id']}/death", {}, version=0)

    await client.post(f"/people/{sent['person_id']}/restoration", {"reason": "Another person died."}, version=1)

    reopened = await client.read(sent["id"])
    assert (reopened["status"], reopened["discrepancies"]) == ("identified", [])


@pytest.mark.parametrize("end", [[], ["withdrawn"], ["died", "withdrawn"]])
async def test_recorded_death_settles_the_move_report(client: ReferralsClient, end: list[str]) -> None:
    """Of an open and of a withdrawn referral. Finding: staff had to decide about the move of a person who had died."""
    sent = await _by_stranger(client, demographics=a_demographics_body(), story={"narrative": "He fell."})
    for reason in ("moved-away", *end):
        await _report(client, sent, reason)
    assert "move-reported" in (await client.read(sent["id"]))["discrepancies"]

    await client.post(f"/people/{sent['person_id']}/death", {}, version=0)

    settled = await client.read(sent["id"])
    assert (settled["status"], settled["discrepancies"], settled["discrepancies_due_at"]) == ("cancelled", [], None)
    assert (await client.get("/work", section="discrepancies")).json()["items"] == []


async def test_stated_death_settles_the_move_report(client: ReferralsClient) -> None:
    """Of the closed referral itself, and of another one that was closed before."""
    others = [await _closed_with_move_report(client, "closed"), await _closed_with_move_report(client, "open")]

    await client.command(others[1]["id"], "closure", {"outcome": "died"}, caller=client.receiver("CLCH"))

    settled = [await client.read(each["id"]) for each in others]
    assert [(each["status"], each["discrepancies"]) for each in settled] == 2 * [("closed", [])]


async def _closed_with_move_report(client: ReferralsClient, then: str) -> dict[str, Any]:
    sent = await _by_stranger(client, demographics=a_demographics_body(), story={"narrative": "He fell."})
    await client.command(sent["id"], "triage", {"urgency": "routine", "reason": "Stable."})
    await client.command(sent["id"], "route", {"route": "service", "service_code": "district-nursing"})
    await client.command(sent["id"], "acceptance", caller=client.receiver("CLCH"))
    await _report(client, sent, "moved-away")
    if then == "closed":
        await client.command(sent["id"], "closure", {"outcome": "need-met"}, caller=client.receiver("CLCH"))
    assert (await client.read(sent["id"]))["discrepancies"] == ["move-reported"]
    return sent
