"""The part of the weekly meeting in Mr Dale's six weeks (`infra/demo/story.py`)."""

from datetime import timedelta

from shared.contracts.care_plans import (
    CarePlanAgreed,
    CarePlanEnacted,
    CarePlanOffered,
    CarePlanRecorded,
    CarePlanReviewDue,
    CarePlanRevised,
)
from shared.contracts.codes import ReviewTrigger
from shared.contracts.mdt import (
    CaseDiscussed,
    CaseListed,
    CaseReferred,
    CaseScreened,
    LeadAccepted,
    LeadActivated,
    LeadProposed,
    MeetingHeld,
    MeetingScheduled,
)
from shared.contracts.rapid_care import ResponseAssigned, ResponseClosed, ResponseOutcome, Skill
from shared.kernel.ids import new_id
from tests.builders.context_app import RunningContext
from tests.builders.mdt import MONDAY, WEDNESDAY, Patient, a_discussion, a_person_record, hold, notifications, read


async def test_crisis_reviews_plan_and_keeps_lead(context: RunningContext) -> None:
    dale = await Patient.referred(context)
    listed = await dale.command("screening", {"outcome": "eligible"})
    assert listed["meeting_starts_at"] == "2015-03-04T13:00:00Z"

    await context.let_pass(WEDNESDAY - MONDAY)
    await hold(context, listed["meeting_id"])
    discussed = await dale.command("discussion", a_discussion())

    assert listed["meeting_id"] == discussed["meeting_id"]
    first = [type(event) for event in await context.log() if not isinstance(event, MeetingScheduled)]
    assert first[:3] == [CaseReferred, CaseScreened, CaseListed]
    assert first[4:] == [
        MeetingHeld,
        *(CarePlanOffered, CarePlanAgreed, CarePlanRecorded),
        *(LeadProposed, LeadAccepted, LeadActivated),
        CaseDiscussed,
    ]

    plan, response_id = await dale.plan(), new_id()
    await context.let_pass(timedelta(days=11))
    assigned = ResponseAssigned(
        clinician_id="clch-enp-1",
        skill=Skill.EMERGENCY_NURSE_PRACTITIONER,
        care_plan_id=plan["id"],
        care_plan_version=plan["plan_version"],
    )
    await context.deliver(assigned, key=dale.person_id, subject=response_id)
    await context.let_pass(timedelta(days=4))
    closed = ResponseClosed(referral_id=new_id(), outcome=ResponseOutcome.ADMISSION_AVOIDED, is_admission_avoided=True, benefit_pounds=2004)
    await context.deliver(closed, key=dale.person_id, subject=response_id)

    assert [event.response_id for event in await context.published(CarePlanEnacted)] == [response_id]
    assert [event.trigger for event in await context.published(CarePlanReviewDue)] == [ReviewTrigger.RAPID_CARE_CLOSED]
    kinds = [notification["kind"] for notification in await notifications(context, "clch-community-nurse-1")]
    assert kinds == ["response-assigned", "response-closed", "review-due"]
    assert (await dale.case())["status"] == "listed"

    await dale.discuss(lead=None)

    plan = await dale.plan()
    assert plan["plan_version"] == 2
    assert [version["number"] for version in plan["versions"]] == [1, 2]
    assert [event.plan_version for event in await context.published(CarePlanRevised)] == [2]
    assert len(await context.published(CarePlanRecorded)) == 2
    assert len(await context.published(LeadActivated)) == 1
    assert len(await context.published(CarePlanOffered)) == 1


async def test_mdt_reads_story_from_its_projection(context: RunningContext) -> None:
    dale = await Patient.referred(context)
    await context.deliver(a_person_record(), key=dale.person_id, subject=dale.person_id)

    story = await read(context, f"/mdt/people/{dale.person_id}/story")

    assert story["given_name"] == "Colin"
    assert story["story"]["contacts"][0]["name"] == "Louise"
