"""A visit of Rapid Care without access: the person was not seen, so that a recall stays possible, and the end returns the referral."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from shared.contracts.event import Event
from shared.contracts.rapid_care import (
    ContactMode,
    DeclineReason,
    Need,
    ResponseAccepted,
    ResponseAssessed,
    ResponseAtRisk,
    ResponseBreached,
    ResponseCancelled,
    ResponseClosed,
    ResponseContacted,
    ResponseDeclined,
    ResponseOutcome,
)
from shared.contracts.referral_codes import ReturnReason
from shared.contracts.referrals import ReferralClosed, ReferralReturned
from shared.kernel.ids import new_id
from tests.builders.referrals import MONDAY, ReferralsClient

URGENT: dict[str, Any] = {"urgency": "urgent", "reason": "urgent-deterioration", "condition": "pneumonia"}


class Visits:
    """One referral that Rapid Care has accepted, and the events of its response."""

    def __init__(self, client: ReferralsClient, routed: dict[str, Any]) -> None:
        self.client, self.routed, self.id = client, routed, UUID(routed["id"])
        self._response_id, self._sequence = new_id(), 0

    async def deliver(self, event: Event) -> None:
        self._sequence += 1
        key, envelope = UUID(self.routed["person_id"]), {"correlation": self.id, "sequence": self._sequence}
        await self.client.context.deliver(event, key=key, subject=self._response_id, at=self.client.context.clock.at, **envelope)

    async def visit(self, mode: ContactMode) -> None:
        due_at = MONDAY + timedelta(hours=2)
        await self.deliver(ResponseContacted(referral_id=self.id, contacted_at=MONDAY, due_at=due_at, is_met=True, mode=mode))

    async def close(self, outcome: ResponseOutcome, *, is_seen: bool = False) -> None:
        closed = ResponseClosed(
            referral_id=self.id, outcome=outcome, is_admission_avoided=False, benefit_pounds=0, routing=1, is_seen=is_seen
        )
        await self.deliver(closed)

    async def is_recall_offered(self) -> bool:
        return "RecallReferral" in str((await self.client.get(f"/{self.id}/actions")).json())


@pytest.fixture
async def visits(client: ReferralsClient) -> Visits:
    found = Visits(client, await client.refer_and_route("rapid-care", "rapid-care", **URGENT))
    await found.deliver(ResponseAccepted(referral_id=found.id, accepted_at=MONDAY, due_at=MONDAY + timedelta(hours=2), routing=1))
    return found


async def test_referral_is_recalled_after_closed_door(visits: Visits) -> None:
    """Finding: a closed door counted as a contact, and the recall was refused."""
    await visits.visit(ContactMode.NO_ACCESS)

    assert await visits.is_recall_offered()
    recalled = await visits.client.command(str(visits.id), "recall")

    assert (recalled["status"], recalled["owner"]["service_code"]) == ("returned", "community-point-of-access")


async def test_closed_door_that_crosses_recall_leaves_referral_recalled(visits: Visits) -> None:
    await visits.client.command(str(visits.id), "recall")

    await visits.visit(ContactMode.NO_ACCESS)

    assert (await visits.client.read(str(visits.id)))["status"] == "returned"


async def test_unseen_person_at_risk_stays_in_work_list(visits: Visits) -> None:
    await visits.deliver(ResponseAtRisk(referral_id=visits.id, minutes_elapsed=60, due_at=MONDAY + timedelta(hours=2)))

    await visits.visit(ContactMode.NO_ACCESS)
    unseen = (await visits.client.get("/work")).json()["items"]
    await visits.visit(ContactMode.FACE_TO_FACE)

    assert [(item["id"], item["receiver_contacted_at"]) for item in unseen] == [(str(visits.id), None)]
    assert (await visits.client.get("/work")).json()["items"] == []


async def test_person_seen_after_closed_door_is_not_recalled(visits: Visits) -> None:
    await visits.visit(ContactMode.NO_ACCESS)
    await visits.visit(ContactMode.FACE_TO_FACE)
    await visits.deliver(ResponseAssessed(health_needs=(Need.INFECTION,), social_needs=(Need.NONE,)))

    refused = await visits.client.try_command(str(visits.id), "recall")

    assert (refused.status_code, refused.json()["code"]) == (409, "already-contacted")
    assert not await visits.is_recall_offered()


async def test_response_that_ends_without_access_returns_referral(visits: Visits) -> None:
    """Finding: it closed the referral, possibly minutes after the first attempt, and the unseen person had no owner."""
    await visits.visit(ContactMode.NO_ACCESS)
    await visits.close(ResponseOutcome.NO_ACCESS)

    seen = (await visits.client.get(f"/{visits.id}", visits.client.gp())).json()
    assert (seen["status"], seen["return_reason"], seen["outcome"]) == ("returned", "no-access", None)
    assert (seen["owner"]["service_code"], seen["deadline"]["kind"]) == ("community-point-of-access", "triage")
    assert seen["feedback"][-1]["text"].startswith("Rapid Care has tried and did not reach the person.")
    assert [item["id"] for item in (await visits.client.get("/work", section="triage")).json()["items"]] == [str(visits.id)]
    assert [event.reason for event in await visits.client.context.published(ReferralReturned)] == [ReturnReason.NO_ACCESS]
    assert await visits.client.context.published(ReferralClosed) == []


async def test_referrer_reads_warnings_and_visits_of_rapid_care(visits: Visits) -> None:
    """Finding: the feedback was silent about a person whom Rapid Care had not reached in two hours."""
    due_at = MONDAY + timedelta(hours=2)
    await visits.client.context.let_pass(timedelta(hours=1))
    await visits.deliver(ResponseAtRisk(referral_id=visits.id, minutes_elapsed=60, due_at=due_at))
    await visits.deliver(ResponseBreached(referral_id=visits.id, due_at=due_at))
    await visits.visit(ContactMode.NO_ACCESS)
    await visits.visit(ContactMode.FACE_TO_FACE)

    seen = (await visits.client.get(f"/{visits.id}", visits.client.gp())).json()

    assert [(line["code"], line["text"]) for line in seen["feedback"]][-4:] == [
        ("at-risk", "Rapid Care has not reached the person yet, and the two hours end soon. Its coordinator and we know."),
        ("breached", "Rapid Care did not reach the person within two hours. Its coordinator and we act on it now."),
        ("contacted", "A clinician of Rapid Care visited, and did not get to see the person."),
        ("contacted", "A clinician of Rapid Care has reached the person."),
    ]


@pytest.mark.parametrize(
    ("outcome", "reason"),
    [(ResponseOutcome.INAPPROPRIATE, "ineligible"), (ResponseOutcome.OTHER_SERVICE_INVOLVED, "other-service-involved")],
)
async def test_outcome_without_contact_returns_referral(visits: Visits, outcome: ResponseOutcome, reason: str) -> None:
    """Finding: it closed the referral of an urgent person who had not been seen."""
    await visits.close(outcome)

    returned = await visits.client.read(str(visits.id))
    assert (returned["status"], returned["return_reason"], returned["outcome"]) == ("returned", reason, None)
    assert (returned["owner"]["service_code"], returned["deadline"]["kind"]) == ("community-point-of-access", "triage")


async def test_refusal_of_unseen_person_closes_referral(visits: Visits) -> None:
    await visits.close(ResponseOutcome.DECLINED_BY_PERSON)

    assert (await visits.client.read(str(visits.id)))["outcome"] == "declined-by-person"


async def test_contact_that_crosses_recall_is_followed_after_the_end(visits: Visits) -> None:
    """Rapid Care has the person: the referral is accepted, and no second recall is offered."""
    await visits.client.command(str(visits.id), "recall")
    await visits.deliver(ResponseCancelled(referral_id=visits.id, reason="recalled"))

    await visits.visit(ContactMode.FACE_TO_FACE)

    accepted = await visits.client.read(str(visits.id))
    assert (accepted["status"], accepted["owner"]["service_code"]) == ("accepted", "rapid-care")
    assert accepted["receiver_contacted_at"] is not None
    assert not await visits.is_recall_offered()


async def test_life_threatening_return_is_closed_by_true_outcome_alone(visits: Visits) -> None:
    """Finding: the referrer read "ring 999", and then that the need was met."""
    client, referral_id = visits.client, str(visits.id)
    await visits.deliver(ResponseDeclined(referral_id=visits.id, reason=DeclineReason.LIFE_THREATENING, routing=1))

    for outcome in ("need-met", "not-acute"):
        refused = await client.try_command(referral_id, "closure", {"outcome": outcome})
        assert (refused.status_code, refused.json()["code"]) == (409, "outcome-leaves-red-flag")
    withdrawn = {"urgency": "routine", "has_red_flag": False, "reason": "The ambulance crew saw no danger to life."}
    await client.command(referral_id, "triage", withdrawn)

    assert (await client.command(referral_id, "closure", {"outcome": "need-met"}))["outcome"] == "need-met"


async def test_emergency_service_ends_life_threatening_return(visits: Visits) -> None:
    await visits.deliver(ResponseDeclined(referral_id=visits.id, reason=DeclineReason.LIFE_THREATENING, routing=1))

    closed = await visits.client.command(str(visits.id), "closure", {"outcome": "redirected-to-emergency"})

    assert (closed["status"], closed["outcome"]) == ("closed", "redirected-to-emergency")


async def test_end_of_response_that_leaves_red_flag_returns_referral(visits: Visits) -> None:
    """An acceptance crossed a triage with a red flag; the end that Rapid Care states must not be lost."""
    client, referral_id = visits.client, str(visits.id)
    await client.command(referral_id, "recall")
    await client.command(referral_id, "triage", {"urgency": "urgent", "has_red_flag": True, "reason": "Chest pain."})
    await visits.visit(ContactMode.FACE_TO_FACE)
    await visits.close(ResponseOutcome.ADMISSION_AVOIDED, is_seen=True)

    returned = await client.read(referral_id)
    assert (returned["status"], returned["has_red_flag"], returned["deadline"]["kind"]) == ("returned", True, "triage")
