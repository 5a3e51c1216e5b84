"""Who may see and change what (IG8), on every route."""

from typing import Any

import pytest

from infra.dev_stack.dev_secrets import Keys
from shared.contracts.referrals import SharingPreference
from shared.kernel.ids import new_id
from tests.builders.navigation import (
    LEAD,
    NAVIGATOR,
    OTHER,
    Navigation,
    an_action,
    an_activated_lead,
    at,
    mr_dales_record,
    navigation,
)


async def a_person_with_a_task(desk: Navigation) -> tuple[Any, dict[str, Any]]:
    """Mr Dale, led by a community nurse of another organisation, with one task in the first navigator's hands."""
    await desk.register(NAVIGATOR, OTHER)
    person_id = new_id()
    await desk.tell(mr_dales_record(), person=person_id, subject=person_id)
    await desk.tell(an_activated_lead(at("13:40"), organisation="RFL"), person=person_id, subject=new_id())
    await desk.plan(an_action(), person=person_id)
    [task] = await desk.tasks()
    return person_id, task


async def refused(desk: Navigation, path: str, caller: dict[str, str]) -> tuple[int, str]:
    answer = await desk.context.http.get(f"/navigation/{path}", headers=caller)
    return answer.status_code, answer.json().get("code")


@pytest.mark.acceptance("navigation-9")
@pytest.mark.parametrize("scope", ["navigation:work", "navigation:coordinate"])
async def test_another_organisation_reads_no_word_of_the_person(owner_url: str, keys: Keys, scope: str) -> None:
    async with navigation(owner_url, keys) as desk:
        person_id, task = await a_person_with_a_task(desk)
        stranger = desk.caller(scope, NAVIGATOR, "HOUSING21")
        paths = [f"tasks/{task['id']}", f"tasks/{task['id']}/history", f"tasks/{task['id']}/actions"]
        paths += [f"people/{person_id}/story", f"people/{person_id}/tasks"]
        paths += [f"navigators/{NAVIGATOR}/{part}" for part in ("tasks", "feed", "feed/stream", "actions")]

        answers = {path: await desk.context.http.get(f"/navigation/{path}", headers=stranger) for path in paths}

        assert {path: (answer.status_code, answer.json()["code"]) for path, answer in answers.items()} == dict.fromkeys(
            paths, (403, "organisation-not-involved")
        )
        assert not [path for path, answer in answers.items() if "Sally" in answer.text or "Dale" in answer.text]


@pytest.mark.acceptance("navigation-9")
async def test_another_organisation_changes_nothing(owner_url: str, keys: Keys) -> None:
    async with navigation(owner_url, keys) as desk:
        _, task = await a_person_with_a_task(desk)
        stranger = desk.caller("navigation:coordinate", "navigation-coordinator", "HOUSING21")

        taken = await desk.ask(task["id"], "reassignment", stranger, version=2, navigator_id=OTHER, reason="workload")
        acknowledged = await desk.ask(task["id"], "acknowledgement", stranger, version=2)

        assert [(answer.status_code, answer.json()["code"]) for answer in (taken, acknowledged)] == [(403, "organisation-not-involved")] * 2
        assert await desk.tasks() == [task]


@pytest.mark.acceptance("navigation-1")
async def test_a_navigator_sees_and_changes_only_what_is_their_own(owner_url: str, keys: Keys) -> None:
    async with navigation(owner_url, keys) as desk:
        person_id, task = await a_person_with_a_task(desk)
        colleague = desk.navigator(OTHER)
        paths = [f"tasks/{task['id']}", f"tasks/{task['id']}/history", f"people/{person_id}/story"]
        paths += [f"navigators/{NAVIGATOR}{part}" for part in ("", "/tasks", "/feed", "/feed/stream")]

        assert {path: await refused(desk, path, colleague) for path in paths} == dict.fromkeys(paths, (403, "feed-access-denied"))
        answer = await desk.ask(task["id"], "acknowledgement", colleague, version=task["version"])
        assert (answer.status_code, answer.json()["code"]) == (403, "feed-access-denied")
        assert await desk.feed(OTHER) == []


async def test_a_navigator_cannot_do_what_coordinators_do(owner_url: str, keys: Keys) -> None:
    async with navigation(owner_url, keys) as desk:
        _, task = await a_person_with_a_task(desk)
        own = desk.navigator()
        http = desk.context.http

        answers = [
            await desk.ask(task["id"], "reassignment", own, version=2, navigator_id=OTHER, reason="workload"),
            await desk.ask(task["id"], "cancellation", own, version=2, reason="created-in-error"),
            await http.put("/navigation/navigators/me", headers=own, json={"locality": "west", "role": "care-navigator"}),
            await http.get("/navigation/navigators", headers=own),
            await http.get("/navigation/tasks/unassigned", headers=own),
        ]

        assert {(answer.status_code, answer.json()["code"]) for answer in answers} == {(403, "scope-missing")}


async def test_the_lead_follows_what_is_done_for_the_person_and_changes_nothing(owner_url: str, keys: Keys) -> None:
    async with navigation(owner_url, keys) as desk:
        person_id, task = await a_person_with_a_task(desk)
        lead = desk.caller("navigation:work", LEAD, "RFL")

        assert (await desk.read(f"tasks/{task['id']}", lead))["narrative"].startswith("Lives alone")
        assert [entry["id"] for entry in (await desk.read(f"people/{person_id}/tasks", lead))["items"]] == [task["id"]]
        answer = await desk.ask(task["id"], "acknowledgement", lead, version=task["version"])
        assert (answer.status_code, answer.json()["code"]) == (403, "organisation-not-involved")


async def test_somebody_employed_elsewhere_works_on_their_own_tasks(owner_url: str, keys: Keys) -> None:
    async with navigation(owner_url, keys) as desk:
        await desk.register("ageuk-navigator-1", organisation="AGEUK")
        await desk.plan(an_action())
        own = desk.navigator("ageuk-navigator-1", "AGEUK")
        [task] = (await desk.read("navigators/ageuk-navigator-1/tasks", own))["items"]

        answer = await desk.ask(task["id"], "acknowledgement", own, version=task["version"])

        assert answer.status_code == 200
        assert await refused(desk, "navigators/ageuk-navigator-1/tasks", desk.coordinator) == (403, "organisation-not-involved")


async def test_the_story_is_told_here_from_navigations_own_copy(owner_url: str, keys: Keys) -> None:
    async with navigation(owner_url, keys) as desk:
        person_id, _ = await a_person_with_a_task(desk)
        await desk.tell(mr_dales_record(address="Oakleigh Park"), person=person_id, subject=person_id)

        story = await desk.read(f"people/{person_id}/story", desk.navigator())

        assert (story["address"], story["story"]["contacts"][0]["name"]) == ("Oakleigh Park", "Louise")
        assert story["lead"]["organisation"] == "RFL"
        assert await refused(desk, f"people/{new_id()}/story", desk.coordinator) == (404, "person-record-not-found")


async def test_an_older_record_does_not_replace_a_newer_one(owner_url: str, keys: Keys) -> None:
    async with navigation(owner_url, keys) as desk:
        person_id = new_id()
        for sequence, address in ((2, "new"), (1, "old")):
            await desk.context.deliver(mr_dales_record(address=address), key=person_id, subject=person_id, sequence=sequence)

        assert (await desk.read(f"people/{person_id}/story"))["address"] == "new"


async def test_a_story_that_the_person_withholds_is_not_shown_but_how_to_meet_them_is(owner_url: str, keys: Keys) -> None:
    async with navigation(owner_url, keys) as desk:
        person_id, task = await a_person_with_a_task(desk)
        withheld = mr_dales_record(sharing=SharingPreference.WITHHELD)
        await desk.tell(withheld, person=person_id, subject=person_id)

        detail = await desk.read(f"tasks/{task['id']}", desk.navigator())

        assert (detail["narrative"], detail["what_matters"], detail["contacts"]) == (None, None, [])
        assert detail["person"]["preferred_visit_times"] == "after 11:00"
        assert await refused(desk, f"people/{person_id}/story", desk.navigator()) == (403, "story-withheld")


async def test_every_look_at_a_person_leaves_a_line_of_who_looked(owner_url: str, keys: Keys) -> None:
    async with navigation(owner_url, keys) as desk:
        person_id, task = await a_person_with_a_task(desk)

        await desk.read(f"tasks/{task['id']}", desk.navigator())
        await desk.read(f"people/{person_id}/story", desk.navigator())
        await desk.read(f"navigators/{NAVIGATOR}/tasks", desk.navigator())

        lines = await desk.context.database.pool.fetch("SELECT action, subject FROM audit WHERE actor_id = $1", NAVIGATOR)
        assert {(line["action"], str(line["subject"])) for line in lines} == {
            ("read_task", task["id"]),
            ("read_story", str(person_id)),
            ("work_list", task["id"]),
        }


@pytest.mark.parametrize("path", ["tasks/{}", "tasks/{}/actions", "tasks/{}/history"])
async def test_what_does_not_exist_is_not_found(owner_url: str, keys: Keys, path: str) -> None:
    async with navigation(owner_url, keys) as desk:
        assert await refused(desk, path.format(new_id()), desk.coordinator) == (404, "task-not-found")
        assert await refused(desk, "navigators/nobody/feed", desk.coordinator) == (404, "navigator-not-found")
