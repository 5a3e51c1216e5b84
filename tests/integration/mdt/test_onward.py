"""Step-downs of the meeting and the answer of the asked service; service codes of actions are those of the directory."""

from uuid import UUID

from shared.contracts.care_plans import CarePlanOffered
from shared.contracts.referral_codes import AskingService, OnwardRequest, ReturnReason, Route
from shared.contracts.referrals import OnwardOf, ReferralAccepted, ReferralReturned
from shared.kernel.ids import new_id
from tests.builders.context_app import RunningContext
from tests.builders.mdt import Patient, a_discussion, a_routed_case, an_action, read


async def test_case_shows_the_answer_to_its_step_down(context: RunningContext) -> None:
    patient = await Patient.discussed(context)
    case = await patient.command("step-down", {"destination": "community-nursing"})
    asked = OnwardOf(service=AskingService.MDT, subject_id=UUID(case["id"]), request=OnwardRequest.STEP_DOWN)
    onward_id, now = new_id(), context.clock.at
    routed = a_routed_case(now, route=Route.SERVICE, service_code="district-nursing", onward_of=asked)
    accepted = ReferralAccepted(service_code="district-nursing", accepted_at=now, onward_of=asked)
    returned = ReferralReturned(service_code="district-nursing", reason=ReturnReason.CAPACITY, onward_of=asked)

    seen = []
    for sequence, event in enumerate((routed, accepted, returned), start=1):
        await context.deliver(event, key=patient.person_id, subject=onward_id, sequence=sequence)
        [onward] = (await patient.case())["onward"]
        assert (await read(context, f"/mdt/cases/{case['id']}"))["onward"] == [onward]
        seen.append((onward["referral_id"], onward["state"], onward["reason"]))

    assert seen == [(str(onward_id), "asked", None), (str(onward_id), "accepted", None), (str(onward_id), "returned", "capacity")]
    assert (await patient.case())["status"] == "stepped-down"


async def test_action_for_unknown_service_is_refused_with_the_nearest(context: RunningContext) -> None:
    patient = await Patient.listed(context)
    await patient.meet()
    before = await patient.case()
    actions = [an_action(context.clock.at.date()), an_action(context.clock.at.date(), service_code="befrending")]

    refused = await patient.try_command("discussion", a_discussion(context.clock.at.date(), actions=actions))

    assert (refused.status_code, refused.json()["code"]) == (422, "service-unknown")
    assert refused.json()["errors"] == [
        {"field": "body.actions.1.service_code", "problem": "The directory has no such service today. The nearest is befriending."}
    ]
    assert await patient.case() == before
    assert await context.published(CarePlanOffered) == []


async def test_action_for_service_of_the_directory_is_agreed(context: RunningContext) -> None:
    patient = await Patient.listed(context)
    await patient.meet()

    await patient.discuss(actions=[an_action(context.clock.at.date(), service_code="befriending")])

    assert [action["service_code"] for action in (await patient.plan())["in_force"]["actions"]] == ["befriending"]
