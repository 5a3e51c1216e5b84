"""Mr Dale's crisis (`infra/demo/story.py`) as Rapid Care sees it: Sunday evening to two weeks after."""

from datetime import datetime, timedelta

import pytest

from services.rapid_care.domain.response import Status
from shared.contracts.rapid_care import ResponseAssigned, ResponseAtRisk, ResponseAvoidanceConfirmed, ResponseBreached, ResponseClosed
from shared.kernel.ids import new_id
from tests.builders.rapid_care import NURSE, RapidCareClient, a_care_plan, a_lead, at, mr_dale


@pytest.mark.parametrize("now", [at("19:30")], ids=["19:30"])
async def test_mr_dale_is_seen_in_102_minutes_at_home(team: RapidCareClient) -> None:
    person_id, plan = new_id(), a_care_plan()
    await team.context.deliver(mr_dale(), key=person_id, subject=person_id)
    await team.context.deliver(plan, key=person_id, subject=plan.care_plan_id)
    await team.context.deliver(a_lead(), key=person_id, subject=new_id())
    response_id = await team.receive_referral(person_id=person_id)
    assert datetime.fromisoformat((await team.read(response_id))["due_at"]) == at("21:30")

    await team.context.let_pass(timedelta(minutes=35))
    assigned = await team.advance(response_id, Status.ASSIGNED)
    assert assigned["clinician_id"] == NURSE
    await team.command(response_id, "departure")
    await team.context.let_pass(timedelta(minutes=67))
    contacted = await team.command(response_id, "first-contact", contacted_at=at("21:12").isoformat())
    await team.context.let_pass(timedelta(minutes=38))
    await team.command(response_id, "assessment", health_needs=["infection", "confusion"], social_needs=["personal-care"])
    packed = await team.command(response_id, "package", items=_PACKAGE)
    await team.context.let_pass(timedelta(days=4))
    await team.command(response_id, "step-down", destination="integrated-locality-team")
    await team.command(response_id, "closure", outcome="admission-avoided")
    await team.context.let_pass(timedelta(days=14))

    assert contacted["clock"] == "met"
    assert [event.minutes_elapsed for event in await team.context.published(ResponseAtRisk)] == [60, 90]
    assert await team.context.published(ResponseBreached) == []
    assert [event.care_plan_id for event in await team.context.published(ResponseAssigned)] == [plan.care_plan_id]
    assert len(packed["package"]) == 3
    assert [event.benefit_pounds for event in await team.context.published(ResponseClosed)] == [2004]
    assert len(await team.context.published(ResponseAvoidanceConfirmed)) == 1


_PACKAGE = [
    {"kind": "iv-antibiotics", "service_code": "district-nursing", "starts_at": "2015-03-15T21:50:00Z"},
    {"kind": "enablement", "service_code": "enablement", "starts_at": "2015-03-16T08:00:00Z"},
    {"kind": "night-sitting", "service_code": "night-sitting", "starts_at": "2015-03-15T23:00:00Z"},
]
