"""Nobody is dropped: what is not done in time is said, and said again, until it is done."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from infra.dev_stack.dev_secrets import Keys
from shared.contracts.event import Event
from shared.contracts.rapid_care import ResponseAccepted
from shared.contracts.referrals import ReferralAcknowledgementOverdue, ReferralOutcomeOverdue
from shared.kernel.ids import new_id
from tests.builders.referrals import MONDAY, SATURDAY, ReferralsClient, referrals

URGENT: dict[str, Any] = {"urgency": "urgent", "reason": "urgent-deterioration", "condition": "pneumonia"}


@pytest.mark.acceptance("referrals-9")
async def test_a_receiver_that_does_not_answer_is_escalated_once_per_deadline(owner_url: str, keys: Keys) -> None:
    async with referrals(owner_url, keys, SATURDAY) as desk:
        routed = await desk.routed("rapid-care", "rapid-care", **URGENT)

        await desk.context.let_pass(timedelta(minutes=45))
        assert await _overdue(desk, ReferralAcknowledgementOverdue) == []
        await desk.context.let_pass(timedelta(minutes=1))
        for _ in range(3):
            await desk.context.timekeeper.process_due()

        due_at = SATURDAY + timedelta(minutes=45)
        assert await _overdue(desk, ReferralAcknowledgementOverdue) == [("rapid-care", due_at)]
        seen = await desk.read(routed["id"])
        assert seen["deadline"]["overdue_since"] == due_at.isoformat().replace("+00:00", "Z")
        assert (await desk.get("/work")).json()["items"][0]["id"] == routed["id"]

        await desk.context.let_pass(timedelta(hours=1))
        assert len(await _overdue(desk, ReferralAcknowledgementOverdue)) == 2


@pytest.mark.acceptance("referrals-9")
async def test_an_answer_that_comes_late_ends_the_escalation(owner_url: str, keys: Keys) -> None:
    async with referrals(owner_url, keys, SATURDAY) as desk:
        routed = await desk.routed("rapid-care", "rapid-care", **URGENT)
        await desk.context.let_pass(timedelta(minutes=50))
        accepted = ResponseAccepted(referral_id=UUID(routed["id"]), accepted_at=SATURDAY, due_at=SATURDAY + timedelta(hours=2))
        await desk.context.deliver(accepted, key=UUID(routed["person_id"]), subject=new_id(), correlation=UUID(routed["id"]))

        await desk.context.let_pass(timedelta(days=3))

        assert len(await _overdue(desk, ReferralAcknowledgementOverdue)) == 1
        assert (await desk.read(routed["id"]))["deadline"]["overdue_since"] is None


async def test_what_nobody_triages_is_escalated_at_the_point_of_access_itself(owner_url: str, keys: Keys) -> None:
    async with referrals(owner_url, keys, SATURDAY) as desk:
        await desk.sent(**URGENT)

        await desk.context.let_pass(timedelta(minutes=16))

        assert await _overdue(desk, ReferralAcknowledgementOverdue) == [("community-point-of-access", SATURDAY + timedelta(minutes=15))]


async def test_a_question_does_not_keep_anybody_from_being_reminded(owner_url: str, keys: Keys) -> None:
    async with referrals(owner_url, keys, MONDAY) as desk:
        routed = await desk.routed()
        await desk.done(routed["id"], "information-request", {"question": "Which medicines?"})

        await desk.context.let_pass(timedelta(days=2, seconds=1))

        assert await _overdue(desk, ReferralAcknowledgementOverdue) == [("district-nursing", MONDAY + timedelta(days=2))]


async def test_an_accepted_referral_whose_end_nobody_tells_is_asked_after(owner_url: str, keys: Keys) -> None:
    async with referrals(owner_url, keys, MONDAY) as desk:
        routed = await desk.routed()
        await desk.done(routed["id"], "acceptance")

        await desk.context.let_pass(timedelta(days=28, seconds=1))

        assert await _overdue(desk, ReferralOutcomeOverdue) == [("district-nursing", MONDAY + timedelta(days=28))]
        [waiting] = (await desk.get("/work")).json()["items"]
        assert (waiting["id"], waiting["status"]) == (routed["id"], "accepted")


async def test_a_signposted_person_is_asked_after_three_weeks_whether_it_helped(owner_url: str, keys: Keys) -> None:
    async with referrals(owner_url, keys, MONDAY) as desk:
        sent = await desk.sent(urgency="advice", reason="information")
        await desk.done(sent["id"], "triage", {"urgency": "advice", "reason": "Wants company"})
        await desk.done(sent["id"], "signpost", {"service_code": "befriending"})

        await desk.context.let_pass(timedelta(days=21, seconds=1))

        assert await _overdue(desk, ReferralOutcomeOverdue) == [("befriending", MONDAY + timedelta(days=21))]


async def test_after_the_end_nothing_is_due_any_more(owner_url: str, keys: Keys) -> None:
    async with referrals(owner_url, keys, MONDAY) as desk:
        routed = await desk.routed()
        await desk.done(routed["id"], "acceptance")
        await desk.done(routed["id"], "closure", {"outcome": "need-met"})
        before = await desk.context.log()

        await desk.context.let_pass(timedelta(days=100))

        assert await desk.context.log() == before
        assert await _pending(desk) == []


async def test_at_every_moment_an_open_referral_has_exactly_one_live_deadline(owner_url: str, keys: Keys) -> None:
    async with referrals(owner_url, keys, MONDAY) as desk:
        sent = await desk.sent()
        assert await _pending(desk) == ["triage"]
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
            await desk.done(sent["id"], verb, body)
            assert await _pending(desk) == kinds, verb


async def test_deadlines_that_passed_while_everything_was_down_fire_once_each(owner_url: str, keys: Keys) -> None:
    async with referrals(owner_url, keys, SATURDAY) as desk:
        await desk.sent(**URGENT)
        desk.context.clock.advance(timedelta(days=30))

        await desk.context.timekeeper.process_due()
        await desk.context.timekeeper.process_due()

        assert len(await _overdue(desk, ReferralAcknowledgementOverdue)) == 1
        assert await _pending(desk) == ["triage"]


async def _overdue(desk: ReferralsClient, kind: type[Event]) -> list[tuple[str, Any]]:
    told: list[Any] = await desk.context.published(kind)
    return [(event.service_code, getattr(event, "acknowledge_by", None) or event.outcome_by) for event in told]


async def _pending(desk: ReferralsClient) -> list[str]:
    rows = await desk.context.database.pool.fetch("SELECT kind FROM deadline WHERE state = 'pending'")
    return [row["kind"] for row in rows]
