"""Replies of receivers: directory services reply over HTTP, services of the product by their events."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from shared.contracts.care_plans import CarePlanAgreed, CarePlanClosed, CarePlanDeclined
from shared.contracts.codes import Locality, PlaceOfCare, TaskKind
from shared.contracts.event import Event
from shared.contracts.mdt import CaseClosed, CaseCloseReason, CaseDiscussed, CaseListed, CaseRedirected, Destination
from shared.contracts.navigation import TaskAcknowledged, TaskCancelled, TaskFulfilled, TaskOutcome, TaskSource
from shared.contracts.rapid_care import (
    ContactMode,
    DeclineReason,
    OverdueStep,
    ResponseAccepted,
    ResponseAtRisk,
    ResponseBreached,
    ResponseCallAnswered,
    ResponseClosed,
    ResponseContacted,
    ResponseDeclined,
    ResponseEscalated,
    ResponseOutcome,
    ResponseOverdue,
)
from shared.contracts.referrals import (
    ReferralAcceptanceCrossed,
    ReferralAccepted,
    ReferralCallRepeated,
    ReferralClosed,
    ReferralRecalled,
    ReferralReturned,
    ReferralUrgencyRaised,
)
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
            assert (response.status_code, response.json()["code"]) == (404, "referral-not-found"), path


async def test_other_organisation_cannot_answer_for_receiver(client: ReferralsClient) -> None:
    routed = await client.refer_and_route()

    for verb, body in (("acceptance", None), ("return", {"reason": "capacity"}), ("closure", {"outcome": "need-met"})):
        response = await client.try_command(routed["id"], verb, body, caller=client.receiver("LBB"))
        assert (response.status_code, response.json()["code"]) == (404, "referral-not-found")

    assert (await client.read(routed["id"]))["version"] == routed["version"]


async def test_receiver_sees_incoming_referral_and_story(client: ReferralsClient) -> None:
    routed = await client.refer_and_route(service="social-care-direct", reason="social-care")
    council = client.receiver("LBB")

    [arrived] = (await client.get("/incoming", council)).json()["items"]
    record = (await client.get(f"/{routed['id']}/record", council)).json()
    other = await client.get(f"/{routed['id']}/record", client.receiver("CLCH"))

    assert arrived["id"] == routed["id"]
    assert (record["family_name"], record["story"]["contacts"][0]["name"]) == ("Dale", "Louise")
    assert (other.status_code, other.json()["code"]) == (404, "referral-not-found")
    assert (await client.get("/incoming", client.receiver("CLCH"))).json()["items"] == []


async def test_receiver_does_not_see_withheld_story(client: ReferralsClient) -> None:
    routed = await client.refer_and_route()
    await client.post(f"/people/{routed['person_id']}/record", {"sharing": "withheld"}, version=2)

    record = (await client.get(f"/{routed['id']}/record", client.receiver("CLCH"))).json()
    again = await client.refer(reason="falls", demographics=None, story=None)

    assert (record["family_name"], record["story"]) == ("Dale", None)
    assert (again["is_story_known"], again["story"]) == (True, None)


async def test_triager_takes_back_unanswered_referral_but_never_answers_it(client: ReferralsClient) -> None:
    """Finding A19: the owner could not take back its own wrong route before the acknowledgement was overdue."""
    routed = await client.refer_and_route("rapid-care", "rapid-care", **URGENT)

    for verb, body in (("acceptance", None), ("closure", {"outcome": "need-met"})):
        in_its_name = await client.try_command(routed["id"], verb, body)
        assert (in_its_name.status_code, in_its_name.json()["code"]) == (409, "answered-by-service"), verb
    offered = {action["name"] for action in (await client.get(f"/{routed['id']}/actions")).json()}
    assert offered & {"AcceptReferral", "ReturnReferral", "CloseReferral", "RecallReferral"} == {"ReturnReferral", "RecallReferral"}
    taken_back = await client.command(routed["id"], "return", {"reason": "other"})

    assert taken_back["status"] == "returned"
    same = ("reference", "received_at", "clock_starts_at")
    assert [taken_back[name] for name in same] == [routed[name] for name in same]


async def test_unvisited_referral_is_recalled_from_rapid_care(client: ReferralsClient) -> None:
    routed = await client.refer_and_route("rapid-care", "rapid-care", **URGENT)
    await client.deliver(routed, _accepted(routed, 1))

    recalled = await client.command(routed["id"], "recall")

    assert (recalled["status"], recalled["owner"]["service_code"]) == ("returned", "community-point-of-access")
    assert [(event.service_code, event.routing) for event in await client.context.published(ReferralRecalled)] == [("rapid-care", 1)]
    assert (await client.read(routed["id"]))["feedback"][-1]["text"].startswith("We have taken it back from Rapid Care")


async def test_contact_that_crosses_recall_gives_referral_back(client: ReferralsClient) -> None:
    routed = await client.refer_and_route("rapid-care", "rapid-care", **URGENT)
    await client.deliver(routed, _accepted(routed, 1))
    await client.command(routed["id"], "recall")

    await client.deliver(routed, _contacted(routed))

    accepted = await client.read(routed["id"])
    assert (accepted["status"], accepted["owner"]["service_code"]) == ("accepted", "rapid-care")
    assert accepted["receiver_contacted_at"] is not None


async def test_visited_person_is_not_recalled(client: ReferralsClient) -> None:
    routed = await client.refer_and_route("rapid-care", "rapid-care", **URGENT)
    await client.deliver(routed, _accepted(routed, 1))
    await client.deliver(routed, _contacted(routed))

    refused = await client.try_command(routed["id"], "recall")

    assert (refused.status_code, refused.json()["code"]) == (409, "already-contacted")
    assert "RecallReferral" not in str((await client.get(f"/{routed['id']}/actions")).json())


async def test_warnings_of_rapid_care_enter_work_list(client: ReferralsClient) -> None:
    """Finding A18: at-risk and breach reached no work list."""
    routed = await client.refer_and_route("rapid-care", "rapid-care", **URGENT)
    referral_id, response_id, due_at = UUID(routed["id"]), new_id(), MONDAY + timedelta(hours=2)

    async def deliver(event: Event, sequence: int) -> None:
        await client.context.deliver(event, key=UUID(routed["person_id"]), subject=response_id, sequence=sequence)

    await deliver(_accepted(routed, 1), 2)
    assert (await client.get("/work")).json()["items"] == []

    await deliver(ResponseBreached(referral_id=referral_id, due_at=due_at), 5)
    await deliver(ResponseAtRisk(referral_id=referral_id, minutes_elapsed=60, due_at=due_at), 4)
    [waiting] = (await client.get("/work", section="receiver-at-risk")).json()["items"]
    assert waiting["id"] == routed["id"]
    assert None not in {waiting["receiver_at_risk_since"], waiting["receiver_breached_at"]}
    assert [each["id"] for each in (await client.get("/work")).json()["items"]] == [routed["id"]]
    assert (await client.get("/work", section="triage")).json()["items"] == []

    await deliver(
        ResponseContacted(referral_id=referral_id, contacted_at=due_at, due_at=due_at, is_met=True, mode=ContactMode.FACE_TO_FACE),
        6,
    )
    assert (await client.get("/work", section="receiver-at-risk")).json()["items"] == []

    await deliver(ResponseOverdue(referral_id=referral_id, step=OverdueStep.CARE, due_at=due_at, routing=1), 7)
    [late] = (await client.get("/work", section="receiver-at-risk")).json()["items"]
    assert late["receiver_overdue_step"] == "care"


@pytest.mark.parametrize("reason", ["created-in-error", "anything-else"])
async def test_cancelled_task_returns_referral(client: ReferralsClient, reason: str) -> None:
    """Finding A3: the referral stayed accepted for 28 days."""
    routed = await _acknowledged_by_navigator(client)

    await client.deliver(routed, _task_cancelled(routed, reason))

    returned = await client.read(routed["id"])
    assert (returned["status"], returned["return_reason"]) == ("returned", "receiver-withdrew")
    assert (returned["owner"]["service_code"], returned["deadline"]["kind"]) == ("community-point-of-access", "triage")


@pytest.mark.parametrize("reason", ["referral-cancelled", "care-plan-closed", "person-died"])
async def test_task_that_ended_upstream_returns_nothing(client: ReferralsClient, reason: str) -> None:
    routed = await _acknowledged_by_navigator(client)

    await client.deliver(routed, _task_cancelled(routed, reason))

    assert (await client.read(routed["id"]))["status"] == "accepted"


@pytest.mark.parametrize(
    ("outcome", "reason", "text"),
    [
        (TaskOutcome.CHECKED_CONCERN, "concern", "Care Navigation has seen the person and is concerned."),
        (TaskOutcome.UNABLE_TO_CONTACT, "no-access", "Care Navigation has tried and did not reach the person."),
    ],
)
async def test_concern_of_navigator_returns_referral(client: ReferralsClient, outcome: TaskOutcome, reason: str, text: str) -> None:
    """Finding A9: it closed the referral as "need met"."""
    routed = await _acknowledged_by_navigator(client)
    fulfilled = TaskFulfilled(kind=TaskKind.FOLLOW_UP_CHECK, source=TaskSource.REFERRAL, source_id=UUID(routed["id"]), outcome=outcome)

    await client.deliver(routed, fulfilled)

    seen = (await client.get(f"/{routed['id']}", client.gp())).json()
    assert (seen["status"], seen["return_reason"], seen["outcome"], seen["deadline"]["kind"]) == ("returned", reason, None, "triage")
    assert seen["feedback"][-1]["text"].startswith(text)
    assert (await client.get("/work", section="triage")).json()["items"][0]["id"] == routed["id"]


async def test_life_threatening_return_names_whom_to_call(client: ReferralsClient) -> None:
    """Finding A1: a routine referral stayed routine, due on the next working day."""
    routed = await client.refer_and_route()
    nurse = client.receiver("CLCH")

    returned = await client.command(routed["id"], "return", {"reason": "life-threatening"}, caller=nurse)

    assert (returned["urgency"], returned["has_red_flag"], returned["deadline"]["due_at"]) == ("urgent", True, "2015-03-16T10:20:00Z")
    assert (returned["emergency_alternative"], returned["alternative_service"]["telephone"]) == ("ambulance", "999")
    seen = (await client.get(f"/{routed['id']}", client.gp())).json()
    assert seen["alternative_service"]["code"] == "ambulance"
    assert "London Ambulance Service (999)" in next(line["text"] for line in seen["feedback"] if line["code"] == "returned")
    assert [event.clock_starts_at for event in await client.context.published(ReferralUrgencyRaised)] == [MONDAY]


async def test_meeting_redirects_to_rapid_care_as_urgent(client: ReferralsClient) -> None:
    """Finding A7: a referred person waited a working day, an unreferred one two hours."""
    routed = await client.refer_and_route("mdt", "mdt", reason="complex-needs")
    redirected = CaseRedirected(referral_id=UUID(routed["id"]), destination=Destination.RAPID_CARE, reason="too-early")

    await client.deliver(routed, redirected)

    returned = await client.read(routed["id"])
    assert (returned["urgency"], returned["suggestion"], returned["has_red_flag"]) == ("urgent", "rapid-care", False)
    assert returned["deadline"]["due_at"] == "2015-03-16T10:20:00Z"


async def test_meeting_returns_referral_that_it_had_accepted(client: ReferralsClient) -> None:
    """A case that was listed by mistake is redirected: the Community Point of Access has the referral again."""
    routed = await client.refer_and_route("mdt", "mdt", reason="complex-needs")
    referral_id = UUID(routed["id"])
    listed = CaseListed(referral_id=referral_id, meeting_id=new_id(), meeting_starts_at=MONDAY, is_urgent=False)
    await client.deliver(routed, listed)
    accepted = await client.read(routed["id"])

    await client.deliver(routed, CaseRedirected(referral_id=referral_id, destination=Destination.GP, reason="screened-in-error"))

    returned = await client.read(routed["id"])
    assert (accepted["status"], returned["status"]) == ("accepted", "returned")
    assert (returned["return_reason"], returned["suggestion"], returned["reference"]) == ("other", "gp", routed["reference"])
    assert returned["deadline"]["due_at"] is not None


async def test_repeated_call_reaches_service_that_accepted(client: ReferralsClient) -> None:
    """Finding A2: a second urgent call on an accepted referral reached no one."""
    routed = await client.refer_and_route(**URGENT)
    nurse = client.receiver("CLCH")
    await client.command(routed["id"], "acceptance", caller=nurse)

    call = await client.refer(
        caller=client.ambulance, demographics=None, story={"narrative": "Now on the floor."}, **URGENT | {"condition": "fall"}
    )

    assert (call["status"], call["answer_by"]) == ("merged", "2015-03-16T10:50:00Z")
    [repeated] = await client.context.published(ReferralCallRepeated)
    assert (str(repeated.merged_referral_id), repeated.condition, repeated.routing) == (call["id"], "fall", 1)
    [incoming] = (await client.get("/incoming", nurse)).json()["items"]
    assert incoming["answer_by"] == call["answer_by"]
    await client.context.let_pass(timedelta(minutes=46))
    [waiting] = (await client.get("/work", section="unanswered-calls")).json()["items"]
    assert (waiting["id"], waiting["call_overdue_since"], waiting["answer_by"]) == (routed["id"], call["answer_by"], call["answer_by"])
    third = await client.refer(caller=client.ambulance, demographics=None, **URGENT | {"condition": "fall"})
    *_, again = await client.context.published(ReferralCallRepeated)
    assert (third["answer_by"], again.answer_by.isoformat()) == (call["answer_by"], "2015-03-16T10:50:00+00:00")

    answered = await client.command(routed["id"], "call-answer", caller=nurse)
    assert (answered["answer_by"], answered["status"]) == (None, "accepted")
    assert (await client.get("/work", section="unanswered-calls")).json()["items"] == []


async def test_service_that_reached_no_person_returns_referral(client: ReferralsClient) -> None:
    routed = await client.refer_and_route(**URGENT)
    nurse = client.receiver("CLCH")
    await client.command(routed["id"], "acceptance", caller=nurse)

    returned = await client.command(routed["id"], "closure", {"outcome": "no-access"}, caller=nurse)

    assert (returned["status"], returned["return_reason"], returned["outcome"]) == ("returned", "no-access", None)
    assert (returned["owner"]["service_code"], returned["deadline"]["kind"]) == ("community-point-of-access", "triage")


async def test_rapid_care_answers_repeated_call_by_event(client: ReferralsClient) -> None:
    routed = await client.refer_and_route("rapid-care", "rapid-care", **URGENT)
    await client.deliver(routed, _accepted(routed, 1))
    await client.refer(caller=client.ambulance, demographics=None, story=None, **URGENT)
    by_hand = await client.try_command(routed["id"], "call-answer")

    await client.deliver(routed, ResponseCallAnswered(referral_id=UUID(routed["id"]), answered_at=MONDAY, routing=1))

    assert (by_hand.status_code, by_hand.json()["code"]) == (409, "answered-by-service")
    assert (await client.read(routed["id"]))["answer_by"] is None


async def test_closure_with_unanswered_call_returns_to_triage(client: ReferralsClient) -> None:
    routed = await client.refer_and_route("rapid-care", "rapid-care", **URGENT)
    await client.deliver(routed, _accepted(routed, 1))
    await client.refer(caller=client.ambulance, demographics=None, story=None, **URGENT)
    await client.deliver(routed, ResponseEscalated(referral_id=UUID(routed["id"]), routing=1))
    closed = ResponseClosed(
        referral_id=UUID(routed["id"]), outcome=ResponseOutcome.ADMITTED, is_admission_avoided=False, benefit_pounds=0, routing=1
    )

    await client.deliver(routed, closed)

    returned = await client.read(routed["id"])
    assert (returned["status"], returned["return_reason"], returned["urgency"]) == ("returned", "call-unanswered", "urgent")
    ended = await client.command(routed["id"], "closure", {"outcome": "admitted"})
    assert (ended["status"], ended["outcome"]) == ("closed", "admitted")


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
    assert closed["feedback"][-1]["text"].startswith("It is closed: ")


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
    assert followed["feedback"][-1]["text"] == "It is closed: the person was admitted to hospital."


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
        (CaseCloseReason.DUPLICATE, None),
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
    ("outcome", "expected", "text"),
    [
        (TaskOutcome.INFORMATION_GIVEN, "need-met", "the need is met"),
        (TaskOutcome.SIGNPOSTED, "signposted", "the person was signposted to another service"),
        (TaskOutcome.NOT_NEEDED, "not-needed", "the help was not needed any more"),
        (TaskOutcome.DECLINED_BY_PERSON, "declined-by-person", "the person declined the help"),
    ],
)
async def test_navigation_task_accepts_and_closes_referral(client: ReferralsClient, outcome: TaskOutcome, expected: str, text: str) -> None:
    routed = await client.refer_and_route("navigation", "care-navigation", reason="information")
    of_referral = {"source": TaskSource.REFERRAL, "source_id": UUID(routed["id"])}

    await client.deliver(routed, TaskAcknowledged(navigator_id="clch-navigator-1", **of_referral))
    accepted = await client.read(routed["id"])
    await client.deliver(routed, TaskFulfilled(kind=TaskKind.PROVIDE_INFORMATION, outcome=outcome, **of_referral))

    assert accepted["owner"]["service_code"] == "care-navigation"
    assert (await client.read(routed["id"]))["outcome"] == expected
    seen = (await client.get(f"/{routed['id']}", client.gp())).json()
    assert seen["feedback"][-1]["text"] == f"It is closed: {text}."


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
    await client.context.deliver(CaseClosed(referral_id=None, reason=CaseCloseReason.NEEDS_MET), key=new_id(), subject=new_id())

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


async def _acknowledged_by_navigator(client: ReferralsClient) -> dict[str, Any]:
    """A referral that a navigator has acknowledged."""
    routed = await client.refer_and_route("navigation", "care-navigation", reason="information")
    await client.deliver(routed, TaskAcknowledged(source=TaskSource.REFERRAL, source_id=UUID(routed["id"]), navigator_id="nav-1"))
    return routed


def _task_cancelled(routed: dict[str, Any], reason: str) -> TaskCancelled:
    return TaskCancelled(kind=TaskKind.SIGNPOST, source=TaskSource.REFERRAL, source_id=UUID(routed["id"]), reason=reason)


def _contacted(routed: dict[str, Any]) -> ResponseContacted:
    due_at = MONDAY + timedelta(hours=2)
    return ResponseContacted(referral_id=UUID(routed["id"]), contacted_at=MONDAY, due_at=due_at, is_met=True, mode=ContactMode.FACE_TO_FACE)


def _accepted(routed: dict[str, Any], routing: int) -> ResponseAccepted:
    due_at = MONDAY + timedelta(hours=2)
    return ResponseAccepted(referral_id=UUID(routed["id"]), accepted_at=MONDAY, due_at=due_at, routing=routing)
