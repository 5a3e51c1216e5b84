"""The allocation of tasks to navigators, and tasks that wait while all are away."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from services.navigation.commands import BlockTask
from services.navigation.domain import task as domain
from services.navigation.domain.assignment import Candidate
from services.navigation.domain.policy import Policy
from services.navigation.domain.work import WorkSource, of_plan
from services.navigation.handlers.allocation import cancel_all, create_if_absent, reallocate, save_task
from services.navigation.store.navigator import ROSTERS, candidates
from services.navigation.store.tables import lock_allocation
from services.navigation.store.task import tasks
from shared.contracts.codes import Locality, Role, TaskKind
from shared.contracts.navigation import (
    BlockReason,
    CancelReason,
    NavigatorAvailabilityDeclared,
    ReassignReason,
    TaskAssigned,
    TaskEscalated,
    TaskReassigned,
    TaskSource,
)
from shared.kernel.ids import PersonId, new_id
from tests.builders.navigation import NAVIGATOR, OTHER, NavigationClient, a_routed_referral, a_step_down, an_action, at

FAR = "clch-navigator-9"


def _capped(cap: int) -> pytest.MarkDecorator:
    """Limits each caseload to this load."""
    return pytest.mark.parametrize("policy", [Policy(caseload_cap=cap)], ids=[f"capped at {cap}"])


async def test_tasks_are_spread_by_locality_role_and_caseload(client: NavigationClient) -> None:
    await client.register(NAVIGATOR, OTHER)
    await client.register(FAR, locality=Locality.LOCALITY_B)
    await client.register("clch-case-manager-1", role=Role.CASE_MANAGER)

    await client.plan(*(an_action() for _ in range(7)), an_action(owner_role=Role.CASE_MANAGER))
    await client.publish(a_step_down(locality=Locality.LOCALITY_B), person=new_id(), subject=new_id())

    had = Counter(event.navigator_id for event in await client.context.published(TaskAssigned))
    assert had == {NAVIGATOR: 4, OTHER: 3, "clch-case-manager-1": 1, FAR: 1}
    assert {entry["code"]: entry["open_tasks"] for entry in (await client.read("navigators"))["items"]} == dict(had)


async def test_unassignable_task_escalates_until_it_is_assigned(client: NavigationClient) -> None:
    await client.plan(an_action())
    assert [task["status"] for task in await client.unassigned()] == ["unassigned"]

    await client.context.let_pass(timedelta(days=2))
    escalations = await client.context.published(TaskEscalated)
    await client.register(NAVIGATOR)

    assert [event.reason for event in escalations] == ["no-navigator-available"] * 2
    assert await client.unassigned() == []
    [task] = await client.tasks()
    assert (task["status"], task["due_at"]) == ("assigned", "2015-03-11T17:00:00Z")
    assert task["acknowledge_by"] == "2015-03-09T14:00:00Z"


@_capped(2)
async def test_caseload_stops_at_cap_and_refills(client: NavigationClient) -> None:
    await client.register(NAVIGATOR)
    await client.plan(*(an_action() for _ in range(3)))
    [waiting] = await client.unassigned()
    first = (await client.tasks())[0]["id"]

    await client.advance(first, "acknowledgement", "start")
    await client.try_command(first, "fulfilment", outcome="arranged")

    assert await client.unassigned() == []
    assert waiting["id"] in [task["id"] for task in await client.tasks()]


@_capped(4)
async def test_blocked_task_weighs_nothing_and_coordination_double(client: NavigationClient) -> None:
    await client.register(NAVIGATOR)
    await client.plan(an_action(), *(an_action(kind=TaskKind.CARE_COORDINATION) for _ in range(2)))
    [waiting] = await client.unassigned()
    assert await open_tasks_and_load(client) == (2, 3)
    light = next(task for task in await client.tasks() if task["kind"] != "care-coordination")

    await client.advance(light["id"], "acknowledgement")
    await client.try_command(light["id"], "block", reason="waiting-list")

    assert waiting["id"] in [task["id"] for task in await client.tasks()]
    assert await open_tasks_and_load(client) == (3, 4)


async def open_tasks_and_load(client: NavigationClient) -> tuple[int, int]:
    """The number of the navigator's open tasks, and their load."""
    found = await client.read(f"navigators/{NAVIGATOR}")
    return found["open_tasks"], found["load"]


@pytest.mark.acceptance("navigation-3")
async def test_absence_passes_tasks_on_within_locality(client: NavigationClient) -> None:
    await client.register(NAVIGATOR)
    await client.plan()
    await client.register(OTHER)
    await client.register(FAR, locality=Locality.LOCALITY_C)
    tasks = await client.tasks()
    await client.advance(tasks[0]["id"], "acknowledgement", "start")

    response = await client.declare(NAVIGATOR, is_available=False)

    assert (response.status_code, response.json()["presence"], response.json()["open_tasks"]) == (200, "away", 0)
    assert [(task["id"], task["due_at"], task["status"]) for task in await client.tasks(OTHER)] == [
        (task["id"], task["due_at"], "assigned") for task in tasks
    ]
    assert {(event.to_navigator_id, event.reason) for event in await client.context.published(TaskReassigned)} == {(OTHER, "absence")}
    history = await client.read(f"tasks/{tasks[0]['id']}/history", client.navigator(OTHER))
    assert [step["type"].split(".")[2] for step in history] == ["created", "assigned", "acknowledged", "begun", "reassigned"]
    assert [step["sequence"] for step in history] == [1, 2, 3, 4, 5]


@pytest.mark.acceptance("navigation-3")
async def test_absence_passes_tasks_to_other_locality_if_needed(client: NavigationClient) -> None:
    await client.register(NAVIGATOR)
    await client.register(FAR, locality=Locality.LOCALITY_C)
    await client.plan()

    await client.declare(NAVIGATOR, is_available=False)

    assert len(await client.tasks(FAR)) == 3


async def test_tasks_wait_for_return_when_all_are_away(client: NavigationClient) -> None:
    await client.register(NAVIGATOR)
    await client.plan()

    await client.declare(NAVIGATOR, is_available=False, until=at("09:00") + timedelta(days=1))
    assert len(await client.unassigned()) == 3
    assert [entry["change"] for entry in await client.feed()] == ["assigned"] * 3 + ["taken-away"] * 3
    await client.context.let_pass(timedelta(days=1))

    assert len(await client.tasks()) == 3
    declared = [event.is_available for event in await client.context.published(NavigatorAvailabilityDeclared)]
    assert declared == [True, False, True]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"is_available": False, "until": "2015-03-04T13:59:00Z"}, 422, "return-time-passed"),
        ({"is_available": True, "until": "2015-03-05T09:00:00Z"}, 422, "validation-failed"),
        ({"is_available": False, "until": "2015-03-05T09:00:00"}, 422, "validation-failed"),
    ],
)
async def test_invalid_absence_is_refused(client: NavigationClient, body: dict[str, Any], status: int, code: str) -> None:
    await client.register(NAVIGATOR)
    await client.plan()

    headers = client.navigator() | {"If-Match": 'W/"1"'}
    response = await client.context.http.post(f"/navigation/navigators/{NAVIGATOR}/availability", headers=headers, json=body)

    assert (response.status_code, response.json()["code"]) == (status, code)
    assert len(await client.tasks()) == 3


async def test_reassignment_appears_in_both_feeds(client: NavigationClient) -> None:
    await client.register(NAVIGATOR)
    await client.plan(an_action())
    await client.register(OTHER)
    [task] = await client.tasks()

    response = await client.try_command(task["id"], "reassignment", client.coordinator, navigator_id=OTHER, reason="person-asked")

    assert (response.json()["navigator_id"], response.json()["due_at"]) == (OTHER, task["due_at"])
    assert [entry["change"] for entry in await client.feed()] == ["assigned", "taken-away"]
    assert [entry["change"] for entry in await client.feed(OTHER)] == ["assigned"]


@pytest.mark.parametrize(
    ("to", "status", "code"),
    [
        ("unknown", 404, "navigator-not-found"),
        ("clch-case-manager-1", 409, "role-mismatch"),
        ("away", 409, "navigator-away"),
        ("full", 409, "caseload-full"),
    ],
)
@_capped(1)
async def test_coordinator_cannot_choose_unfit_navigator(client: NavigationClient, to: str, status: int, code: str) -> None:
    await client.register("full")
    await client.plan(an_action())
    await client.register("away", NAVIGATOR)
    await client.register("clch-case-manager-1", role=Role.CASE_MANAGER)
    await client.declare("away", is_available=False)
    await client.plan(an_action())
    [task] = await client.tasks()

    response = await client.try_command(task["id"], "reassignment", client.coordinator, navigator_id=to, reason="workload")

    assert (response.status_code, response.json()["code"]) == (status, code)
    assert (await client.read(f"tasks/{task['id']}"))["version"] == task["version"]


async def test_assignment_needs_fit_navigator_and_coordinator(client: NavigationClient) -> None:
    await client.plan(an_action(owner_role=Role.CASE_MANAGER))
    await client.register(NAVIGATOR)
    [task] = await client.unassigned()

    unfit = await client.try_command(task["id"], "assignment", client.coordinator, navigator_id=NAVIGATOR)
    own = await client.try_command(task["id"], "assignment", client.navigator(), navigator_id=NAVIGATOR)

    assert (unfit.status_code, unfit.json()["code"]) == (409, "role-mismatch")
    assert (own.status_code, own.json()["code"]) == (403, "scope-missing")


@_capped(1)
async def test_waiting_task_due_soonest_is_assigned_first(client: NavigationClient) -> None:
    await client.publish(a_routed_referral(at("13:00")), person=new_id(), subject=new_id())
    await client.plan(an_action(due_on=at("00:00").date() + timedelta(days=1)))

    await client.register(NAVIGATOR)

    assert [task["source"] for task in await client.tasks()] == ["care-plan"]


async def test_registration_repeats_and_move_needs_version(client: NavigationClient) -> None:
    await client.register(NAVIGATOR)
    path, west = f"/navigation/navigators/{NAVIGATOR}", {"locality": "west", "role": "care-navigator"}
    moved = west | {"locality": "locality-b"}

    again = await client.context.http.put(path, headers=client.coordinator, json=west)
    unseen = await client.context.http.put(path, headers=client.coordinator, json=moved)
    seen = await client.context.http.put(path, headers=client.coordinator | {"If-Match": again.headers["etag"]}, json=moved)
    gp = await client.context.http.put(path, headers=client.coordinator, json=west | {"role": "gp"})

    assert (again.status_code, again.json()["version"]) == (200, 1)
    assert (unseen.status_code, unseen.json()["code"]) == (412, "version-conflict")
    assert (seen.status_code, seen.json()["locality"], seen.json()["version"]) == (200, "locality-b", 2)
    assert (gp.status_code, gp.json()["code"]) == (422, "validation-failed")
    actions = await client.read(f"navigators/{NAVIGATOR}/actions")
    assert {action["name"]: action["method"] for action in actions} == {"RegisterNavigator": "PUT", "DeclareAvailability": "POST"}


@pytest.mark.parametrize("now", [datetime(2015, 4, 2, 14, tzinfo=UTC)], ids=["Maundy Thursday"])
async def test_task_before_easter_is_due_after_tuesday(client: NavigationClient) -> None:
    await client.register(NAVIGATOR)
    await client.publish(a_step_down(), person=new_id(), subject=new_id())

    [task] = await client.tasks()

    assert (task["acknowledge_by"], task["due_at"]) == ("2015-04-07T14:00:00Z", "2015-04-13T14:00:00Z")


@_capped(2)
async def test_navigators_returning_together_share_waiting_tasks(client: NavigationClient) -> None:
    """The first takes tasks up to the cap; the rest are allocated when the second is back, too."""
    await client.register(NAVIGATOR, OTHER)
    for code in (NAVIGATOR, OTHER):
        await client.declare(code, is_available=False, until=at("09:00") + timedelta(days=1))
    await client.plan(*(an_action() for _ in range(4)))
    assert len(await client.unassigned()) == 4

    await client.context.let_pass(timedelta(days=1))

    assert [len(await client.tasks(code)) for code in (NAVIGATOR, OTHER)] == [2, 2]


async def test_batch_tracks_caseloads_as_stored(client: NavigationClient) -> None:
    """A batch loads the caseloads once and then applies its own changes to them."""
    await client.register(NAVIGATOR, OTHER)
    person, plan = await client.plan(*(an_action() for _ in range(4)))
    ids = [UUID(task["id"]) for code in (NAVIGATOR, OTHER) for task in await client.tasks(code)]
    async with client.context.database.transaction() as tx:
        tx.start_batch()
        await lock_allocation(tx)
        assert sum(each.load for each in await candidates(tx, Role.CARE_NAVIGATOR)) == 4
        blocked, reallocated, cancelled, _ = [await tasks.load(tx, each) for each in ids]
        blocked = await save_task(blocked, domain.acknowledge(blocked), tx=tx)
        await save_task(blocked, domain.block(blocked, BlockTask(BlockReason.WAITING_LIST), tx.now, tx.policy), tx=tx)
        await reallocate(reallocated, ReassignReason.ABSENCE, tx=tx)
        await cancel_all([cancelled], CancelReason.CARE_PLAN_REVISED, tx=tx)
        origin = WorkSource(PersonId(person), new_id(), TaskSource.CARE_PLAN, plan, 9)
        for new in of_plan(origin, [an_action(), an_action(kind=TaskKind.CARE_COORDINATION)], Locality.WEST, tx.policy):
            await create_if_absent(new, tx=tx)

        tracked = await candidates(tx, Role.CARE_NAVIGATOR)
        ROSTERS.known(tx).clear()
        assert sorted(tracked, key=_code) == sorted(await candidates(tx, Role.CARE_NAVIGATOR), key=_code)


def _code(candidate: Candidate) -> str:
    return candidate.navigator.code
