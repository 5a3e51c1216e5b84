"""Mr Dale's crisis (domain.md §3.4), as far as Rapid Care carries it: Sunday evening to two weeks after."""

from datetime import datetime, timedelta

from infra.dev_stack.dev_secrets import Keys
from services.rapid_care.domain.response import Status
from shared.contracts.rapid_care import ResponseAssigned, ResponseAtRisk, ResponseAvoidanceConfirmed, ResponseBreached, ResponseClosed
from shared.kernel.ids import new_id
from tests.builders.rapid_care import NURSE, a_care_plan, a_lead, at, mr_dale, rapid_care


async def test_mr_dale_is_reached_in_102_minutes_and_stays_at_home(owner_url: str, keys: Keys) -> None:
    async with rapid_care(owner_url, keys, at("19:30")) as care:
        person_id, plan = new_id(), a_care_plan()
        await care.context.deliver(mr_dale(), key=person_id, subject=person_id)
        await care.context.deliver(plan, key=person_id, subject=plan.care_plan_id)
        await care.context.deliver(a_lead(), key=person_id, subject=new_id())
        response_id = await care.routed(person_id=person_id)
        assert datetime.fromisoformat((await care.read(response_id))["due_at"]) == at("21:30")

        await care.context.let_pass(timedelta(minutes=35))
        assigned = await care.bring(response_id, Status.ASSIGNED)
        assert assigned["clinician_id"] == NURSE
        await care.do(response_id, "departure")
        await care.context.let_pass(timedelta(minutes=67))
        contacted = await care.do(response_id, "first-contact", contacted_at=at("21:12").isoformat())
        await care.context.let_pass(timedelta(minutes=38))
        await care.do(response_id, "assessment", health_needs=["infection", "confusion"], social_needs=["personal-care"])
        packed = await care.do(response_id, "package", items=_PACKAGE)
        await care.context.let_pass(timedelta(days=4))
        await care.do(response_id, "step-down", destination="integrated-locality-team")
        await care.do(response_id, "closure", outcome="admission-avoided")
        await care.context.let_pass(timedelta(days=14))

        assert contacted["clock"] == "met"
        assert [event.minutes_elapsed for event in await care.context.published(ResponseAtRisk)] == [60, 90]
        assert await care.context.published(ResponseBreached) == []
        assert [event.care_plan_id for event in await care.context.published(ResponseAssigned)] == [plan.care_plan_id]
        assert len(packed["package"]) == 3
        assert [event.benefit_pounds for event in await care.context.published(ResponseClosed)] == [2004]
        assert len(await care.context.published(ResponseAvoidanceConfirmed)) == 1


_PACKAGE = [
    {"kind": "iv-antibiotics", "service_code": "district-nursing", "starts_at": "2015-03-15T21:50:00Z"},
    {"kind": "enablement", "service_code": "enablement", "starts_at": "2015-03-16T08:00:00Z"},
    {"kind": "night-sitting", "service_code": "night-sitting", "starts_at": "2015-03-15T23:00:00Z"},
]
