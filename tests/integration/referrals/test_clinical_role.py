"""A clinical decision needs a clinical role: the scope for triage is in vain for any other."""

from tests.builders.referrals import ReferralsClient

DECISION = {"urgency": "urgent", "reason": "Feverish and confused"}


async def test_triage_needs_a_clinical_role(client: ReferralsClient) -> None:
    sent = await client.refer()
    clerk = client.context.token("referrals:triage", organisation="CLCH", role="call-handler", actor="clerk-1")

    refused = await client.try_command(sent["id"], "triage", DECISION, caller=clerk)
    decided = await client.try_command(sent["id"], "triage", DECISION)

    assert (refused.status_code, refused.json()["code"]) == (403, "clinical-role-missing")
    assert decided.status_code == 200


async def test_call_handler_with_both_scopes_handles_only(client: ReferralsClient) -> None:
    """The actions offer what the role permits."""
    sent = await client.refer()
    clerk = client.context.token("referrals:handle", "referrals:triage", organisation="CLCH", role="call-handler", actor="clerk-1")

    offered = {each["name"] for each in (await client.get(f"/{sent['id']}/actions", clerk)).json()}
    clinical = {each["name"] for each in (await client.get(f"/{sent['id']}/actions")).json()}
    refused = await client.try_command(sent["id"], "triage", DECISION, caller=clerk)

    assert "TriageReferral" in clinical
    assert "TriageReferral" not in offered
    assert offered
    assert (refused.status_code, refused.json()["code"]) == (403, "clinical-role-missing")
