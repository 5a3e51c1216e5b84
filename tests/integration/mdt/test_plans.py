"""Care plans on the real database: the person's answer, versions, reviews and what makes them due."""

from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from infra.dev_stack.dev_secrets import Keys
from shared.contracts.codes import ReviewTrigger, RiskLevel, TaskKind
from shared.contracts.mdt import (
    CarePlanActionFulfilled,
    CarePlanAgreed,
    CarePlanDeclined,
    CarePlanEnacted,
    CarePlanOffered,
    CarePlanRecorded,
    CarePlanReviewDue,
    CarePlanRevised,
    CaseListed,
    RiskLevelCrossed,
)
from shared.contracts.navigation import TaskFulfilled, TaskOutcome, TaskSource
from shared.contracts.rapid_care import ResponseAssigned, ResponseClosed, ResponseOutcome, Skill
from shared.kernel.ids import new_id
from tests.builders.context_app import RunningContext, repeated
from tests.builders.mdt import Patient, a_discussion, act, an_action, mdt, read

NURSE = "clch-community-nurse-1"
CLOSED = ResponseClosed(referral_id=new_id(), outcome=ResponseOutcome.ADMISSION_AVOIDED, is_admission_avoided=True, benefit_pounds=2004)


def crossed(from_level: int | None, to_level: int) -> RiskLevelCrossed:
    return RiskLevelCrossed(
        from_level=None if from_level is None else RiskLevel(from_level),
        to_level=RiskLevel(to_level),
        practice_code="W07",
        valid_from=date(2015, 3, 10),
        rule_version="1",
    )


async def test_a_person_who_has_not_answered_yet_agrees_later(owner_url: str, keys: Keys) -> None:
    async with mdt(owner_url, keys) as context:
        patient = await Patient.discussed(context, is_agreed_by_person=None)
        offered = await patient.plan()
        assert (offered["status"], offered["in_force"]) == ("offered", None)
        assert await context.published(CarePlanAgreed) == []

        answer = await act(context, f"/mdt/care-plans/{offered['id']}/agreement", offered["version"])

        assert answer.status_code == 200, answer.text
        assert [type(event) for event in await context.log() if type(event).__name__.startswith("CarePlan")] == [
            CarePlanOffered,
            CarePlanAgreed,
            CarePlanRecorded,
        ]
        assert [version["is_agreed_by_person"] for version in (await patient.plan())["versions"]] == [True]


async def test_a_person_who_says_no_has_a_lead_all_the_same_and_is_asked_again_at_the_review(owner_url: str, keys: Keys) -> None:
    async with mdt(owner_url, keys) as context:
        patient = await Patient.discussed(context, is_agreed_by_person=False)

        assert (await patient.plan())["status"] == "declined"
        assert len(await context.published(CarePlanDeclined)) == 1
        assert [lead["status"] for lead in await patient.leads()] == ["active"]

        await context.let_pass(timedelta(weeks=26))

        assert [event.trigger for event in await context.published(CarePlanReviewDue)] == [ReviewTrigger.DUE_DATE]
        assert (await patient.case())["status"] == "listed"


async def test_every_version_stays_readable_with_its_answer(owner_url: str, keys: Keys) -> None:
    async with mdt(owner_url, keys) as context:
        patient = await Patient.discussed(context)
        await request_review(patient)
        await patient.discuss(
            is_agreed_by_person=False, joint_plan={"what_matters": "Less of everything.", "preferred_place_of_care": "hospice"}
        )

        plan = await patient.plan()

        assert [version["is_agreed_by_person"] for version in plan["versions"]] == [True, False]
        assert [version["joint_plan"]["preferred_place_of_care"] for version in plan["versions"]] == ["home", "hospice"]
        assert (plan["plan_version"], plan["in_force"]["number"], plan["status"]) == (2, 1, "agreed")
        assert await context.published(CarePlanRevised) == []


async def test_an_action_that_continues_keeps_its_id_and_an_unknown_one_is_refused(owner_url: str, keys: Keys) -> None:
    async with mdt(owner_url, keys) as context:
        patient = await Patient.discussed(context)
        first = (await patient.plan())["in_force"]["actions"][0]
        await request_review(patient)
        await patient.meet()
        today = context.clock.at.date()

        unknown = await patient.try_to("discussion", _discussion([an_action(today, action_id=str(new_id()))]))
        await patient.ask("discussion", _discussion([an_action(today, action_id=first["action_id"]), an_action(today, kind="signpost")]))

        assert (unknown.status_code, unknown.json()["code"]) == (409, "action-unknown")
        revised = (await context.published(CarePlanRevised))[0]
        assert [str(action.action_id) == first["action_id"] for action in revised.actions] == [True, False]


async def test_the_person_asks_for_a_review_and_it_stands_on_the_next_agenda(owner_url: str, keys: Keys) -> None:
    async with mdt(owner_url, keys) as context:
        patient = await Patient.discussed(context)

        await request_review(patient)

        assert [event.trigger for event in await context.published(CarePlanReviewDue)] == [ReviewTrigger.PERSON_ASKED]
        case = await patient.case()
        assert (case["status"], case["meeting_starts_at"]) == ("listed", "2015-03-11T13:00:00Z")


async def test_a_closed_rapid_response_makes_one_review_due_however_often_it_is_told(owner_url: str, keys: Keys) -> None:
    async with mdt(owner_url, keys) as context:
        patient, stranger = await Patient.discussed(context), new_id()

        record = await context.deliver(CLOSED, key=patient.person_id, subject=new_id())
        await context.intake.apply(repeated(record, 2))
        await context.deliver(CLOSED, key=patient.person_id, subject=new_id())
        await context.deliver(CLOSED, key=stranger, subject=new_id())

        assert [event.trigger for event in await context.published(CarePlanReviewDue)] == [ReviewTrigger.RAPID_CARE_CLOSED]
        assert len(await context.published(CaseListed)) == 2


async def test_a_crossed_risk_level_makes_a_review_due_but_a_first_score_does_not(owner_url: str, keys: Keys) -> None:
    async with mdt(owner_url, keys) as context:
        patient = await Patient.discussed(context)

        await context.deliver(crossed(None, 3), key=patient.person_id, subject=new_id())
        assert await context.published(CarePlanReviewDue) == []
        await context.deliver(crossed(3, 2), key=patient.person_id, subject=new_id())

        assert [event.trigger for event in await context.published(CarePlanReviewDue)] == [ReviewTrigger.RISK_LEVEL_CROSSED]


@pytest.mark.parametrize(("level", "weeks"), [(3, 12), (2, 26)])
async def test_a_review_is_due_once_and_lands_on_the_meeting_of_its_week(owner_url: str, keys: Keys, level: int, weeks: int) -> None:
    async with mdt(owner_url, keys) as context:
        patient = await Patient.listed(context)
        insert = (
            "INSERT INTO risk_score (person_id, practice_code, ratio, level, valid_from, import_number) VALUES ($1, 'W07', 6, $2, $3, 1)"
        )
        await context.database.pool.execute(insert, patient.person_id, level, context.clock.at.date())
        await patient.discuss(lead={"candidate": {"professional_id": "gp-W07", "role": "gp", "organisation": "W07"}})
        met = context.clock.at.date()

        await context.let_pass(timedelta(weeks=weeks))

        assert [event.trigger for event in await context.published(CarePlanReviewDue)] == [ReviewTrigger.DUE_DATE]
        case = await patient.case()
        assert (case["status"], datetime.fromisoformat(case["meeting_starts_at"]).date()) == ("listed", met + timedelta(weeks=weeks))


async def test_the_lead_is_told_of_a_plan_that_nobody_has_answered(owner_url: str, keys: Keys) -> None:
    async with mdt(owner_url, keys) as context:
        waiting = await Patient.discussed(context, is_agreed_by_person=None)
        plan = await waiting.plan()

        await context.let_pass(timedelta(days=13))
        assert await notifications(context) == []
        await context.let_pass(timedelta(days=1))

        assert await notifications(context) == [("plan-unanswered", plan["id"])]


async def test_a_referral_is_answered_by_the_persons_answer_and_not_by_the_discussion(owner_url: str, keys: Keys) -> None:
    async with mdt(owner_url, keys) as context:
        waiting, refuses = (
            await Patient.discussed(context, is_agreed_by_person=None),
            await Patient.discussed(context, is_agreed_by_person=None),
        )
        first, second = await waiting.plan(), await refuses.plan()
        assert await context.published(CarePlanAgreed) == []

        await act(context, f"/mdt/care-plans/{first['id']}/agreement", first["version"])
        await act(context, f"/mdt/care-plans/{second['id']}/decline", second["version"])

        assert [event.referral_ids for event in await context.published(CarePlanAgreed)] == [(waiting.referral_id,)]
        assert [event.referral_ids for event in await context.published(CarePlanDeclined)] == [(refuses.referral_id,)]


async def test_what_a_navigator_did_is_no_next_step_any_more(owner_url: str, keys: Keys) -> None:
    async with mdt(owner_url, keys) as context:
        patient = await Patient.discussed(context)
        plan = await patient.plan()
        action_id = plan["in_force"]["actions"][0]["action_id"]
        done = TaskFulfilled(
            kind=TaskKind.SIGNPOST,
            source=TaskSource.CARE_PLAN,
            source_id=UUID(plan["id"]),
            outcome=TaskOutcome.ARRANGED,
            action_id=UUID(action_id),
        )

        for event in (done, done, done.model_copy(update={"action_id": new_id()})):
            await context.deliver(event, key=patient.person_id, subject=new_id())

        assert [str(event.action_id) for event in await context.published(CarePlanActionFulfilled)] == [action_id]
        assert await next_steps(context) == []
        assert [kind for kind, _ in await notifications(context)] == ["task-fulfilled"] * 3


async def test_what_no_navigator_does_is_the_leads_told_once_when_overdue_and_recorded_by_them(owner_url: str, keys: Keys) -> None:
    async with mdt(owner_url, keys) as context:
        patient = await Patient.listed(context)
        await patient.meet()
        own = an_action(owner_role="social-worker", due_on=(context.clock.at.date() + timedelta(days=5)).isoformat())
        await patient.ask("discussion", a_discussion(actions=[own, an_action()]))
        assert [(step["owner_role"], step["is_leads_own"]) for step in await next_steps(context)] == [
            ("social-worker", True),
            ("care-navigator", False),
        ]

        await context.let_pass(timedelta(weeks=1))
        plan = await patient.plan()
        path, body = f"/mdt/care-plans/{plan['id']}/action-fulfilment", {"action_id": (await next_steps(context))[0]["action_id"]}
        by_another = await act(context, path, plan["version"], body, actor="clch-community-nurse-2")
        recorded = await act(context, path, plan["version"], body, actor=NURSE)
        await context.let_pass(timedelta(weeks=3))

        assert await notifications(context) == [("action-overdue", body["action_id"])]
        assert (by_another.status_code, by_another.json()["code"]) == (403, "not-your-lead")
        assert recorded.json()["fulfilled"] == [body["action_id"]]
        assert [step["owner_role"] for step in await next_steps(context)] == ["care-navigator"]


async def next_steps(context: RunningContext) -> list[dict[str, Any]]:
    people = await read(context, f"/mdt/leads/people?professional_id={NURSE}", actor=NURSE)
    return list(people[0]["next_steps"])


async def notifications(context: RunningContext) -> list[tuple[str, str]]:
    items = (await read(context, f"/mdt/leads/notifications?professional_id={NURSE}", actor=NURSE))["items"]
    return [(notification["kind"], notification["subject"]) for notification in items]


async def test_a_rapid_response_that_was_shown_the_crisis_plan_enacts_it_once(owner_url: str, keys: Keys) -> None:
    async with mdt(owner_url, keys) as context:
        patient, response_id = await Patient.discussed(context), new_id()
        plan = await patient.plan()
        shown = ResponseAssigned(clinician_id="clch-enp-1", skill=Skill.COMMUNITY_NURSE, care_plan_id=UUID(plan["id"]), care_plan_version=1)

        await context.deliver(shown, key=patient.person_id, subject=response_id)
        await context.deliver(shown.model_copy(update={"clinician_id": "clch-enp-2"}), key=patient.person_id, subject=response_id)
        without = shown.model_copy(update={"care_plan_id": None, "care_plan_version": None})
        await context.deliver(without, key=patient.person_id, subject=new_id())

        assert [(event.response_id, event.plan_version) for event in await context.published(CarePlanEnacted)] == [(response_id, 1)]


async def test_the_words_of_a_plan_are_in_no_public_event(owner_url: str, keys: Keys) -> None:
    async with mdt(owner_url, keys) as context:
        await Patient.discussed(context)

        rows = await context.database.pool.fetch("SELECT type, convert_from(data, 'UTF8') AS data FROM event")
        assert not any("To stay at home" in row["data"] or "Treat at home" in row["data"] for row in rows)
        assert [event.what_matters for event in await context.published(CarePlanRecorded)] == ["To stay at home."]


@pytest.mark.parametrize("scope", ["mdt:read", "mdt:coordinate"])
async def test_only_who_decides_for_the_meeting_records_an_answer(owner_url: str, keys: Keys, scope: str) -> None:
    async with mdt(owner_url, keys) as context:
        patient = await Patient.discussed(context, is_agreed_by_person=None)
        plan = await patient.plan()

        answer = await context.http.post(
            f"/mdt/care-plans/{plan['id']}/agreement", headers=context.token(scope) | {"If-Match": f'W/"{plan["version"]}"'}
        )

        assert (answer.status_code, answer.json()["code"]) == (403, "scope-missing")
        assert (await patient.plan())["status"] == "offered"


async def request_review(patient: Patient) -> None:
    plan = await patient.plan()
    answer = await act(patient.context, f"/mdt/care-plans/{plan['id']}/review", plan["version"])
    assert answer.status_code == 200, answer.text


def _discussion(actions: list[dict[str, object]]) -> dict[str, object]:
    return a_discussion(actions=actions, lead=None)
