"""What receivers answer: directory services over HTTP, services of the product by their events."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from infra.dev_stack.dev_secrets import Keys
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
from tests.builders.referrals import MONDAY, ReferralsClient, referrals

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


async def test_a_directory_service_accepts_and_says_how_it_ended(owner_url: str, keys: Keys) -> None:
    async with referrals(owner_url, keys, MONDAY) as desk:
        routed = await desk.routed()
        nurse = desk.receiver("CLCH")

        accepted = await desk.done(routed["id"], "acceptance", caller=nurse)
        closed = await desk.done(routed["id"], "closure", {"outcome": "need-met"}, caller=nurse)

        assert accepted["owner"] == {"service_code": "district-nursing", "organisation": "CLCH"}
        assert (closed["status"], closed["outcome"]) == ("closed", "need-met")
        [seen] = (await desk.get("", desk.gp(), state="ended")).json()["items"]
        assert seen["outcome"] == "need-met"


async def test_what_a_receiver_gave_back_or_closed_is_theirs_to_read_no_longer(owner_url: str, keys: Keys) -> None:
    async with referrals(owner_url, keys, MONDAY) as desk:
        returned, closed = await desk.routed(), await desk.routed(reason="palliative")
        nurse = desk.receiver("CLCH")
        await desk.done(returned["id"], "return", {"reason": "capacity"}, caller=nurse)
        await desk.done(closed["id"], "acceptance", caller=nurse)
        await desk.done(closed["id"], "closure", {"outcome": "need-met"}, caller=nurse)

        for referral in (returned, closed):
            for path in ("", "/record", "/timeline"):
                answer = await desk.get(f"/{referral['id']}{path}", nurse)
                assert (answer.status_code, answer.json()["code"]) == (403, "organisation-not-involved"), path


async def test_another_organisation_cannot_answer_for_the_receiver(owner_url: str, keys: Keys) -> None:
    async with referrals(owner_url, keys, MONDAY) as desk:
        routed = await desk.routed()

        for verb, body in (("acceptance", None), ("return", {"reason": "capacity"}), ("closure", {"outcome": "need-met"})):
            answer = await desk.act(routed["id"], verb, body, caller=desk.receiver("LBB"))
            assert (answer.status_code, answer.json()["code"]) == (403, "organisation-not-involved")

        assert (await desk.read(routed["id"]))["version"] == routed["version"]


async def test_a_receiver_sees_what_arrived_and_what_the_person_told(owner_url: str, keys: Keys) -> None:
    async with referrals(owner_url, keys, MONDAY) as desk:
        routed = await desk.routed(service="social-care-direct", reason="social-care")
        council = desk.receiver("LBB")

        [arrived] = (await desk.get("/incoming", council)).json()["items"]
        record = (await desk.get(f"/{routed['id']}/record", council)).json()
        other = await desk.get(f"/{routed['id']}/record", desk.receiver("CLCH"))

        assert arrived["id"] == routed["id"]
        assert (record["family_name"], record["story"]["contacts"][0]["name"]) == ("Dale", "Louise")
        assert (other.status_code, other.json()["code"]) == (403, "organisation-not-involved")
        assert (await desk.get("/incoming", desk.receiver("CLCH"))).json()["items"] == []


async def test_a_withheld_story_is_not_shown_to_the_receiver(owner_url: str, keys: Keys) -> None:
    async with referrals(owner_url, keys, MONDAY) as desk:
        routed = await desk.routed()
        await desk.post(f"/people/{routed['person_id']}/record", {"sharing": "withheld"}, version=1)

        record = (await desk.get(f"/{routed['id']}/record", desk.receiver("CLCH"))).json()
        again = await desk.sent(reason="falls", demographics=None, story=None)

        assert (record["family_name"], record["story"]) == ("Dale", None)
        assert (again["is_story_known"], again["story"]) == (True, None)


async def test_rapid_care_answers_itself_until_it_is_overdue(owner_url: str, keys: Keys) -> None:
    async with referrals(owner_url, keys, MONDAY) as desk:
        routed = await desk.routed("rapid-care", "rapid-care", **URGENT)

        early = await desk.act(routed["id"], "return", {"reason": "capacity"})
        await desk.context.let_pass(timedelta(minutes=46))
        for verb, body in (("acceptance", None), ("closure", {"outcome": "need-met"})):
            in_its_name = await desk.act(routed["id"], verb, body)
            assert (in_its_name.status_code, in_its_name.json()["code"]) == (409, "answered-by-service"), verb
        offered = {action["name"] for action in (await desk.get(f"/{routed['id']}/actions")).json()}
        assert offered & {"AcceptReferral", "ReturnReferral", "CloseReferral"} == {"ReturnReferral"}
        taken_back = await desk.done(routed["id"], "return", {"reason": "capacity"})

        assert (early.status_code, early.json()["code"]) == (409, "answered-by-service")
        assert taken_back["status"] == "returned"


@pytest.mark.parametrize(
    ("outcome", "told"),
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
async def test_how_a_response_ended_is_how_its_referral_ended(owner_url: str, keys: Keys, outcome: ResponseOutcome, told: str) -> None:
    async with referrals(owner_url, keys, MONDAY) as desk:
        routed = await desk.routed("rapid-care", "rapid-care", **URGENT)
        referral_id = UUID(routed["id"])

        await _tell(desk, routed, ResponseAccepted(referral_id=referral_id, accepted_at=MONDAY, due_at=MONDAY + timedelta(hours=2)))
        accepted = await desk.read(routed["id"])
        await _tell(desk, routed, ResponseClosed(referral_id=referral_id, outcome=outcome, is_admission_avoided=False, benefit_pounds=0))
        closed = await desk.read(routed["id"])

        assert (accepted["status"], accepted["owner"]["service_code"]) == ("accepted", "rapid-care")
        assert (closed["status"], closed["outcome"]) == ("closed", told)
        assert closed["feedback"][-1]["text"] == f"It is closed: {told.replace('-', ' ')}."


async def test_an_admission_ends_the_referral_once(owner_url: str, keys: Keys) -> None:
    async with referrals(owner_url, keys, MONDAY) as desk:
        routed = await desk.routed("rapid-care", "rapid-care", **URGENT)
        referral_id = UUID(routed["id"])

        await _tell(desk, routed, ResponseEscalated(referral_id=referral_id))
        closed = ResponseClosed(referral_id=referral_id, outcome=ResponseOutcome.ADMITTED, is_admission_avoided=False, benefit_pounds=0)
        await _tell(desk, routed, closed)

        assert [event.outcome for event in await desk.context.published(ReferralClosed)] == ["admitted"]


@pytest.mark.acceptance("rapid_care-8")
async def test_the_practice_of_the_person_is_told_of_an_admission_whoever_referred(owner_url: str, keys: Keys) -> None:
    async with referrals(owner_url, keys, MONDAY) as desk:
        ambulance = desk.context.token("referrals:refer", organisation="LAS", actor="crew-1")
        routed = await desk.routed("rapid-care", "rapid-care", caller=ambulance, **URGENT)

        await _tell(desk, routed, ResponseEscalated(referral_id=UUID(routed["id"]), routing=1))

        [told] = (await desk.get("", desk.gp(), whose="registered", state="ended")).json()["items"]
        followed = (await desk.get(f"/{routed['id']}", desk.gp())).json()
        assert (told["id"], told["outcome"]) == (routed["id"], "admitted")
        assert followed["feedback"][-1]["text"] == "It is closed: admitted."


async def test_a_late_answer_to_the_first_asking_is_no_answer_to_the_second(owner_url: str, keys: Keys) -> None:
    async with referrals(owner_url, keys, MONDAY) as desk:
        first = await desk.routed("rapid-care", "rapid-care", **URGENT)
        second = await _take_back_and_route(desk, first, "rapid-care", "rapid-care")
        declined = ResponseDeclined(referral_id=UUID(first["id"]), reason=DeclineReason.CAPACITY, routing=1)

        await _tell(desk, first, declined)
        assert (await desk.read(first["id"]))["version"] == second["version"]

        await _tell(desk, first, declined.model_copy(update={"routing": 2}))
        assert (await desk.read(first["id"]))["status"] == "returned"


async def test_an_acceptance_that_crosses_with_its_being_taken_back_counts(owner_url: str, keys: Keys) -> None:
    async with referrals(owner_url, keys, MONDAY) as desk:
        routed = await desk.routed("rapid-care", "rapid-care", **URGENT)
        await desk.context.let_pass(timedelta(minutes=46))
        await desk.done(routed["id"], "return", {"reason": "capacity"})

        await _tell(desk, routed, _accepted(routed, 1))

        taken = await desk.read(routed["id"])
        assert (taken["status"], taken["owner"]["service_code"], taken["deadline"]["kind"]) == ("accepted", "rapid-care", "outcome")
        assert (await desk.get("/work")).json()["items"] == []


async def test_an_acceptance_that_crosses_with_another_route_is_put_before_the_point_of_access(owner_url: str, keys: Keys) -> None:
    async with referrals(owner_url, keys, MONDAY) as desk:
        routed = await desk.routed("rapid-care", "rapid-care", **URGENT)
        await _take_back_and_route(desk, routed, "service", "district-nursing")
        assert (await desk.get("/work")).json()["items"] == []

        await _tell(desk, routed, _accepted(routed, 1))

        [waiting] = (await desk.get("/work")).json()["items"]
        assert (waiting["id"], waiting["status"], waiting["also_with"]) == (routed["id"], "routed", "rapid-care")
        assert [event.service_code for event in await desk.context.published(ReferralAcceptanceCrossed)] == ["rapid-care"]
        assert (await desk.read(routed["id"]))["feedback"][-1]["text"].startswith("Rapid Care has accepted it as well.")


@pytest.mark.parametrize("reason", list(DeclineReason))
async def test_what_rapid_care_declines_comes_back_to_be_routed_again(owner_url: str, keys: Keys, reason: DeclineReason) -> None:
    async with referrals(owner_url, keys, MONDAY) as desk:
        routed = await desk.routed("rapid-care", "rapid-care", **URGENT)

        await _tell(desk, routed, ResponseDeclined(referral_id=UUID(routed["id"]), reason=reason))
        returned = await desk.read(routed["id"])

        assert (returned["status"], returned["return_reason"], returned["reference"]) == ("returned", reason, routed["reference"])
        assert returned["owner"]["service_code"] == "community-point-of-access"
        assert returned["has_red_flag"] is (reason is DeclineReason.LIFE_THREATENING)
        assert returned["clock_starts_at"] == routed["clock_starts_at"]


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        pytest.param(_an_agreed_plan, "care-plan-agreed", id="agreed"),
        pytest.param(lambda ids: CarePlanDeclined(referral_ids=ids), "declined-by-person", id="declined"),
        pytest.param(lambda ids: CarePlanClosed(reason="died", referral_ids=ids), "died", id="died"),
        pytest.param(lambda ids: CarePlanClosed(reason="needs-met", referral_ids=ids), "need-met", id="closed"),
    ],
)
async def test_a_discussed_case_ends_with_what_the_person_says_to_the_plan(
    owner_url: str, keys: Keys, answer: Callable[[tuple[UUID, ...]], Event], told: str
) -> None:
    async with referrals(owner_url, keys, MONDAY) as desk:
        routed = await desk.routed("mdt", "mdt", reason="complex-needs")
        referral_id = UUID(routed["id"])
        listed = CaseListed(referral_id=referral_id, meeting_id=new_id(), meeting_starts_at=MONDAY + timedelta(days=2), is_urgent=False)
        discussed = CaseDiscussed(referral_id=referral_id, meeting_id=new_id(), care_plan_id=new_id(), lead_id=new_id(), actions=3)

        await _tell(desk, routed, listed)
        await _tell(desk, routed, discussed)
        assert (await desk.read(routed["id"]))["status"] == "accepted"
        await _tell(desk, routed, answer((referral_id,)))
        await _tell(desk, routed, listed)

        assert (await desk.read(routed["id"]))["outcome"] == told
        assert len(await desk.context.published(ReferralAccepted)) == len(await desk.context.published(ReferralClosed)) == 1


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        (CaseCloseReason.DIED, "died"),
        (CaseCloseReason.MOVED_AWAY, "moved-away"),
        (CaseCloseReason.DECLINED_BY_PERSON, "declined-by-person"),
        (CaseCloseReason.NEEDS_MET, "need-met"),
        (CaseCloseReason.REFERRAL_WITHDRAWN, None),
    ],
)
async def test_how_a_case_ended_is_how_its_referral_ended(owner_url: str, keys: Keys, reason: CaseCloseReason, told: str | None) -> None:
    async with referrals(owner_url, keys, MONDAY) as desk:
        routed = await desk.routed("mdt", "mdt", reason="complex-needs")

        await _tell(desk, routed, CaseClosed(referral_id=UUID(routed["id"]), reason=reason))

        assert (await desk.read(routed["id"]))["outcome"] == told


@pytest.mark.parametrize(("reason", "recorded"), [("standard-measures-suffice", "standard-measures-suffice"), ("too-early", "other")])
async def test_a_redirected_case_comes_back_with_its_destination(owner_url: str, keys: Keys, reason: str, recorded: str) -> None:
    async with referrals(owner_url, keys, MONDAY) as desk:
        routed = await desk.routed("mdt", "mdt", reason="complex-needs")
        redirected = CaseRedirected(referral_id=UUID(routed["id"]), destination=Destination.INTEGRATED_LOCALITY_TEAM, reason=reason)

        await _tell(desk, routed, redirected)

        returned = await desk.read(routed["id"])
        assert (returned["return_reason"], returned["suggestion"]) == (recorded, "integrated-locality-team")
        assert [event.service_code for event in await desk.context.published(ReferralReturned)] == ["mdt"]


@pytest.mark.parametrize(
    ("outcome", "told"),
    [
        (TaskOutcome.INFORMATION_GIVEN, "need-met"),
        (TaskOutcome.SIGNPOSTED, "signposted"),
        (TaskOutcome.DECLINED_BY_PERSON, "declined-by-person"),
    ],
)
async def test_navigation_acknowledges_and_fulfils(owner_url: str, keys: Keys, outcome: TaskOutcome, told: str) -> None:
    async with referrals(owner_url, keys, MONDAY) as desk:
        routed = await desk.routed("navigation", "care-navigation", reason="information")
        of_referral = {"source": TaskSource.REFERRAL, "source_id": UUID(routed["id"])}

        await _tell(desk, routed, TaskAcknowledged(navigator_id="clch-navigator-1", **of_referral))
        accepted = await desk.read(routed["id"])
        await _tell(desk, routed, TaskFulfilled(kind=TaskKind.PROVIDE_INFORMATION, outcome=outcome, **of_referral))

        assert accepted["owner"]["service_code"] == "care-navigation"
        assert (await desk.read(routed["id"]))["outcome"] == told


async def test_tasks_of_other_things_move_no_referral(owner_url: str, keys: Keys) -> None:
    async with referrals(owner_url, keys, MONDAY) as desk:
        routed = await desk.routed("navigation", "care-navigation", reason="information")

        await _tell(
            desk, routed, TaskAcknowledged(navigator_id="clch-navigator-1", source=TaskSource.CARE_PLAN, source_id=UUID(routed["id"]))
        )

        assert (await desk.read(routed["id"]))["version"] == routed["version"]


async def test_an_answer_that_comes_too_late_is_noted_and_changes_nothing(owner_url: str, keys: Keys) -> None:
    async with referrals(owner_url, keys, MONDAY) as desk:
        routed = await desk.routed("mdt", "mdt", reason="complex-needs")
        await desk.done(routed["id"], "urgency", {"reason": "Fever"})
        rerouted = await desk.done(routed["id"], "route", {"route": "rapid-care", "service_code": "rapid-care"})

        await _tell(desk, routed, CaseClosed(referral_id=UUID(routed["id"]), reason=CaseCloseReason.NEEDS_MET))

        assert (await desk.read(routed["id"]))["version"] == rerouted["version"]
        entries = (await desk.get(f"/{routed['id']}/timeline")).json()["items"]
        assert "mdt.case.closed.v1" in {entry["type"] for entry in entries}


async def test_an_answer_about_a_referral_that_is_not_here_changes_nothing(owner_url: str, keys: Keys) -> None:
    async with referrals(owner_url, keys, MONDAY) as desk:
        await desk.context.deliver(ResponseEscalated(referral_id=new_id()), key=new_id(), subject=new_id())
        await desk.context.deliver(CaseClosed(referral_id=None, reason=CaseCloseReason.DIED), key=new_id(), subject=new_id())

        assert await desk.context.log() == []
        assert await desk.context.database.pool.fetchval("SELECT count(*) FROM parked") == 0


async def test_an_event_that_comes_twice_has_one_effect(owner_url: str, keys: Keys) -> None:
    async with referrals(owner_url, keys, MONDAY) as desk:
        routed = await desk.routed("rapid-care", "rapid-care", **URGENT)
        accepted = ResponseAccepted(referral_id=UUID(routed["id"]), accepted_at=MONDAY, due_at=MONDAY + timedelta(hours=2))
        record = await desk.context.deliver(accepted, key=UUID(routed["person_id"]), subject=new_id(), correlation=UUID(routed["id"]))

        await desk.context.intake.apply([record, record])

        assert len(await desk.context.published(ReferralAccepted)) == 1
        assert await desk.context.database.pool.fetchval("SELECT count(*) FROM timeline_event") == 1


async def _tell(desk: ReferralsClient, referral: dict[str, Any], event: Event) -> None:
    await desk.context.deliver(event, key=UUID(referral["person_id"]), subject=new_id(), correlation=UUID(referral["id"]))


async def _take_back_and_route(desk: ReferralsClient, routed: dict[str, Any], route: str, service: str) -> dict[str, Any]:
    """Nobody answered in time."""
    await desk.context.let_pass(timedelta(minutes=46))
    await desk.done(routed["id"], "return", {"reason": "capacity"})
    await desk.done(routed["id"], "triage", {"urgency": "urgent", "reason": "Still urgent"})
    return await desk.done(routed["id"], "route", {"route": route, "service_code": service})


def _accepted(routed: dict[str, Any], routing: int) -> ResponseAccepted:
    due_at = MONDAY + timedelta(hours=2)
    return ResponseAccepted(referral_id=UUID(routed["id"]), accepted_at=MONDAY, due_at=due_at, routing=routing)
