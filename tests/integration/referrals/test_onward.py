"""Step-downs of Rapid Care and of the weekly meeting become onward referrals, which their receivers answer."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg

from shared.contracts.codes import Locality, StepDown
from shared.contracts.event import Event
from shared.contracts.mdt import CaseSteppedDown
from shared.contracts.rapid_care import ResponseAccepted, ResponseSteppedDown
from shared.contracts.referral_codes import AskingService, OnwardRequest
from shared.contracts.referrals import (
    OnwardOf,
    ReferralAccepted,
    ReferralAcknowledgementOverdue,
    ReferralClosed,
    ReferralReturned,
    ReferralRouted,
)
from shared.kernel.ids import new_id
from tests.builders.referrals import DALE, MONDAY, ReferralsClient, a_body

URGENT: dict[str, Any] = {"urgency": "urgent", "reason": "urgent-deterioration", "condition": "pneumonia"}
RESPONSE_ID = new_id()


async def test_step_down_reaches_its_receiver_and_is_closed(client: ReferralsClient) -> None:
    origin = await _in_rapid_care(client)

    onward = await _stepped_down(client, origin)

    nurse = client.receiver("CLCH")
    assert [item["id"] for item in (await client.get("/incoming", nurse)).json()["items"]] == [onward["id"]]
    assert (onward["status"], onward["service_code"], onward["received_at"]) == ("routed", "district-nursing", origin["received_at"])
    assert onward["onward_of"] == {
        "service": "rapid-care",
        "subject_id": str(RESPONSE_ID),
        "request": "step-down",
        "reference": origin["reference"],
    }
    await client.command(onward["id"], "acceptance", caller=nurse)
    closed = await client.command(onward["id"], "closure", {"outcome": "need-met"}, caller=nurse)
    assert (closed["status"], closed["owner"]) == ("closed", None)
    of = OnwardOf(service=AskingService.RAPID_CARE, subject_id=RESPONSE_ID, request=OnwardRequest.STEP_DOWN, reference=origin["reference"])
    answers = [each for each in await client.context.log() if isinstance(each, ReferralRouted | ReferralAccepted | ReferralClosed)]
    assert [answer.onward_of for answer in answers[-3:]] == [of] * 3


async def test_search_by_original_reference_shows_onward_referral(client: ReferralsClient) -> None:
    origin = await _in_rapid_care(client)
    onward = await _stepped_down(client, origin)

    found = (await client.get("", client.gp(), reference=origin["reference"])).json()["items"]

    assert [each["reference"] for each in found[0]["onward"]] == [onward["reference"]]
    assert found[0]["onward"][0]["service_code"] == "district-nursing"
    timeline = (await client.get(f"/{origin['id']}/timeline")).json()["items"]
    assert onward["id"] in {entry["subject"] for entry in timeline}


async def test_step_down_to_gp_reaches_the_persons_practice(client: ReferralsClient) -> None:
    onward = await _stepped_down(client, await _in_rapid_care(client), StepDown.GP)

    incoming = await client.get("/incoming", client.receiver("W07"))

    assert [item["id"] for item in incoming.json()["items"]] == [onward["id"]]
    accepted = await client.command(onward["id"], "acceptance", caller=client.receiver("W07"))
    assert accepted["owner"] == {"service_code": "gp", "organisation": "W07"}


async def test_repeated_delivery_makes_one_onward_referral(client: ReferralsClient, owner_url: str) -> None:
    origin = await _in_rapid_care(client)
    record = await client.context.deliver(
        _a_step_down(origin, StepDown.COMMUNITY_NURSING),
        key=UUID(origin["person_id"]),
        subject=RESPONSE_ID,
        correlation=UUID(origin["id"]),
    )
    before = await client.context.log()

    owner = await asyncpg.connect(owner_url)
    await owner.execute("DELETE FROM referrals.inbox")
    await owner.close()
    await client.context.processor.apply([record, record])

    assert await client.context.log() == before
    assert len(await _onward_ids(client)) == 1


async def test_returned_step_down_is_owned_by_point_of_access(client: ReferralsClient) -> None:
    onward = await _stepped_down(client, await _in_rapid_care(client))

    returned = await client.command(onward["id"], "return", {"reason": "capacity"}, caller=client.receiver("CLCH"))

    assert (returned["status"], returned["owner"]["service_code"]) == ("returned", "community-point-of-access")
    assert onward["id"] in await _work(client)
    events = await client.context.published(ReferralReturned)
    assert [event.onward_of and event.onward_of.subject_id for event in events] == [RESPONSE_ID]


async def test_late_acknowledgement_is_shown_to_point_of_access(client: ReferralsClient) -> None:
    onward = await _stepped_down(client, await _in_rapid_care(client))
    assert onward["id"] not in await _work(client)

    await client.context.let_pass(timedelta(days=2, seconds=1))

    assert onward["id"] in await _work(client)
    overdue = await client.context.published(ReferralAcknowledgementOverdue)
    assert ("district-nursing", MONDAY + timedelta(days=2)) in {(event.service_code, event.acknowledge_by) for event in overdue}


async def test_step_down_to_another_locality_waits_for_triage(client: ReferralsClient) -> None:
    origin = await _in_rapid_care(client, demographics=a_body()["demographics"] | {"practice_code": "B03"})

    onward = await _stepped_down(client, origin, StepDown.INTEGRATED_LOCALITY_TEAM)

    assert (onward["status"], onward["onward_obstacle"], onward["suggestion"]) == (
        "identified",
        "not-eligible",
        "integrated-locality-team",
    )
    assert onward["id"] in await _work(client)
    assert onward["deadline"]["kind"] == "triage"


async def test_step_down_to_ended_service_waits_for_triage(client: ReferralsClient, owner_url: str) -> None:
    async with _ended_service(owner_url, "district-nursing"):
        onward = await _stepped_down(client, await _in_rapid_care(client))

    assert (onward["status"], onward["onward_obstacle"]) == ("identified", "service-not-in-directory")


async def test_step_down_of_person_without_record_waits_for_triage(client: ReferralsClient) -> None:
    """Case finding alone knows the person."""
    case_finding = new_id()
    stepped_down = CaseSteppedDown(destination=StepDown.COMMUNITY_NURSING, practice_code="W07", locality=Locality.WEST)

    await client.context.deliver(stepped_down, key=new_id(), subject=new_id(), correlation=case_finding)

    [onward_id] = await _onward_ids(client)
    onward = await client.read(onward_id)
    assert (onward["status"], onward["onward_obstacle"], onward["source"]) == ("identified", "person-without-record", "mdt")
    assert (onward["practice_code"], onward["onward_of"]["reference"]) == ("W07", None)
    assert onward_id in await _work(client)
    names = {action["name"] for action in (await client.get(f"/{onward_id}/actions")).json()}
    assert "TriageReferral" in names
    assert not names & {"RouteReferral", "SignpostReferral", "AmendReferral", "AnswerInformation"}


async def test_waiting_step_down_is_routed_once_recorded(client: ReferralsClient) -> None:
    stepped_down = CaseSteppedDown(destination=StepDown.COMMUNITY_NURSING, practice_code="W07", locality=Locality.WEST)
    person_id = client.context.database.secrets.pseudonym(DALE)
    await client.context.deliver(stepped_down, key=person_id, subject=new_id(), correlation=new_id())
    [onward_id] = await _onward_ids(client)
    await client.command(onward_id, "triage", {"urgency": "routine", "is_complex": False, "reason": "Agreed with the meeting."})
    refused = await client.try_command(onward_id, "route", {"route": "service", "service_code": "district-nursing"})
    assert (refused.status_code, refused.json()["code"]) == (404, "person-not-found")

    await client.refer(reason="information")

    routed = await client.command(onward_id, "route", {"route": "service", "service_code": "district-nursing"})
    assert (routed["status"], routed["onward_obstacle"]) == ("routed", None)


async def test_step_down_of_deceased_person_waits_for_triage(client: ReferralsClient) -> None:
    origin = await _in_rapid_care(client)
    await client.post(f"/people/{origin['person_id']}/death", {}, version=0)

    onward = await _stepped_down(client, origin)

    assert (onward["onward_obstacle"], onward["person_is_recorded_as"]) == ("person-recorded-as-gone", "deceased")


async def test_step_down_to_navigation_makes_no_referral(client: ReferralsClient) -> None:
    origin = await _in_rapid_care(client)

    await _deliver(client, origin, _a_step_down(origin, StepDown.NAVIGATION))

    assert await _onward_ids(client) == []


@asynccontextmanager
async def _ended_service(owner_url: str, code: str) -> AsyncIterator[None]:
    """The directory without this service from 1 March 2015 on."""
    owner = await asyncpg.connect(owner_url)
    try:
        await owner.execute("UPDATE referrals.service SET valid_until = '2015-03-01' WHERE code = $1", code)
        yield
    finally:
        await owner.execute("UPDATE referrals.service SET valid_until = NULL WHERE code = $1", code)
        await owner.close()


async def _in_rapid_care(client: ReferralsClient, **changes: Any) -> dict[str, Any]:
    """An urgent referral that Rapid Care has accepted."""
    routed = await client.refer_and_route("rapid-care", "rapid-care", **(URGENT | changes))
    accepted = ResponseAccepted(referral_id=UUID(routed["id"]), accepted_at=MONDAY, due_at=MONDAY + timedelta(hours=2))
    await client.deliver(routed, accepted)
    return await client.read(routed["id"])


async def _stepped_down(
    client: ReferralsClient, origin: dict[str, Any], destination: StepDown = StepDown.COMMUNITY_NURSING
) -> dict[str, Any]:
    """The onward referral of a step-down."""
    await _deliver(client, origin, _a_step_down(origin, destination))
    [onward_id] = await _onward_ids(client)
    return await client.read(onward_id)


def _a_step_down(origin: dict[str, Any], destination: StepDown) -> ResponseSteppedDown:
    return ResponseSteppedDown(referral_id=UUID(origin["id"]), destination=destination, locality=Locality(origin["locality"]))


async def _deliver(client: ReferralsClient, origin: dict[str, Any], event: Event) -> None:
    await client.context.deliver(event, key=UUID(origin["person_id"]), subject=RESPONSE_ID, correlation=UUID(origin["id"]))


async def _onward_ids(client: ReferralsClient) -> list[str]:
    rows = await client.context.database.pool.fetch("SELECT id FROM referral WHERE onward_of IS NOT NULL ORDER BY id")
    return [str(row["id"]) for row in rows]


async def _work(client: ReferralsClient) -> set[str]:
    return {item["id"] for item in (await client.get("/work")).json()["items"]}
