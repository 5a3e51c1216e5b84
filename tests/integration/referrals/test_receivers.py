"""Replies of receivers: directory services reply over HTTP, services of the product by their events."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from shared.contracts.codes import Locality, PlaceOfCare, TaskKind
from shared.contracts.event import Event
from shared.contracts.mdt import (
    CarePlanAgreed,
    CarePlanClosed,
    CarePlanDeclined,
    CaseClosed,
    CaseCloseReason,
    CaseDiscussed,
    CaseListed,
    CaseRedirected,
    Destination,
)
from shared.contracts.navigation import TaskAcknowledged, TaskFulfilled, TaskOutcome, TaskSource
from shared.contracts.rapid_care import (
    DeclineReason,
    ResponseAccepted,
    ResponseClosed,
    ResponseDeclined,
    ResponseEscalated,
    ResponseOutcome,
)
from shared.contracts.referrals import ReferralAcceptanceCrossed, ReferralAccepted, ReferralClosed, ReferralReturned
from shared.kernel.ids import new_id
from tests.builders.referrals import MONDAY, ReferralsClient

URGENT: dict[str, Any] = {"urgency": "urgent", "reason": "urgent-deterioration", "condition": "pneumonia"}


def _an_agreed_plan(referral_ids: tuple[UUID, ...]) -> CarePlanAgreed:
    return CarePlanAgreed(
        plan_version=1,
        preferred_place_of_care=PlaceOfCare.HOME,
        has_crisis_section=False,
        review_on=MONDAY.date(),
        locality=Locality.WEST,
        actions=(),
        referral_ids=referral_ids,
    )


async def test_directory_service_accepts_and_closes_referral(client: ReferralsClient) -> None:
    routed = await client.refer_and_route()
    nurse = client.receiver("CLCH")

    accepted = await client.command(routed["id"], "acceptance", caller=nurse)
    closed = await client.command(routed["id"], "closure", {"outcome": "need-met"}, caller=nurse)

    assert accepted["owner"] == {"service_code": "district-nursing", "organisation": "CLCH"}
    assert (closed["status"], closed["outcome"]) == ("closed", "need-met")
    [seen] = (await client.get("", client.gp(), status="closed")).json()["items"]
    assert seen["outcome"] == "need-met"


async def test_receiver_loses_access_after_return_or_closure(client: ReferralsClient) -> None:
    returned, closed = await client.refer_and_route(), await client.refer_and_route(reason="palliative")
    nurse = client.receiver("CLCH")
    await client.command(returned["id"], "return", {"reason": "capacity"}, caller=nurse)
    await client.command(closed["id"], "acceptance", caller=nurse)
    await client.command(closed["id"], "closure", {"outcome": "need-met"}, caller=nurse)

    for referral in (returned, closed):
        for path in ("", "/record", "/timeline"):
            response = await client.get(f"/{referral['id']}{path}", nurse)
            assert (response.status_code, response.json()["code"]) == (403, "organisation-not-involved"), path


async def test_other_organisation_cannot_answer_for_receiver(client: ReferralsClient) -> None:
    routed = await client.refer_and_route()

    for verb, body in (("acceptance", None), ("return", {"reason": "capacity"}), ("closure", {"outcome": "need-met"})):
        response = await client.try_command(routed["id"], verb, body, caller=client.receiver("LBB"))
        assert (response.status_code, response.json()["code"]) == (403, "organisation-not-involved")

    assert (await client.read(routed["id"]))["version"] == routed["version"]


async def test_receiver_sees_incoming_referral_and_story(client: ReferralsClient) -> None:
    routed = await client.refer_and_route(service="social-care-direct", reason="social-care")
    council = client.receiver("LBB")

    [arrived] = (await client.get("/incoming", council)).json()["items"]
    record = (await client.get(f"/{routed['id']}/record", council)).json()
    other = await client.get(f"/{routed['id']}/record", client.receiver("CLCH"))

    assert arrived["id"] == routed["id"]
    assert (record["family_name"], record["story"]["contacts"][0]["name"]) == ("Dale", "Louise")
    assert (other.status_code, other.json()["code"]) == (403, "organisation-not-involved")
    assert (await client.get("/incoming", client.receiver("CLCH"))).json()["items"] == []


async def test_receiver_does_not_see_withheld_story(client: ReferralsClient) -> None:
    routed = await client.refer_and_route()
    await client.post(f"/people/{routed['person_id']}/record", {"sharing": "withheld"}, version=1)

    record = (await client.get(f"/{routed['id']}/record", client.receiver("CLCH"))).json()
    again = await client.refer(reason="falls", demographics=None, story=None)

    assert (record["family_name"], record["story"]) == ("Dale", None)
    assert (again["is_story_known"], again["story"]) == (True, None)


async def test_triager_cannot_answer_for_rapid_care_until_overdue(client: ReferralsClient) -> None:
    routed = await client.refer_and_route("rapid-care", "rapid-care", **URGENT)

    early = await client.try_command(routed["id"], "return", {"reason": "capacity"})
    await client.context.let_pass(timedelta(minutes=46))
    for verb, body in (("acceptance", None), ("closure", {"outcome": "need-met"})):
        in_its_name = await client.try_command(routed["id"], verb, body)
        assert (in_its_name.status_code, in_its_name.json()["code"]) == (409, "answered-by-service"), verb
    offered = {action["name"] for action in (await client.get(f"/{routed['id']}/actions")).json()}
    assert offered & {"AcceptReferral", "ReturnReferral", "CloseReferral"} == {"ReturnReferral"}
    taken_back = await client.command(routed["id"], "return", {"reason": "capacity"})

    assert (early.status_code, early.json()["code"]) == (409, "answered-by-service")
    assert taken_back["status"] == "returned"


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        (ResponseOutcome.ADMISSION_AVOIDED, "admission-avoided"),
        (ResponseOutcome.ADMITTED, "admitted"),
        (ResponseOutcome.NOT_ACUTE, "not-acute"),
        (ResponseOutcome.INAPPROPRIATE, "inappropriate"),
        (ResponseOutcome.OTHER_SERVICE_INVOLVED, "other-service-involved"),
        (ResponseOutcome.DIED_IN_PREFERRED_PLACE, "died"),
        (ResponseOutcome.DIED_ELSEWHERE, "died"),
        (ResponseOutcome.DECLINED_BY_PERSON, "declined-by-person"),
        (ResponseOutcome.NO_ACCESS, "no-access"),
    ],
)
async def test_response_outcome_closes_referral(client: ReferralsClient, outcome: ResponseOutcome, expected: str) -> None:
    routed = await client.refer_and_route("rapid-care", "rapid-care", **URGENT)
    referral_id = UUID(routed["id"])

    await client.deliver(routed, ResponseAccepted(referral_id=referral_id, accepted_at=MONDAY, due_at=MONDAY + timedelta(hours=2)))
    accepted = await client.read(routed["id"])
    await client.deliver(routed, ResponseClosed(referral_id=referral_id, outcome=outcome, is_admission_avoided=False, benefit_pounds=0))
    closed = await client.read(routed["id"])

    assert (accepted["status"], accepted["owner"]["service_code"]) == ("accepted", "rapid-care")
    assert (closed["status"], closed["outcome"]) == ("closed", expected)
    assert closed["feedback"][-1]["text"] == f"It is closed: {expected.replace('-', ' ')}."


async def test_admission_closes_referral_once(client: ReferralsClient) -> None:
    routed = await client.refer_and_route("rapid-care", "rapid-care", **URGENT)
    referral_id = UUID(routed["id"])

    await client.deliver(routed, ResponseEscalated(referral_id=referral_id))
    closed = ResponseClosed(referral_id=referral_id, outcome=ResponseOutcome.ADMITTED, is_admission_avoided=False, benefit_pounds=0)
    await client.deliver(routed, closed)

    assert [event.outcome for event in await client.context.published(ReferralClosed)] == ["admitted"]


@pytest.mark.acceptance("rapid_care-8")
async def test_practice_sees_admission_after_ambulance_referral(client: ReferralsClient) -> None:
    routed = await client.refer_and_route("rapid-care", "rapid-care", caller=client.ambulance, **URGENT)

    await client.deliver(routed, ResponseEscalated(referral_id=UUID(routed["id"]), routing=1))

    [ended] = (await client.get("", client.gp(), whose="registered", status="closed")).json()["items"]
    followed = (await client.get(f"/{routed['id']}", client.gp())).json()
    assert (ended["id"], ended["outcome"]) == (routed["id"], "admitted")
    assert followed["feedback"][-1]["text"] == "It is closed: admitted."


async def test_reply_to_earlier_routing_is_ignored(client: ReferralsClient) -> None:
    first = await client.refer_and_route("rapid-care", "rapid-care", **URGENT)
    second = await _take_back_and_route(client, first, "rapid-care", "rapid-care")
    declined = ResponseDeclined(referral_id=UUID(first["id"]), reason=DeclineReason.CAPACITY, routing=1)

    await client.deliver(first, declined)
    assert (await client.read(first["id"]))["version"] == second["version"]

    await client.deliver(first, declined.model_copy(update={"routing": 2}))
    assert (await client.read(first["id"]))["status"] == "returned"


async def test_acceptance_crossing_return_is_honoured(client: ReferralsClient) -> None:
    routed = await client.refer_and_route("rapid-care", "rapid-care", **URGENT)
    await client.context.let_pass(timedelta(minutes=46))
    await client.command(routed["id"], "return", {"reason": "capacity"})

    await client.deliver(routed, _accepted(routed, 1))

    accepted = await client.read(routed["id"])
    assert (accepted["status"], accepted["owner"]["service_code"], accepted["deadline"]["kind"]) == ("accepted", "rapid-care", "outcome")
    assert (await client.get("/work")).json()["items"] == []


async def test_acceptance_crossing_new_route_enters_work_list(client: ReferralsClient) -> None:
    routed = await client.refer_and_route("rapid-care", "rapid-care", **URGENT)
    await _take_back_and_route(client, routed, "service", "district-nursing")
    assert (await client.get("/work")).json()["items"] == []

    await client.deliver(routed, _accepted(routed, 1))

    [waiting] = (await client.get("/work")).json()["items"]
    assert (waiting["id"], waiting["status"], waiting["also_with"]) == (routed["id"], "routed", "rapid-care")
    assert [event.service_code for event in await client.context.published(ReferralAcceptanceCrossed)] == ["rapid-care"]
    assert (await client.read(routed["id"]))["feedback"][-1]["text"].startswith("Rapid Care has accepted it as well.")


@pytest.mark.parametrize("reason", list(DeclineReason))
async def test_declined_response_returns_referral(client: ReferralsClient, reason: DeclineReason) -> None:
    routed = await client.refer_and_route("rapid-care", "rapid-care", **URGENT)

    await client.deliver(routed, ResponseDeclined(referral_id=UUID(routed["id"]), reason=reason))
    returned = await client.read(routed["id"])

    assert (returned["status"], returned["return_reason"], returned["reference"]) == ("returned", reason, routed["reference"])
    assert returned["owner"]["service_code"] == "community-point-of-access"
    assert returned["has_red_flag"] is (reason is DeclineReason.LIFE_THREATENING)
    assert returned["clock_starts_at"] == routed["clock_starts_at"]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        pytest.param(_an_agreed_plan, "care-plan-agreed", id="agreed"),
        pytest.param(lambda ids: CarePlanDeclined(referral_ids=ids), "declined-by-person", id="declined"),
        pytest.param(lambda ids: CarePlanClosed(reason="died", referral_ids=ids), "died", id="died"),
        pytest.param(lambda ids: CarePlanClosed(reason="needs-met", referral_ids=ids), "need-met", id="closed"),
    ],
)
async def test_care_plan_reply_closes_discussed_referral(
    client: ReferralsClient, answer: Callable[[tuple[UUID, ...]], Event], expected: str
) -> None:
    routed = await client.refer_and_route("mdt", "mdt", reason="complex-needs")
    referral_id = UUID(routed["id"])
    listed = CaseListed(referral_id=referral_id, meeting_id=new_id(), meeting_starts_at=MONDAY + timedelta(days=2), is_urgent=False)
    discussed = CaseDiscussed(referral_id=referral_id, meeting_id=new_id(), care_plan_id=new_id(), lead_id=new_id(), actions=3)

    await client.deliver(routed, listed)
    await client.deliver(routed, discussed)
    assert (await client.read(routed["id"]))["status"] == "accepted"
    await client.deliver(routed, answer((referral_id,)))
    await client.deliver(routed, listed)

    assert (await client.read(routed["id"]))["outcome"] == expected
    assert len(await client.context.published(ReferralAccepted)) == len(await client.context.published(ReferralClosed)) == 1


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        (CaseCloseReason.DIED, "died"),
        (CaseCloseReason.MOVED_AWAY, "moved-away"),
        (CaseCloseReason.DECLINED_BY_PERSON, "declined-by-person"),
        (CaseCloseReason.NEEDS_MET, "need-met"),
        (CaseCloseReason.REFERRAL_WITHDRAWN, None),
    ],
)
async def test_case_close_reason_sets_referral_outcome(client: ReferralsClient, reason: CaseCloseReason, expected: str | None) -> None:
    routed = await client.refer_and_route("mdt", "mdt", reason="complex-needs")

    await client.deliver(routed, CaseClosed(referral_id=UUID(routed["id"]), reason=reason))

    assert (await client.read(routed["id"]))["outcome"] == expected


@pytest.mark.parametrize(("reason", "recorded"), [("standard-measures-suffice", "standard-measures-suffice"), ("too-early", "other")])
async def test_redirected_case_returns_referral_with_destination(client: ReferralsClient, reason: str, recorded: str) -> None:
    routed = await client.refer_and_route("mdt", "mdt", reason="complex-needs")
    redirected = CaseRedirected(referral_id=UUID(routed["id"]), destination=Destination.INTEGRATED_LOCALITY_TEAM, reason=reason)

    await client.deliver(routed, redirected)

    returned = await client.read(routed["id"])
    assert (returned["return_reason"], returned["suggestion"]) == (recorded, "integrated-locality-team")
    assert [event.service_code for event in await client.context.published(ReferralReturned)] == ["mdt"]


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        (TaskOutcome.INFORMATION_GIVEN, "need-met"),
        (TaskOutcome.SIGNPOSTED, "signposted"),
        (TaskOutcome.DECLINED_BY_PERSON, "declined-by-person"),
    ],
)
async def test_navigation_task_accepts_and_closes_referral(client: ReferralsClient, outcome: TaskOutcome, expected: str) -> None:
    routed = await client.refer_and_route("navigation", "care-navigation", reason="information")
    of_referral = {"source": TaskSource.REFERRAL, "source_id": UUID(routed["id"])}

    await client.deliver(routed, TaskAcknowledged(navigator_id="clch-navigator-1", **of_referral))
    accepted = await client.read(routed["id"])
    await client.deliver(routed, TaskFulfilled(kind=TaskKind.PROVIDE_INFORMATION, outcome=outcome, **of_referral))

    assert accepted["owner"]["service_code"] == "care-navigation"
    assert (await client.read(routed["id"]))["outcome"] == expected


async def test_task_of_care_plan_changes_no_referral(client: ReferralsClient) -> None:
    routed = await client.refer_and_route("navigation", "care-navigation", reason="information")

    await client.deliver(
        routed, TaskAcknowledged(navigator_id="clch-navigator-1", source=TaskSource.CARE_PLAN, source_id=UUID(routed["id"]))
    )

    assert (await client.read(routed["id"]))["version"] == routed["version"]


async def test_late_reply_is_recorded_without_effect(client: ReferralsClient) -> None:
    routed = await client.refer_and_route("mdt", "mdt", reason="complex-needs")
    await client.command(routed["id"], "urgency", {"reason": "Fever"})
    rerouted = await client.command(routed["id"], "route", {"route": "rapid-care", "service_code": "rapid-care"})

    await client.deliver(routed, CaseClosed(referral_id=UUID(routed["id"]), reason=CaseCloseReason.NEEDS_MET))

    assert (await client.read(routed["id"]))["version"] == rerouted["version"]
    entries = (await client.get(f"/{routed['id']}/timeline")).json()["items"]
    assert "mdt.case.closed.v1" in {entry["type"] for entry in entries}


async def test_reply_to_unknown_referral_is_ignored(client: ReferralsClient) -> None:
    await client.context.deliver(ResponseEscalated(referral_id=new_id()), key=new_id(), subject=new_id())
    await client.context.deliver(CaseClosed(referral_id=None, reason=CaseCloseReason.DIED), key=new_id(), subject=new_id())

    assert await client.context.log() == []
    assert await client.context.database.pool.fetchval("SELECT count(*) FROM parked") == 0


async def test_repeated_event_has_one_effect(client: ReferralsClient) -> None:
    routed = await client.refer_and_route("rapid-care", "rapid-care", **URGENT)
    accepted = ResponseAccepted(referral_id=UUID(routed["id"]), accepted_at=MONDAY, due_at=MONDAY + timedelta(hours=2))
    record = await client.deliver(routed, accepted)

    await client.context.processor.apply([record, record])

    assert len(await client.context.published(ReferralAccepted)) == 1
    assert await client.context.database.pool.fetchval("SELECT count(*) FROM timeline_event") == 1


async def _take_back_and_route(client: ReferralsClient, routed: dict[str, Any], route: str, service: str) -> dict[str, Any]:
    """The triager takes an unanswered referral back after its deadline and routes it again."""
    await client.context.let_pass(timedelta(minutes=46))
    await client.command(routed["id"], "return", {"reason": "capacity"})
    await client.command(routed["id"], "triage", {"urgency": "urgent", "reason": "Still urgent"})
    return await client.command(routed["id"], "route", {"route": route, "service_code": service})


def _accepted(routed: dict[str, Any], routing: int) -> ResponseAccepted:
    due_at = MONDAY + timedelta(hours=2)
    return ResponseAccepted(referral_id=UUID(routed["id"]), accepted_at=MONDAY, due_at=due_at, routing=routing)
