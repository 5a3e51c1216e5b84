"""A referral that was closed or cancelled by mistake is open again."""

from datetime import timedelta

from shared.contracts.referral_codes import ReopenReason
from shared.contracts.referrals import ReferralReopened
from tests.builders.referrals import ReferralsClient

MISTAKE = {"reason": "Closed for the wrong person."}


async def test_outside_service_continues_a_mistakenly_closed_referral(client: ReferralsClient) -> None:
    routed = await client.refer_and_route()
    nurse = client.receiver("CLCH")
    await client.command(routed["id"], "acceptance", caller=nurse)
    await client.command(routed["id"], "closure", {"outcome": "need-met"}, caller=nurse)
    offered = [action["name"] for action in (await client.get(f"/{routed['id']}/actions")).json()]

    opened = await client.command(routed["id"], "reopening", MISTAKE)

    assert offered == ["ReopenReferral"]
    assert (opened["status"], opened["owner"]["service_code"], opened["outcome"]) == ("accepted", "district-nursing", None)
    assert opened["reference"] == routed["reference"]
    assert [event.reason for event in await client.context.published(ReferralReopened)] == [ReopenReason.ENDED_IN_ERROR]
    assert [each["id"] for each in (await client.get("/incoming", nurse)).json()["items"]] == [routed["id"]]
    seen = (await client.get(f"/{routed['id']}", client.gp())).json()
    assert (seen["feedback"][-1]["text"], seen["reopen_reason"]) == ("It had ended by mistake, and is open again.", MISTAKE["reason"])


async def test_withdrawn_referral_is_in_the_work_list_again(client: ReferralsClient) -> None:
    sent = await client.refer(urgency="urgent")
    await client.command(sent["id"], "cancellation", {"reason": "sent-in-error"}, caller=client.gp())
    await client.context.let_pass(timedelta(days=1))

    opened = await client.command(sent["id"], "reopening", MISTAKE)

    assert (opened["status"], opened["clock_starts_at"], opened["cancel_reason"]) == ("identified", sent["clock_starts_at"], None)
    assert opened["deadline"] == {"kind": "triage", "due_at": "2015-03-17T10:20:00Z", "overdue_since": None}
    assert [each["id"] for each in (await client.get("/work")).json()["items"]] == [sent["id"]]
    await client.context.let_pass(timedelta(minutes=16))
    assert (await client.read(sent["id"]))["deadline"]["overdue_since"] == "2015-03-17T10:20:00Z"


async def test_reopening_is_refused_to_others_and_after_its_time(client: ReferralsClient) -> None:
    sent = await client.refer()
    await client.command(sent["id"], "cancellation", {"reason": "sent-in-error"}, caller=client.gp())
    handler = client.context.token("referrals:handle", organisation="CLCH", actor="handler-1")

    for caller in (client.gp(), handler):
        assert (await client.try_command(sent["id"], "reopening", MISTAKE, caller=caller)).json()["code"] == "scope-missing"
    await client.context.let_pass(timedelta(days=7, seconds=1))
    late = await client.try_command(sent["id"], "reopening", MISTAKE)

    assert (late.status_code, late.json()["code"]) == (409, "reopening-too-late")
    assert (await client.get(f"/{sent['id']}/actions")).json() == []


async def test_end_with_a_death_is_reversed_for_the_person(client: ReferralsClient) -> None:
    sent = await client.refer()
    await client.command(sent["id"], "cancellation", {"reason": "died"})

    refused = await client.try_command(sent["id"], "reopening", MISTAKE)

    assert (refused.status_code, refused.json()["code"]) == (409, "ended-with-person")
