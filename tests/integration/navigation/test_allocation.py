"""Who gets what, and what happens while nobody is there."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from infra.dev_stack.dev_secrets import Keys
from services.navigation.commands import BlockTask
from services.navigation.domain import task as domain
from services.navigation.domain.assignment import Candidate
from services.navigation.domain.policy import Policy
from services.navigation.domain.work import WorkSource, of_plan
from services.navigation.handlers.allocation import cancel_all, create_if_absent, reallocate, save_task
from services.navigation.store.navigator import candidates
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
from tests.builders.navigation import NAVIGATOR, OTHER, Navigation, a_routed_referral, a_step_down, an_action, at, navigation

FAR = "clch-navigator-9"


async def test_tasks_go_to_the_locality_and_the_role_and_are_spread_evenly(owner_url: str, keys: Keys) -> None:
    async with navigation(owner_url, keys) as desk:
        await desk.register(NAVIGATOR, OTHER)
        await desk.register(FAR, locality=Locality.LOCALITY_B)
        await desk.register("clch-case-manager-1", role=Role.CASE_MANAGER)

        await desk.plan(*(an_action() for _ in range(7)), an_action(owner_role=Role.CASE_MANAGER))
        await desk.tell(a_step_down(locality=Locality.LOCALITY_B), person=new_id(), subject=new_id())

        had = Counter(event.navigator_id for event in await desk.context.published(TaskAssigned))
        assert had == {NAVIGATOR: 4, OTHER: 3, "clch-case-manager-1": 1, FAR: 1}
        assert {entry["code"]: entry["open_tasks"] for entry in (await desk.read("navigators"))["items"]} == dict(had)


async def test_what_nobody_can_take_waits_is_escalated_once_and_assigned_as_soon_as_somebody_is_there(owner_url: str, keys: Keys) -> None:
    async with navigation(owner_url, keys) as desk:
        await desk.plan(an_action())
        assert [task["status"] for task in await desk.unassigned()] == ["unassigned"]

        await desk.context.let_pass(timedelta(days=2))
        escalations = await desk.context.published(TaskEscalated)
        await desk.register(NAVIGATOR)

        assert [event.reason for event in escalations] == ["no-clinician-available"]
        assert await desk.unassigned() == []
        [task] = await desk.tasks()
        assert (task["status"], task["due_at"]) == ("assigned", "2015-03-11T17:00:00Z")
        assert task["acknowledge_by"] == "2015-03-09T14:00:00Z"


async def test_no_caseload_grows_beyond_the_cap_and_room_is_filled_at_once(owner_url: str, keys: Keys) -> None:
    async with navigation(owner_url, keys, policy=Policy(caseload_cap=2)) as desk:
        await desk.register(NAVIGATOR)
        await desk.plan(*(an_action() for _ in range(3)))
        [waiting] = await desk.unassigned()
        first = (await desk.tasks())[0]["id"]

        await desk.bring(first, "acknowledgement", "start")
        await desk.ask(first, "fulfilment", outcome="arranged")

        assert await desk.unassigned() == []
        assert waiting["id"] in [task["id"] for task in await desk.tasks()]


async def test_what_is_blocked_weighs_nothing_and_what_is_more_work_weighs_more(owner_url: str, keys: Keys) -> None:
    async with navigation(owner_url, keys, policy=Policy(caseload_cap=4)) as desk:
        await desk.register(NAVIGATOR)
        await desk.plan(an_action(), *(an_action(kind=TaskKind.CARE_COORDINATION) for _ in range(2)))
        [waiting] = await desk.unassigned()
        assert await weighed(desk) == (2, 3)
        light = next(task for task in await desk.tasks() if task["kind"] != "care-coordination")

        await desk.bring(light["id"], "acknowledgement")
        await desk.ask(light["id"], "block", reason="waiting-list")

        assert waiting["id"] in [task["id"] for task in await desk.tasks()]
        assert await weighed(desk) == (3, 4)


async def weighed(desk: Navigation) -> tuple[int, int]:
    """How many tasks the navigator has, and their load."""
    found = await desk.read(f"navigators/{NAVIGATOR}")
    return found["open_tasks"], found["load"]


@pytest.mark.acceptance("navigation-3")
async def test_whoever_goes_away_hands_on_what_they_have_within_the_locality_and_its_history_is_kept(owner_url: str, keys: Keys) -> None:
    async with navigation(owner_url, keys) as desk:
        await desk.register(NAVIGATOR)
        await desk.plan()
        await desk.register(OTHER)
        await desk.register(FAR, locality=Locality.LOCALITY_C)
        tasks = await desk.tasks()
        await desk.bring(tasks[0]["id"], "acknowledgement", "start")

        answer = await desk.declare(NAVIGATOR, is_available=False)

        assert (answer.status_code, answer.json()["presence"], answer.json()["open_tasks"]) == (200, "away", 0)
        assert [(task["id"], task["due_at"], task["status"]) for task in await desk.tasks(OTHER)] == [
            (task["id"], task["due_at"], "assigned") for task in tasks
        ]
        assert {(event.to_navigator_id, event.reason) for event in await desk.context.published(TaskReassigned)} == {(OTHER, "absence")}
        history = await desk.read(f"tasks/{tasks[0]['id']}/history", desk.navigator(OTHER))
        assert [step["type"].split(".")[2] for step in history] == ["created", "assigned", "acknowledged", "begun", "reassigned"]
        assert [step["sequence"] for step in history] == [1, 2, 3, 4, 5]


@pytest.mark.acceptance("navigation-3")
async def test_with_nobody_in_the_locality_somebody_elsewhere_takes_over(owner_url: str, keys: Keys) -> None:
    async with navigation(owner_url, keys) as desk:
        await desk.register(NAVIGATOR)
        await desk.register(FAR, locality=Locality.LOCALITY_C)
        await desk.plan()

        await desk.declare(NAVIGATOR, is_available=False)

        assert len(await desk.tasks(FAR)) == 3


async def test_with_nobody_at_all_tasks_wait_until_the_stated_return(owner_url: str, keys: Keys) -> None:
    async with navigation(owner_url, keys) as desk:
        await desk.register(NAVIGATOR)
        await desk.plan()

        await desk.declare(NAVIGATOR, is_available=False, until=at("09:00") + timedelta(days=1))
        assert len(await desk.unassigned()) == 3
        assert [entry["change"] for entry in await desk.feed()] == ["assigned"] * 3 + ["taken-away"] * 3
        await desk.context.let_pass(timedelta(days=1))

        assert len(await desk.tasks()) == 3
        declared = [event.is_available for event in await desk.context.published(NavigatorAvailabilityDeclared)]
        assert declared == [True, False, True]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"is_available": False, "until": "2015-03-04T13:59:00Z"}, 409, "return-time-passed"),
        ({"is_available": True, "until": "2015-03-05T09:00:00Z"}, 422, "validation-failed"),
        ({"is_available": False, "until": "2015-03-05T09:00:00"}, 422, "validation-failed"),
    ],
)
async def test_an_absence_that_makes_no_sense_is_refused(owner_url: str, keys: Keys, body: dict[str, Any], status: int, code: str) -> None:
    async with navigation(owner_url, keys) as desk:
        await desk.register(NAVIGATOR)
        await desk.plan()

        headers = desk.navigator() | {"If-Match": 'W/"1"'}
        answer = await desk.context.http.post(f"/navigation/navigators/{NAVIGATOR}/availability", headers=headers, json=body)

        assert (answer.status_code, answer.json()["code"]) == (status, code)
        assert len(await desk.tasks()) == 3


async def test_a_coordinator_reassigns_and_both_feeds_are_told(owner_url: str, keys: Keys) -> None:
    async with navigation(owner_url, keys) as desk:
        await desk.register(NAVIGATOR)
        await desk.plan(an_action())
        await desk.register(OTHER)
        [task] = await desk.tasks()

        answer = await desk.ask(task["id"], "reassignment", desk.coordinator, navigator_id=OTHER, reason="person-asked")

        assert (answer.json()["navigator_id"], answer.json()["due_at"]) == (OTHER, task["due_at"])
        assert [entry["change"] for entry in await desk.feed()] == ["assigned", "taken-away"]
        assert [entry["change"] for entry in await desk.feed(OTHER)] == ["assigned"]


@pytest.mark.parametrize(
    ("to", "status", "code"),
    [
        (NAVIGATOR, 409, "already-assigned"),
        ("nobody", 404, "navigator-not-found"),
        ("clch-case-manager-1", 409, "role-mismatch"),
        ("away", 409, "navigator-away"),
        ("full", 409, "caseload-full"),
    ],
)
async def test_a_coordinator_cannot_choose_somebody_unfit(owner_url: str, keys: Keys, to: str, status: int, code: str) -> None:
    async with navigation(owner_url, keys, policy=Policy(caseload_cap=1)) as desk:
        await desk.register("full")
        await desk.plan(an_action())
        await desk.register("away", NAVIGATOR)
        await desk.register("clch-case-manager-1", role=Role.CASE_MANAGER)
        await desk.declare("away", is_available=False)
        await desk.plan(an_action())
        [task] = await desk.tasks()

        answer = await desk.ask(task["id"], "reassignment", desk.coordinator, navigator_id=to, reason="workload")

        assert (answer.status_code, answer.json()["code"]) == (status, code)
        assert (await desk.read(f"tasks/{task['id']}"))["version"] == task["version"]


async def test_a_coordinator_assigns_what_waits(owner_url: str, keys: Keys) -> None:
    async with navigation(owner_url, keys) as desk:
        await desk.plan(an_action(owner_role=Role.CASE_MANAGER))
        await desk.register(NAVIGATOR)
        [task] = await desk.unassigned()

        unfit = await desk.ask(task["id"], "assignment", desk.coordinator, navigator_id=NAVIGATOR)
        own = await desk.ask(task["id"], "assignment", desk.navigator(), navigator_id=NAVIGATOR)

        assert (unfit.status_code, unfit.json()["code"]) == (409, "role-mismatch")
        assert (own.status_code, own.json()["code"]) == (403, "scope-missing")


async def test_the_soonest_due_of_what_waits_is_assigned_first(owner_url: str, keys: Keys) -> None:
    async with navigation(owner_url, keys, policy=Policy(caseload_cap=1)) as desk:
        await desk.tell(a_routed_referral(at("13:00")), person=new_id(), subject=new_id())
        await desk.plan(an_action(due_on=at("00:00").date() + timedelta(days=1)))

        await desk.register(NAVIGATOR)

        assert [task["source"] for task in await desk.tasks()] == ["care-plan"]


async def test_registering_is_repeatable_and_a_move_needs_the_version_it_is_based_on(owner_url: str, keys: Keys) -> None:
    async with navigation(owner_url, keys) as desk:
        await desk.register(NAVIGATOR)
        path, west = f"/navigation/navigators/{NAVIGATOR}", {"locality": "west", "role": "care-navigator"}
        moved = west | {"locality": "locality-b"}

        again = await desk.context.http.put(path, headers=desk.coordinator, json=west)
        unseen = await desk.context.http.put(path, headers=desk.coordinator, json=moved)
        seen = await desk.context.http.put(path, headers=desk.coordinator | {"If-Match": again.headers["etag"]}, json=moved)
        gp = await desk.context.http.put(path, headers=desk.coordinator, json=west | {"role": "gp"})

        assert (again.status_code, again.json()["version"]) == (200, 1)
        assert (unseen.status_code, unseen.json()["code"]) == (412, "version-conflict")
        assert (seen.status_code, seen.json()["locality"], seen.json()["version"]) == (200, "locality-b", 2)
        assert (gp.status_code, gp.json()["code"]) == (422, "validation-failed")
        actions = await desk.read(f"navigators/{NAVIGATOR}/actions")
        assert {action["name"]: action["method"] for action in actions} == {"RegisterNavigator": "PUT", "DeclareAvailability": "POST"}


async def test_the_last_working_day_before_easter_gives_time_until_tuesday(owner_url: str, keys: Keys) -> None:
    async with navigation(owner_url, keys, datetime(2015, 4, 2, 14, tzinfo=UTC)) as desk:
        await desk.register(NAVIGATOR)
        await desk.tell(a_step_down(), person=new_id(), subject=new_id())

        [task] = await desk.tasks()

        assert (task["acknowledge_by"], task["due_at"]) == ("2015-04-07T14:00:00Z", "2015-04-13T14:00:00Z")


async def test_two_who_come_back_in_one_batch_share_what_waits(owner_url: str, keys: Keys) -> None:
    """The first is given as much as fits; the second is there by the time that the rest is handed out."""
    async with navigation(owner_url, keys, policy=Policy(caseload_cap=2)) as desk:
        await desk.register(NAVIGATOR, OTHER)
        for code in (NAVIGATOR, OTHER):
            await desk.declare(code, is_available=False, until=at("09:00") + timedelta(days=1))
        await desk.plan(*(an_action() for _ in range(4)))
        assert len(await desk.unassigned()) == 4

        await desk.context.let_pass(timedelta(days=1))

        assert [len(await desk.tasks(code)) for code in (NAVIGATOR, OTHER)] == [2, 2]


async def test_what_a_batch_remembers_of_caseloads_is_what_is_stored(owner_url: str, keys: Keys) -> None:
    """It asks once who has how much, and follows its own changes."""
    async with navigation(owner_url, keys) as desk:
        await desk.register(NAVIGATOR, OTHER)
        person, plan = await desk.plan(*(an_action() for _ in range(4)))
        ids = [UUID(task["id"]) for code in (NAVIGATOR, OTHER) for task in await desk.tasks(code)]
        async with desk.context.database.transaction() as tx:
            tx.start_batch()
            await lock_allocation(tx)
            assert sum(each.load for each in await candidates(tx, Role.CARE_NAVIGATOR)) == 4
            blocked, passed_on, ended, _ = [await tasks.load(tx, each) for each in ids]
            blocked = await save_task(blocked, domain.acknowledge(blocked), tx=tx)
            await save_task(blocked, domain.block(blocked, BlockTask(BlockReason.WAITING_LIST), tx.now), tx=tx)
            await reallocate(passed_on, ReassignReason.ABSENCE, tx=tx)
            await cancel_all([ended], CancelReason.CARE_PLAN_REVISED, tx=tx)
            origin = WorkSource(PersonId(person), new_id(), TaskSource.CARE_PLAN, plan, 9)
            for new in of_plan(origin, [an_action(), an_action(kind=TaskKind.CARE_COORDINATION)], Locality.WEST, tx.policy):
                await create_if_absent(new, tx=tx)

            remembered = await candidates(tx, Role.CARE_NAVIGATOR)
            tx.prefetched("rosters").clear()
            assert sorted(remembered, key=_code) == sorted(await candidates(tx, Role.CARE_NAVIGATOR), key=_code)


def _code(candidate: Candidate) -> str:
    return candidate.navigator.code
