"""Tasks from the actions of a care plan, and those of Mr Dale (`infra/demo/story.py`)."""

from datetime import timedelta
from typing import Any

import pytest

from shared.contracts.care_plans import CarePlanClosed
from shared.contracts.codes import Role, TaskKind
from shared.contracts.navigation import (
    TaskAssigned,
    TaskBegun,
    TaskBlocked,
    TaskCancelled,
    TaskCreated,
    TaskEscalated,
    TaskFulfilled,
    TaskRescheduled,
)
from shared.contracts.referral_codes import Reason
from shared.kernel.ids import new_id
from tests.builders.context_app import repeated
from tests.builders.navigation import (
    LEAD,
    NAVIGATOR,
    WEDNESDAY,
    NavigationClient,
    a_revised_plan,
    a_routed_referral,
    an_action,
    an_activated_lead,
    an_agreed_plan,
    at,
    mr_dales_actions,
    mr_dales_record,
)


@pytest.mark.acceptance("navigation-1")
async def test_repeated_plan_creates_one_task_per_action(client: NavigationClient) -> None:
    await client.register(NAVIGATOR, "clch-case-manager-1")
    actions, plan_id, person_id = mr_dales_actions(), new_id(), new_id()

    record = await client.context.deliver(an_agreed_plan(actions), key=person_id, subject=plan_id)
    await client.context.processor.apply(repeated(record, 3))
    await client.context.deliver(an_agreed_plan(actions), key=person_id, subject=plan_id)

    listed = [task for code in (NAVIGATOR, "clch-case-manager-1") for task in await client.tasks(code)]
    in_feeds = [entry["task_id"] for code in (NAVIGATOR, "clch-case-manager-1") for entry in await client.feed(code)]
    assert sorted(task["action_id"] for task in listed) == sorted(str(action.action_id) for action in actions[:3])
    assert sorted(in_feeds) == sorted(task["id"] for task in listed)
    assert len(await client.context.published(TaskCreated)) == 3
    assert len(await client.context.published(TaskAssigned)) == 3


@pytest.mark.acceptance("navigation-2")
async def test_work_list_is_paged_by_due_time(client: NavigationClient) -> None:
    await client.register(NAVIGATOR)
    days = [3, 1, 2, 1, 5]
    await client.plan(*(an_action(due_on=WEDNESDAY + timedelta(days=number)) for number in days))

    pages: list[list[str]] = []
    cursor = None
    while not pages or cursor:
        page = await client.read(f"navigators/{NAVIGATOR}/tasks", limit=2, **({"cursor": cursor} if cursor else {}))
        cursor = page.get("next")
        pages.append([task["due_at"] for task in page["items"]])

    assert [len(listed) for listed in pages] == [2, 2, 1]
    assert [due_at for listed in pages for due_at in listed] == [f"2015-03-{4 + number:02}T17:00:00Z" for number in sorted(days)]


@pytest.mark.parametrize("now", [at("13:40")], ids=["during the meeting"])
async def test_mr_dales_tasks_are_fulfilled_or_blocked(client: NavigationClient) -> None:
    await client.register(NAVIGATOR)
    person_id = new_id()
    await client.publish(mr_dales_record(), person=person_id, subject=person_id)
    await client.publish(an_activated_lead(at("13:40")), person=person_id, subject=new_id())
    await client.plan(person=person_id)
    await client.context.let_pass(timedelta(days=6, hours=20))  # the ninth day

    first, second, third = [task["id"] for task in await client.tasks()]
    for task_id, outcome in ((first, "arranged"), (second, "advice-given")):
        await client.advance(task_id, "acknowledgement", "start")
        response = await client.try_command(task_id, "fulfilment", outcome=outcome)
        assert response.json()["status"] == "fulfilled"
    await client.advance(third, "acknowledgement")
    blocked = await client.try_command(third, "block", reason="waiting-list")

    assert blocked.json()["block_reason"] == "waiting-list"
    assert [task["id"] for task in await client.tasks()] == [third]
    assert [(event.kind, event.outcome) for event in await client.context.published(TaskFulfilled)] == [
        (TaskKind.ARRANGE_SOCIAL_CARE_ASSESSMENT, "arranged"),
        (TaskKind.PERSONAL_BUDGET_ADVICE, "advice-given"),
    ]
    assert [event.reason for event in await client.context.published(TaskBlocked)] == ["waiting-list"]
    assert (await client.context.published(TaskEscalated))[-1].reason == "waiting-list"

    await client.advance(third, "unblock")
    assert len(await client.context.published(TaskBegun)) == 3


async def test_every_task_shows_visit_needs_and_lead(client: NavigationClient) -> None:
    await client.register(NAVIGATOR)
    person_id, _ = await client.plan()
    await client.publish(mr_dales_record(), person=person_id, subject=person_id)
    await client.publish(an_activated_lead(at("13:40")), person=person_id, subject=new_id())

    for task in await client.tasks():
        assert task["person"]["preferred_visit_times"] == "after 11:00"
        assert task["person"]["communication_needs"] == ["hearing-aid"]
        assert task["person"]["address"] == "Oakleigh"
        assert task["preferred_place_of_care"] == "home"
        assert task["lead"]["professional_id"] == task["contact"]["professional_id"] == LEAD
        assert "narrative" not in task
    detail = await client.read(f"tasks/{task['id']}", client.navigator())
    assert detail["narrative"].startswith("Lives alone")
    assert [contact["name"] for contact in detail["contacts"]] == ["Louise"]


async def test_task_without_lead_shows_gp_and_reason_of_referral(client: NavigationClient) -> None:
    await client.register(NAVIGATOR)
    person_id = new_id()
    await client.publish(mr_dales_record(telephone="020 8346 0000"), person=person_id, subject=person_id)

    await client.publish(a_routed_referral(at("13:00"), reason=Reason.SOCIAL_CARE), person=person_id, subject=new_id())

    [task] = await client.tasks()
    assert (task["lead"], task["person"]["telephone"]) == (None, "020 8346 0000")
    assert task["contact"] == {"professional_id": "gp-W07", "role": "gp", "organisation": "W07", "is_fallback": True}
    assert (task["source"], task["kind"], task["referral_reason"]) == ("referral", "care-coordination", "social-care")


async def test_revised_plan_cancels_moves_and_adds_tasks(client: NavigationClient) -> None:
    await client.register(NAVIGATOR)
    dropped, moved, unchanged, new = (an_action() for _ in range(4))
    person_id, plan_id = await client.plan(dropped, moved, unchanged)
    moved = moved.model_copy(update={"due_on": WEDNESDAY + timedelta(days=21)})

    await client.publish(a_revised_plan([moved, unchanged, new]), person=person_id, subject=plan_id)

    due = {task["action_id"]: task["due_at"] for task in await client.tasks()}
    assert due == {
        str(unchanged.action_id): "2015-03-11T17:00:00Z",
        str(new.action_id): "2015-03-11T17:00:00Z",
        str(moved.action_id): "2015-03-25T17:00:00Z",
    }
    assert [event.reason for event in await client.context.published(TaskCancelled)] == ["care-plan-revised"]
    assert len(await client.context.published(TaskRescheduled)) == 1
    assert len(await client.context.published(TaskCreated)) == 4


@pytest.mark.parametrize(
    "change",
    [{"kind": TaskKind.SIGNPOST}, {"owner_role": Role.CASE_MANAGER}, {"service_code": "befriending"}],
    ids=["kind", "role", "service"],
)
async def test_action_with_changed_work_becomes_another_task(client: NavigationClient, change: dict[str, Any]) -> None:
    await client.register(NAVIGATOR)
    await client.register("clch-case-manager-1", role=Role.CASE_MANAGER)
    before = an_action()
    after = before.model_copy(update=change)
    person_id, plan_id = await client.plan(before)

    for version, action in enumerate((after, before, after), 2):
        await client.publish(a_revised_plan([action], version), person=person_id, subject=plan_id)
        found = [task for code in (NAVIGATOR, "clch-case-manager-1") for task in await client.tasks(code)]

        expected = (str(action.action_id), action.kind, action.owner_role, action.service_code)
        assert [(task["action_id"], task["kind"], task["role"], task["service_code"]) for task in found] == [expected]

    assert [event.reason for event in await client.context.published(TaskCancelled)] == ["care-plan-revised"] * 3


async def test_revision_does_not_restore_cancelled_task(client: NavigationClient) -> None:
    await client.register(NAVIGATOR)
    action = an_action()
    person_id, plan_id = await client.plan(action)
    [task] = await client.tasks()
    cancelled = await client.try_command(task["id"], "cancellation", client.coordinator, reason="created-in-error")

    await client.publish(a_revised_plan([action]), person=person_id, subject=plan_id)

    assert cancelled.json()["cancel_reason"] == "created-in-error"
    assert await client.tasks() == []


async def test_revision_leaves_fulfilled_task(client: NavigationClient) -> None:
    await client.register(NAVIGATOR)
    action = an_action()
    person_id, plan_id = await client.plan(action)
    [task] = await client.tasks()
    await client.advance(task["id"], "acknowledgement", "start")
    await client.try_command(task["id"], "fulfilment", outcome="arranged")

    await client.publish(a_revised_plan([action]), person=person_id, subject=plan_id)

    assert (await client.read(f"tasks/{task['id']}"))["status"] == "fulfilled"
    assert len(await client.context.published(TaskCreated)) == 1


async def test_closed_plan_cancels_only_its_tasks(client: NavigationClient) -> None:
    await client.register(NAVIGATOR)
    person_id, plan_id = await client.plan(an_action(), an_action())
    _, other_plan_id = await client.plan(an_action())

    await client.publish(CarePlanClosed(reason="goals-reached"), person=person_id, subject=plan_id)

    assert [task["source_id"] for task in await client.tasks()] == [str(other_plan_id)]
    assert [event.reason for event in await client.context.published(TaskCancelled)] == ["care-plan-closed"] * 2
    changes = [entry["change"] for entry in await client.feed()]
    assert changes == ["assigned"] * 3 + ["taken-away"] * 2


async def test_tasks_keep_correlation_of_plan(client: NavigationClient) -> None:
    referral_id, plan_id = new_id(), new_id()

    await client.context.deliver(an_agreed_plan([an_action()]), key=new_id(), subject=plan_id, correlation=referral_id)

    chains = await client.context.database.pool.fetch("SELECT DISTINCT correlation_id FROM event WHERE topic = 'navigation.task'")
    assert [row["correlation_id"] for row in chains] == [referral_id]


@pytest.mark.acceptance("navigation-7")
async def test_outcomes_are_counted_by_kind_and_period(client: NavigationClient) -> None:
    await client.register(NAVIGATOR)
    kinds = [TaskKind.PERSONAL_BUDGET_ADVICE] * 3 + [TaskKind.ARRANGE_SOCIAL_CARE_ASSESSMENT]
    await client.plan(*(an_action(kind=kind) for kind in kinds))
    for task in await client.tasks():
        await client.advance(task["id"], "acknowledgement", "start")
        outcome = "arranged" if task["kind"] == TaskKind.ARRANGE_SOCIAL_CARE_ASSESSMENT else "advice-given"
        await client.try_command(task["id"], "fulfilment", outcome=outcome)

    day: dict[str, Any] = {"since": "2015-03-04T00:00:00Z", "until": "2015-03-05T00:00:00Z"}
    next_day: dict[str, Any] = {"since": "2015-03-05T00:00:00Z", "until": "2015-03-06T00:00:00Z"}

    assert await client.read("outcomes", **day) == [
        {"kind": "arrange-social-care-assessment", "outcome": "arranged", "tasks": 1},
        {"kind": "personal-budget-advice", "outcome": "advice-given", "tasks": 3},
    ]
    assert await client.read("outcomes", **next_day) == []


@pytest.mark.acceptance("navigation-4")
@pytest.mark.parametrize(
    ("verb", "body"), [("fulfilment", {}), ("fulfilment", {"outcome": "well"}), ("block", {}), ("block", {"reason": "?"})]
)
async def test_fulfilment_needs_outcome_and_block_needs_reason(client: NavigationClient, verb: str, body: dict[str, Any]) -> None:
    await client.register(NAVIGATOR)
    await client.plan(an_action())
    [task] = await client.tasks()
    await client.advance(task["id"], "acknowledgement", "start")

    response = await client.try_command(task["id"], verb, **body)

    assert (response.status_code, response.json()["code"]) == (422, "validation-failed")
    assert (await client.read(f"tasks/{task['id']}"))["status"] == "begun"
    assert await client.context.published(TaskFulfilled) == []


async def test_illegal_command_is_refused_and_actions_list_legal_ones(client: NavigationClient) -> None:
    await client.register(NAVIGATOR)
    await client.plan(an_action())
    [task] = await client.tasks()

    response = await client.try_command(task["id"], "unblock")

    assert (response.status_code, response.json()["code"]) == (409, "illegal-transition")
    actions = {action["name"]: action["href"] for action in await client.read(f"tasks/{task['id']}/actions", client.navigator())}
    own = ["AcknowledgeTask", "BlockTask", "EscalateTask", "FulfilTask", "RescheduleTask", "StartTask"]
    assert sorted(actions) == own
    assert actions["AcknowledgeTask"] == f"/navigation/tasks/{task['id']}/acknowledgement"
    coordinators = [action["name"] for action in await client.read(f"tasks/{task['id']}/actions")]
    assert sorted(coordinators) == sorted([*own, "CancelTask", "ReassignTask"])
    assert await client.context.published(TaskBegun) == []


async def test_change_needs_current_version(client: NavigationClient) -> None:
    await client.register(NAVIGATOR)
    await client.plan(an_action())
    [task] = await client.tasks()
    path = f"/navigation/tasks/{task['id']}/acknowledgement"

    absent = await client.context.http.post(path, headers=client.navigator())
    stale = await client.try_command(task["id"], "acknowledgement", version=1)

    assert (absent.status_code, absent.json()["code"]) == (428, "if-match-missing")
    assert (stale.status_code, stale.json()["code"]) == (412, "version-conflict")
