"""Access of organisations, navigators and leads to each route (IG8)."""

from typing import Any

import pytest

from services.navigation.domain.policy import Policy
from shared.contracts.persons import SharingPreference
from shared.kernel.ids import new_id
from tests.builders.navigation import (
    LEAD,
    NAVIGATOR,
    OTHER,
    NavigationClient,
    an_action,
    an_activated_lead,
    at,
    mr_dales_record,
)


async def a_person_with_a_task(client: NavigationClient) -> tuple[Any, dict[str, Any]]:
    """Mr Dale, led by a community nurse of another organisation, with one task of the first navigator; returns his id and the task."""
    await client.register(NAVIGATOR, OTHER)
    person_id = new_id()
    await client.publish(mr_dales_record(), person=person_id, subject=person_id)
    await client.publish(an_activated_lead(at("13:40"), organisation="RFL"), person=person_id, subject=new_id())
    await client.plan(an_action(), person=person_id)
    [task] = await client.tasks()
    return person_id, task


async def status_and_code(client: NavigationClient, path: str, caller: dict[str, str]) -> tuple[int, str]:
    response = await client.context.http.get(f"/navigation/{path}", headers=caller)
    return response.status_code, response.json().get("code")


@pytest.mark.acceptance("navigation-9")
@pytest.mark.parametrize("scope", ["navigation:work", "navigation:coordinate"])
async def test_other_organisation_reads_nothing(client: NavigationClient, scope: str) -> None:
    person_id, task = await a_person_with_a_task(client)
    other = client.caller(scope, NAVIGATOR, "HOUSING21")
    paths = [f"tasks/{task['id']}", f"tasks/{task['id']}/history", f"tasks/{task['id']}/actions"]
    paths += [f"people/{person_id}/story", f"people/{person_id}/tasks"]
    paths += [f"navigators/{NAVIGATOR}/{part}" for part in ("tasks", "feed", "feed/stream", "actions")]

    responses = {path: await client.context.http.get(f"/navigation/{path}", headers=other) for path in paths}

    assert {path: (response.status_code, response.json()["code"]) for path, response in responses.items()} == dict.fromkeys(
        paths, (403, "organisation-not-involved")
    )
    assert not [path for path, response in responses.items() if "Sally" in response.text or "Dale" in response.text]


@pytest.mark.acceptance("navigation-9")
async def test_other_organisation_changes_nothing(client: NavigationClient) -> None:
    _, task = await a_person_with_a_task(client)
    other = client.caller("navigation:coordinate", "navigation-coordinator", "HOUSING21")

    reassigned = await client.try_command(task["id"], "reassignment", other, version=2, navigator_id=OTHER, reason="workload")
    acknowledged = await client.try_command(task["id"], "acknowledgement", other, version=2)

    assert [(response.status_code, response.json()["code"]) for response in (reassigned, acknowledged)] == [
        (403, "organisation-not-involved")
    ] * 2
    assert await client.tasks() == [task]


@pytest.mark.acceptance("navigation-1")
async def test_navigator_accesses_only_own_tasks(client: NavigationClient) -> None:
    person_id, task = await a_person_with_a_task(client)
    colleague = client.navigator(OTHER)
    paths = [f"tasks/{task['id']}", f"tasks/{task['id']}/history", f"people/{person_id}/story"]
    paths += [f"navigators/{NAVIGATOR}{part}" for part in ("", "/tasks", "/feed", "/feed/stream")]

    assert {path: await status_and_code(client, path, colleague) for path in paths} == dict.fromkeys(paths, (403, "feed-access-denied"))
    response = await client.try_command(task["id"], "acknowledgement", colleague, version=task["version"])
    assert (response.status_code, response.json()["code"]) == (403, "feed-access-denied")
    assert await client.feed(OTHER) == []


async def test_navigator_cannot_find_out_which_codes_exist(client: NavigationClient) -> None:
    """The refusals for another navigator and for an unknown code are the same."""
    await client.register(NAVIGATOR)
    http, other = client.context.http, client.navigator(OTHER)
    paths = [f"navigators/{{}}{part}" for part in ("", "/actions", "/tasks", "/feed", "/feed/stream")]

    for code in (NAVIGATOR, "unknown"):
        read = {path: await status_and_code(client, path.format(code), other) for path in paths}
        assert read == dict.fromkeys(paths, (403, "feed-access-denied"))
        declared = await http.post(
            f"/navigation/navigators/{code}/availability", headers=other | {"If-Match": 'W/"9"'}, json={"is_available": False}
        )
        assert (declared.status_code, declared.json()["code"]) == (403, "feed-access-denied")


async def test_navigator_cannot_run_coordinator_commands(client: NavigationClient) -> None:
    _, task = await a_person_with_a_task(client)
    own = client.navigator()
    http = client.context.http

    responses = [
        await client.try_command(task["id"], "reassignment", own, version=2, navigator_id=OTHER, reason="workload"),
        await client.try_command(task["id"], "cancellation", own, version=2, reason="created-in-error"),
        await http.put("/navigation/navigators/me", headers=own, json={"locality": "west", "role": "care-navigator"}),
        await http.get("/navigation/navigators", headers=own),
        await http.get("/navigation/tasks?status=unassigned", headers=own),
    ]

    assert {(response.status_code, response.json()["code"]) for response in responses} == {(403, "scope-missing")}


async def test_lead_reads_but_changes_nothing(client: NavigationClient) -> None:
    person_id, task = await a_person_with_a_task(client)
    lead = client.caller("mdt:lead", LEAD, "RFL")

    assert (await client.read(f"tasks/{task['id']}", lead))["narrative"].startswith("Lives alone")
    assert [entry["id"] for entry in (await client.read(f"people/{person_id}/tasks", lead))["items"]] == [task["id"]]
    response = await client.try_command(task["id"], "acknowledgement", lead, version=task["version"])
    assert (response.status_code, response.json()["code"]) == (403, "scope-missing")


async def test_navigator_of_other_employer_works_on_own_tasks(client: NavigationClient) -> None:
    await client.register("ageuk-navigator-1", organisation="AGEUK")
    await client.plan(an_action())
    own = client.navigator("ageuk-navigator-1", "AGEUK")
    [task] = (await client.read("navigators/ageuk-navigator-1/tasks", own))["items"]

    response = await client.try_command(task["id"], "acknowledgement", own, version=task["version"])

    assert response.status_code == 200
    assert await status_and_code(client, "navigators/ageuk-navigator-1/tasks", client.coordinator) == (403, "organisation-not-involved")


async def test_story_comes_from_projection(client: NavigationClient) -> None:
    person_id, _ = await a_person_with_a_task(client)
    await client.publish(mr_dales_record(address="Oakleigh Park"), person=person_id, subject=person_id)

    story = await client.read(f"people/{person_id}/story", client.navigator())

    assert (story["address"], story["story"]["contacts"][0]["name"]) == ("Oakleigh Park", "Louise")
    assert story["lead"]["organisation"] == "RFL"
    assert await status_and_code(client, f"people/{new_id()}/story", client.coordinator) == (404, "person-record-not-found")


async def test_older_person_record_does_not_replace_newer(client: NavigationClient) -> None:
    person_id = new_id()
    for sequence, address in ((2, "new"), (1, "old")):
        await client.context.deliver(mr_dales_record(address=address), key=person_id, subject=person_id, sequence=sequence)

    assert (await client.read(f"people/{person_id}/story"))["address"] == "new"


async def test_withheld_story_hides_all_but_visit_needs(client: NavigationClient) -> None:
    person_id, task = await a_person_with_a_task(client)
    withheld = mr_dales_record(sharing=SharingPreference.WITHHELD)
    await client.publish(withheld, person=person_id, subject=person_id)

    detail = await client.read(f"tasks/{task['id']}", client.navigator())

    assert (detail["narrative"], detail["what_matters"], detail["contacts"]) == (None, None, [])
    assert detail["person"]["preferred_visit_times"] == "after 11:00"
    assert await status_and_code(client, f"people/{person_id}/story", client.navigator()) == (403, "story-withheld")


async def test_every_read_of_a_person_is_audited(client: NavigationClient) -> None:
    person_id, task = await a_person_with_a_task(client)

    await client.read(f"tasks/{task['id']}", client.navigator())
    await client.read(f"people/{person_id}/story", client.navigator())
    await client.read(f"navigators/{NAVIGATOR}/tasks", client.navigator())

    lines = await client.context.database.pool.fetch("SELECT action, subject FROM audit WHERE actor_id = $1", NAVIGATOR)
    assert {(line["action"], str(line["subject"])) for line in lines} == {
        ("read_task", task["id"]),
        ("read_story", str(person_id)),
        ("work_list", task["id"]),
    }


@pytest.mark.parametrize("path", ["tasks/{}", "tasks/{}/actions", "tasks/{}/history"])
async def test_unknown_id_is_not_found(client: NavigationClient, path: str) -> None:
    assert await status_and_code(client, path.format(new_id()), client.coordinator) == (404, "task-not-found")
    assert await status_and_code(client, "navigators/unknown/feed", client.coordinator) == (404, "navigator-not-found")


async def test_refusal_names_what_the_caller_asked_for(client: NavigationClient) -> None:
    """Each said "The feed"."""
    person_id, task = await a_person_with_a_task(client)
    subjects = {
        f"tasks/{task['id']}": "The task",
        f"people/{person_id}/home-checks": "The care of this person",
        f"navigators/{NAVIGATOR}/tasks": "The list",
        f"navigators/{NAVIGATOR}/feed": "The feed",
    }

    refused = {path: await client.context.http.get(f"/navigation/{path}", headers=client.navigator(OTHER)) for path in subjects}

    details = {path: response.json()["detail"] for path, response in refused.items()}
    assert details == {path: f"{subject} belongs to another professional." for path, subject in subjects.items()}


async def test_same_staff_code_of_another_employer_is_another_navigator(client: NavigationClient) -> None:
    person_id, task = await a_person_with_a_task(client)
    other = client.navigator(NAVIGATOR, "AGEUK")
    paths = [f"tasks/{task['id']}", f"people/{person_id}/story", f"navigators/{NAVIGATOR}", f"navigators/{NAVIGATOR}/feed"]

    refusals = {path: await status_and_code(client, path, other) for path in paths}
    taken = await client.try_command(task["id"], "acknowledgement", other, version=task["version"])

    assert {status for status, _ in refusals.values()} == {403}
    assert taken.status_code == 403
    assert await client.tasks() == [task]


@pytest.mark.parametrize("policy", [Policy(employers=("CLCH",))])
async def test_task_goes_to_navigators_of_listed_employers_alone(client: NavigationClient) -> None:
    """Finding C2: an organisation in no directory registered a navigator, who was allocated the next task with its story."""
    client.context.database.policy = Policy(employers=("CLCH", "HOUSING21"))
    await client.register("housing21-navigator-1", organisation="HOUSING21")
    client.context.database.policy = Policy(employers=("CLCH",))

    await client.plan(an_action())
    [waiting] = await client.unassigned()
    chosen = await client.try_command(
        waiting["id"], "assignment", client.coordinator, version=waiting["version"], navigator_id="housing21-navigator-1"
    )

    assert (chosen.status_code, chosen.json()["code"]) == (409, "employer-not-listed")
