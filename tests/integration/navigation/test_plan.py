"""From the care plan to the navigator's feed, and Mr Dale's part of it (domain.md §3.4)."""

from datetime import timedelta
from typing import Any

import pytest

from infra.dev_stack.dev_secrets import Keys
from shared.contracts.codes import Role, TaskKind
from shared.contracts.mdt import CarePlanClosed
from shared.contracts.navigation import (
    TaskAcknowledged,
    TaskAssigned,
    TaskBegun,
    TaskBlocked,
    TaskCancelled,
    TaskCreated,
    TaskEscalated,
    TaskFulfilled,
    TaskRescheduled,
)
from shared.kernel.ids import new_id
from tests.builders.context_app import repeated
from tests.builders.navigation import (
    LEAD,
    NAVIGATOR,
    WEDNESDAY,
    a_revised_plan,
    an_action,
    an_activated_lead,
    an_agreed_plan,
    at,
    mr_dales_actions,
    mr_dales_record,
    navigation,
)


@pytest.mark.acceptance("navigation-1")
async def test_three_actions_for_the_navigator_are_three_tasks_however_often_the_plan_is_told(owner_url: str, keys: Keys) -> None:
    async with navigation(owner_url, keys) as desk:
        await desk.register(NAVIGATOR, "clch-case-manager-1")
        actions, plan_id, person_id = mr_dales_actions(), new_id(), new_id()

        record = await desk.context.deliver(an_agreed_plan(actions), key=person_id, subject=plan_id)
        await desk.context.intake.apply(repeated(record, 3))
        await desk.context.deliver(an_agreed_plan(actions), key=person_id, subject=plan_id)

        listed = [task for code in (NAVIGATOR, "clch-case-manager-1") for task in await desk.tasks(code)]
        told = [entry["task_id"] for code in (NAVIGATOR, "clch-case-manager-1") for entry in await desk.feed(code)]
        assert sorted(task["action_id"] for task in listed) == sorted(str(action.action_id) for action in actions[:3])
        assert sorted(told) == sorted(task["id"] for task in listed)
        assert len(await desk.context.published(TaskCreated)) == 3
        assert len(await desk.context.published(TaskAssigned)) == 3


@pytest.mark.acceptance("navigation-2")
async def test_a_work_list_is_ordered_by_due_time_and_its_pages_follow_on(owner_url: str, keys: Keys) -> None:
    async with navigation(owner_url, keys) as desk:
        await desk.register(NAVIGATOR)
        days = [3, 1, 2, 1, 5]
        await desk.plan(*(an_action(due_on=WEDNESDAY + timedelta(days=number)) for number in days))

        pages: list[list[str]] = []
        cursor = None
        while not pages or cursor:
            page = await desk.read(f"navigators/{NAVIGATOR}/tasks", limit=2, **({"cursor": cursor} if cursor else {}))
            cursor = page.get("next")
            pages.append([task["due_at"] for task in page["items"]])

        assert [len(listed) for listed in pages] == [2, 2, 1]
        assert [due_at for listed in pages for due_at in listed] == [f"2015-03-{4 + number:02}T17:00:00Z" for number in sorted(days)]


async def test_mr_dales_three_tasks_are_done_done_and_blocked(owner_url: str, keys: Keys) -> None:
    async with navigation(owner_url, keys, at("13:40")) as desk:
        await desk.register(NAVIGATOR)
        person_id = new_id()
        await desk.tell(mr_dales_record(), person=person_id, subject=person_id)
        await desk.tell(an_activated_lead(at("13:40")), person=person_id, subject=new_id())
        await desk.plan(person=person_id)
        await desk.context.let_pass(timedelta(days=6, hours=20))  # the ninth day

        first, second, third = [task["id"] for task in await desk.tasks()]
        for task_id, outcome in ((first, "arranged"), (second, "advice-given")):
            await desk.bring(task_id, "acknowledgement", "start")
            answer = await desk.ask(task_id, "fulfilment", outcome=outcome)
            assert answer.json()["status"] == "fulfilled"
        await desk.bring(third, "acknowledgement")
        blocked = await desk.ask(third, "block", reason="waiting-list")

        assert blocked.json()["block_reason"] == "waiting-list"
        assert [task["id"] for task in await desk.tasks()] == [third]
        assert [(event.kind, event.outcome) for event in await desk.context.published(TaskFulfilled)] == [
            (TaskKind.ARRANGE_SOCIAL_CARE_ASSESSMENT, "arranged"),
            (TaskKind.PERSONAL_BUDGET_ADVICE, "advice-given"),
        ]
        assert [event.reason for event in await desk.context.published(TaskBlocked)] == ["waiting-list"]
        assert (await desk.context.published(TaskEscalated))[-1].reason == "waiting-list"

        await desk.bring(third, "unblock")
        assert len(await desk.context.published(TaskBegun)) == 3


async def test_every_task_shows_how_when_and_where_to_meet_the_person_and_who_leads(owner_url: str, keys: Keys) -> None:
    async with navigation(owner_url, keys) as desk:
        await desk.register(NAVIGATOR)
        person_id, _ = await desk.plan()
        await desk.tell(mr_dales_record(), person=person_id, subject=person_id)
        await desk.tell(an_activated_lead(at("13:40")), person=person_id, subject=new_id())

        for task in await desk.tasks():
            assert task["person"]["preferred_visit_times"] == "after 11:00"
            assert task["person"]["communication_needs"] == ["hearing-aid"]
            assert task["preferred_place_of_care"] == "home"
            assert task["lead"]["professional_id"] == LEAD
            assert "narrative" not in task
        detail = await desk.read(f"tasks/{task['id']}", desk.navigator())
        assert detail["narrative"].startswith("Lives alone")
        assert [contact["name"] for contact in detail["contacts"]] == ["Louise"]


async def test_a_revised_plan_ends_what_it_drops_moves_what_it_moves_and_adds_what_is_new(owner_url: str, keys: Keys) -> None:
    async with navigation(owner_url, keys) as desk:
        await desk.register(NAVIGATOR)
        dropped, moved, kept, new = (an_action() for _ in range(4))
        person_id, plan_id = await desk.plan(dropped, moved, kept)
        moved = moved.model_copy(update={"due_on": WEDNESDAY + timedelta(days=21)})

        await desk.tell(a_revised_plan([moved, kept, new]), person=person_id, subject=plan_id)

        due = {task["action_id"]: task["due_at"] for task in await desk.tasks()}
        assert due == {
            str(kept.action_id): "2015-03-11T17:00:00Z",
            str(new.action_id): "2015-03-11T17:00:00Z",
            str(moved.action_id): "2015-03-25T17:00:00Z",
        }
        assert [event.reason for event in await desk.context.published(TaskCancelled)] == ["care-plan-revised"]
        assert len(await desk.context.published(TaskRescheduled)) == 1
        assert len(await desk.context.published(TaskCreated)) == 4


@pytest.mark.parametrize(
    "change",
    [{"kind": TaskKind.SIGNPOST}, {"owner_role": Role.CASE_MANAGER}, {"service_code": "befriending"}],
    ids=["kind", "role", "service"],
)
async def test_an_action_that_continues_as_other_work_is_another_task(owner_url: str, keys: Keys, change: dict[str, Any]) -> None:
    async with navigation(owner_url, keys) as desk:
        await desk.register(NAVIGATOR)
        await desk.register("clch-case-manager-1", role=Role.CASE_MANAGER)
        before = an_action()
        after = before.model_copy(update=change)
        person_id, plan_id = await desk.plan(before)

        for version, action in enumerate((after, before, after), 2):
            await desk.tell(a_revised_plan([action], version), person=person_id, subject=plan_id)
            found = [task for code in (NAVIGATOR, "clch-case-manager-1") for task in await desk.tasks(code)]

            asked = (str(action.action_id), action.kind, action.owner_role, action.service_code)
            assert [(task["action_id"], task["kind"], task["role"], task["service_code"]) for task in found] == [asked]

        assert [event.reason for event in await desk.context.published(TaskCancelled)] == ["care-plan-revised"] * 3


async def test_what_a_coordinator_cancelled_no_revision_brings_back(owner_url: str, keys: Keys) -> None:
    async with navigation(owner_url, keys) as desk:
        await desk.register(NAVIGATOR)
        action = an_action()
        person_id, plan_id = await desk.plan(action)
        [task] = await desk.tasks()
        cancelled = await desk.ask(task["id"], "cancellation", desk.coordinator, reason="created-in-error")

        await desk.tell(a_revised_plan([action]), person=person_id, subject=plan_id)

        assert cancelled.json()["cancel_reason"] == "created-in-error"
        assert await desk.tasks() == []


async def test_a_revision_leaves_alone_what_is_fulfilled(owner_url: str, keys: Keys) -> None:
    async with navigation(owner_url, keys) as desk:
        await desk.register(NAVIGATOR)
        action = an_action()
        person_id, plan_id = await desk.plan(action)
        [task] = await desk.tasks()
        await desk.bring(task["id"], "acknowledgement", "start")
        await desk.ask(task["id"], "fulfilment", outcome="arranged")

        await desk.tell(a_revised_plan([action]), person=person_id, subject=plan_id)

        assert (await desk.read(f"tasks/{task['id']}"))["status"] == "fulfilled"
        assert len(await desk.context.published(TaskCreated)) == 1


async def test_a_plan_that_is_closed_ends_its_tasks_and_no_others(owner_url: str, keys: Keys) -> None:
    async with navigation(owner_url, keys) as desk:
        await desk.register(NAVIGATOR)
        person_id, plan_id = await desk.plan(an_action(), an_action())
        _, other_plan_id = await desk.plan(an_action())

        await desk.tell(CarePlanClosed(reason="goals-reached"), person=person_id, subject=plan_id)

        assert [task["source_id"] for task in await desk.tasks()] == [str(other_plan_id)]
        assert [event.reason for event in await desk.context.published(TaskCancelled)] == ["care-plan-closed"] * 2
        changes = [entry["change"] for entry in await desk.feed()]
        assert changes == ["assigned"] * 3 + ["taken-away"] * 2


async def test_the_chain_of_the_plan_is_the_chain_of_its_tasks(owner_url: str, keys: Keys) -> None:
    async with navigation(owner_url, keys) as desk:
        referral_id, plan_id = new_id(), new_id()

        await desk.context.deliver(an_agreed_plan([an_action()]), key=new_id(), subject=plan_id, correlation=referral_id)

        chains = await desk.context.database.pool.fetch("SELECT DISTINCT correlation_id FROM event WHERE topic = 'navigation.task'")
        assert [row["correlation_id"] for row in chains] == [referral_id]


@pytest.mark.acceptance("navigation-7")
async def test_outcomes_are_counted_by_kind_in_the_period_in_which_tasks_ended(owner_url: str, keys: Keys) -> None:
    async with navigation(owner_url, keys) as desk:
        await desk.register(NAVIGATOR)
        kinds = [TaskKind.PERSONAL_BUDGET_ADVICE] * 3 + [TaskKind.ARRANGE_SOCIAL_CARE_ASSESSMENT]
        await desk.plan(*(an_action(kind=kind) for kind in kinds))
        for task in await desk.tasks():
            await desk.bring(task["id"], "acknowledgement", "start")
            outcome = "arranged" if task["kind"] == TaskKind.ARRANGE_SOCIAL_CARE_ASSESSMENT else "advice-given"
            await desk.ask(task["id"], "fulfilment", outcome=outcome)

        day: dict[str, Any] = {"since": "2015-03-04T00:00:00Z", "until": "2015-03-05T00:00:00Z"}
        next_day: dict[str, Any] = {"since": "2015-03-05T00:00:00Z", "until": "2015-03-06T00:00:00Z"}

        assert await desk.read("outcomes", **day) == [
            {"kind": "arrange-social-care-assessment", "outcome": "arranged", "tasks": 1},
            {"kind": "personal-budget-advice", "outcome": "advice-given", "tasks": 3},
        ]
        assert await desk.read("outcomes", **next_day) == []


@pytest.mark.acceptance("navigation-4")
@pytest.mark.parametrize(
    ("verb", "body"), [("fulfilment", {}), ("fulfilment", {"outcome": "well"}), ("block", {}), ("block", {"reason": "?"})]
)
async def test_an_end_without_outcome_and_a_block_without_reason_are_refused(
    owner_url: str, keys: Keys, verb: str, body: dict[str, Any]
) -> None:
    async with navigation(owner_url, keys) as desk:
        await desk.register(NAVIGATOR)
        await desk.plan(an_action())
        [task] = await desk.tasks()
        await desk.bring(task["id"], "acknowledgement", "start")

        answer = await desk.ask(task["id"], verb, **body)

        assert (answer.status_code, answer.json()["code"]) == (422, "validation-failed")
        assert (await desk.read(f"tasks/{task['id']}"))["status"] == "begun"
        assert await desk.context.published(TaskFulfilled) == []


async def test_what_a_state_does_not_permit_is_refused_and_its_actions_say_what_it_does(owner_url: str, keys: Keys) -> None:
    async with navigation(owner_url, keys) as desk:
        await desk.register(NAVIGATOR)
        await desk.plan(an_action())
        [task] = await desk.tasks()

        answer = await desk.ask(task["id"], "fulfilment", outcome="arranged")

        assert (answer.status_code, answer.json()["code"]) == (409, "illegal-transition")
        actions = {action["name"]: action["href"] for action in await desk.read(f"tasks/{task['id']}/actions")}
        assert sorted(actions) == ["AcknowledgeTask", "CancelTask", "EscalateTask", "ReassignTask", "RescheduleTask"]
        assert actions["AcknowledgeTask"] == f"/navigation/tasks/{task['id']}/acknowledgement"
        assert await desk.context.published(TaskAcknowledged) == []


async def test_a_change_needs_the_version_it_is_based_on(owner_url: str, keys: Keys) -> None:
    async with navigation(owner_url, keys) as desk:
        await desk.register(NAVIGATOR)
        await desk.plan(an_action())
        [task] = await desk.tasks()
        path = f"/navigation/tasks/{task['id']}/acknowledgement"

        absent = await desk.context.http.post(path, headers=desk.navigator())
        stale = await desk.ask(task["id"], "acknowledgement", version=1)

        assert (absent.status_code, absent.json()["code"]) == (428, "if-match-missing")
        assert (stale.status_code, stale.json()["code"]) == (412, "version-conflict")
