"""A referral whose owner does not act in time is escalated at every deadline until it ends."""

from datetime import UTC, timedelta
from typing import Any
from uuid import UUID

import pytest

from shared.contracts.event import Event
from shared.contracts.rapid_care import ResponseAccepted
from shared.contracts.referrals import ReferralAcknowledgementOverdue, ReferralOutcomeOverdue
from tests.builders.referrals import MONDAY, SATURDAY, ReferralsClient

on_saturday = pytest.mark.parametrize("now", [SATURDAY], ids=["saturday"])

URGENT: dict[str, Any] = {"urgency": "urgent", "reason": "urgent-deterioration", "condition": "pneumonia"}


@on_saturday
@pytest.mark.acceptance("referrals-9")
async def test_silent_receiver_is_escalated_once_per_deadline(client: ReferralsClient) -> None:
    routed = await client.refer_and_route("rapid-care", "rapid-care", **URGENT)

    await client.context.let_pass(timedelta(minutes=45))
    assert await _overdue(client, ReferralAcknowledgementOverdue) == []
    await client.context.let_pass(timedelta(minutes=1))
    for _ in range(3):
        await client.context.scheduler.process_due()

    due_at = SATURDAY + timedelta(minutes=45)
    assert await _overdue(client, ReferralAcknowledgementOverdue) == [("rapid-care", due_at)]
    seen = await client.read(routed["id"])
    assert seen["deadline"]["overdue_since"] == due_at.isoformat().replace("+00:00", "Z")
    assert (await client.get("/work")).json()["items"][0]["id"] == routed["id"]

    await client.context.let_pass(timedelta(hours=1))
    assert len(await _overdue(client, ReferralAcknowledgementOverdue)) == 2


@on_saturday
@pytest.mark.acceptance("referrals-9")
async def test_late_acceptance_ends_escalation(client: ReferralsClient) -> None:
    routed = await client.refer_and_route("rapid-care", "rapid-care", **URGENT)
    await client.context.let_pass(timedelta(minutes=50))
    accepted = ResponseAccepted(referral_id=UUID(routed["id"]), accepted_at=SATURDAY, due_at=SATURDAY + timedelta(hours=2))
    await client.deliver(routed, accepted)

    await client.context.let_pass(timedelta(days=3))

    assert len(await _overdue(client, ReferralAcknowledgementOverdue)) == 1
    assert (await client.read(routed["id"]))["deadline"]["overdue_since"] is None


@on_saturday
async def test_untriaged_referral_is_escalated_to_point_of_access(client: ReferralsClient) -> None:
    await client.refer(**URGENT)

    await client.context.let_pass(timedelta(minutes=16))

    assert await _overdue(client, ReferralAcknowledgementOverdue) == [("community-point-of-access", SATURDAY + timedelta(minutes=15))]


async def test_open_question_does_not_stop_escalation(client: ReferralsClient) -> None:
    routed = await client.refer_and_route()
    await client.command(routed["id"], "information-request", {"question": "Which medicines?"})

    await client.context.let_pass(timedelta(days=2, seconds=1))

    assert await _overdue(client, ReferralAcknowledgementOverdue) == [("district-nursing", MONDAY + timedelta(days=2))]


async def test_accepted_referral_without_outcome_becomes_overdue(client: ReferralsClient) -> None:
    routed = await client.refer_and_route()
    await client.command(routed["id"], "acceptance")

    await client.context.let_pass(timedelta(days=28, hours=1, seconds=1))  # summer time began

    assert await _overdue(client, ReferralOutcomeOverdue) == [("district-nursing", MONDAY.astimezone(UTC) + timedelta(days=28))]
    [waiting] = (await client.get("/work")).json()["items"]
    assert (waiting["id"], waiting["status"]) == (routed["id"], "accepted")


async def test_signposted_referral_becomes_overdue_after_three_weeks(client: ReferralsClient) -> None:
    sent = await client.refer(urgency="advice", reason="information")
    await client.command(sent["id"], "triage", {"urgency": "advice", "reason": "Wants company"})
    await client.command(sent["id"], "signpost", {"service_code": "befriending"})

    await client.context.let_pass(timedelta(days=21, hours=1, seconds=1))  # summer time began

    assert await _overdue(client, ReferralOutcomeOverdue) == [("befriending", MONDAY.astimezone(UTC) + timedelta(days=21))]


async def test_closed_referral_has_no_deadline(client: ReferralsClient) -> None:
    routed = await client.refer_and_route()
    await client.command(routed["id"], "acceptance")
    await client.command(routed["id"], "closure", {"outcome": "need-met"})
    before = await client.context.log()

    await client.context.let_pass(timedelta(days=100))

    assert await client.context.log() == before
    assert await _pending(client) == []


async def test_open_referral_always_has_one_pending_deadline(client: ReferralsClient) -> None:
    sent = await client.refer(condition="copd")
    assert await _pending(client) == ["triage"]
    steps: list[tuple[str, Any, list[str]]] = [
        ("information-request", {"question": "Which medicines?"}, ["triage"]),
        ("triage", {"urgency": "routine", "reason": "Stable"}, ["triage"]),
        ("route", {"route": "service", "service_code": "falls-clinic"}, ["acknowledgement"]),
        ("return", {"reason": "ineligible"}, ["triage"]),
        ("triage", {"urgency": "routine", "reason": "Stable"}, ["triage"]),
        ("route", {"route": "service", "service_code": "district-nursing"}, ["acknowledgement"]),
        ("acceptance", None, ["outcome"]),
        ("urgency", {"reason": "Fever"}, ["triage"]),
        ("cancellation", {"reason": "died"}, []),
    ]
    for verb, body, kinds in steps:
        await client.command(sent["id"], verb, body)
        assert await _pending(client) == kinds, verb


@on_saturday
async def test_missed_deadline_fires_once_after_downtime(client: ReferralsClient) -> None:
    await client.refer(**URGENT)
    client.context.clock.advance(timedelta(days=30))

    await client.context.scheduler.process_due()
    await client.context.scheduler.process_due()

    assert len(await _overdue(client, ReferralAcknowledgementOverdue)) == 1
    assert await _pending(client) == ["triage"]


async def _overdue(client: ReferralsClient, kind: type[Event]) -> list[tuple[str, Any]]:
    """The service and the missed deadline of each event of the kind."""
    events: list[Any] = await client.context.published(kind)
    return [(event.service_code, getattr(event, "acknowledge_by", None) or event.outcome_by) for event in events]


async def _pending(client: ReferralsClient) -> list[str]:
    rows = await client.context.database.pool.fetch("SELECT kind FROM deadline WHERE state = 'pending'")
    return [row["kind"] for row in rows]
