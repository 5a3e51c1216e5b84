"""Access of organisations, navigators and leads to each route (IG8)."""

from datetime import timedelta
from typing import Any

import pytest

from services.navigation.domain.policy import Policy
from shared.contracts.persons import PersonMerged, SharingPreference
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


async def status_and_code(client: NavigationClient, path: str, caller: dict[str, str] | None = None) -> tuple[int, str | None]:
    response = await client.context.http.get(f"/navigation/{path}", headers=caller or client.coordinator)
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
    tasks = [f"tasks/{task['id']}{part}" for part in ("", "/history", "/actions")]
    people = [f"people/{person_id}/{part}" for part in ("story", "tasks", "home-checks")]
    navigators = [f"navigators/{NAVIGATOR}{part}" for part in ("", "/tasks", "/feed", "/feed/stream")]

    seen = {path: await status_and_code(client, path, colleague) for path in (*tasks, *people, *navigators)}

    assert seen == {
        **dict.fromkeys(tasks, (404, "task-not-found")),
        **dict.fromkeys(people, (404, "person-record-not-found")),
        **dict.fromkeys(navigators, (403, "feed-access-denied")),
    }
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


async def test_repeated_registration_shows_no_stranger(client: NavigationClient) -> None:
    await client.register("ageuk-navigator-1", organisation="AGEUK")
    path, registered = "/navigation/navigators/ageuk-navigator-1", {"locality": "west", "role": "care-navigator"}
    own = client.caller("navigation:coordinate", "navigation-coordinator", "AGEUK")

    changes: list[dict[str, str]] = [{}, {"locality": "locality-b"}]
    others = [await client.context.http.put(path, headers=client.coordinator, json=registered | each) for each in changes]
    repeated = await client.context.http.put(path, headers=own, json=registered)

    assert [(each.status_code, each.json()["code"]) for each in others] == [(403, "organisation-not-involved")] * 2
    assert (repeated.status_code, repeated.json()["version"]) == (200, 1)


async def test_story_comes_from_projection(client: NavigationClient) -> None:
    person_id, _ = await a_person_with_a_task(client)
    await client.publish(mr_dales_record(address="Oakleigh Park"), person=person_id, subject=person_id)

    story = await client.read(f"people/{person_id}/story", client.navigator())

    assert (story["address"], story["story"]["contacts"][0]["name"]) == ("Oakleigh Park", "Louise")
    assert story["lead"]["organisation"] == "RFL"
    assert await status_and_code(client, f"people/{new_id()}/story", client.coordinator) == (404, "person-record-not-found")


async def test_older_person_record_does_not_replace_newer(client: NavigationClient) -> None:
    person_id = new_id()
    await client.know(person_id)
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
    await a_person_with_a_task(client)
    subjects = {
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

    assert [status for status, _ in refusals.values()] == [404, 404, 403, 403]
    assert taken.status_code == 404
    assert await client.tasks() == [task]


async def test_occupied_staff_code_costs_no_more_than_another_code(client: NavigationClient) -> None:
    """A listed employer registers the code of a navigator of another one first: the threat model accepts this."""
    await client.register("clch-navigator-9", organisation="AGEUK")
    body = {"locality": "west", "role": "care-navigator"}
    coordinator = client.caller("navigation:coordinate", "coordinator-9")
    refused = await client.context.http.put("/navigation/navigators/clch-navigator-9", headers=coordinator, json=body)
    feed = await status_and_code(client, "navigators/clch-navigator-9/feed", client.navigator("clch-navigator-9"))
    acts = "SELECT actor_org, actor_id, refusal FROM audit WHERE action = 'RegisterNavigator' ORDER BY id"
    audited = [tuple(row) for row in await client.context.database.pool.fetch(acts)]
    await client.register("clch-navigator-9b")

    assert (refused.status_code, refused.json()["code"]) == (403, "organisation-not-involved")
    assert feed == (403, "feed-access-denied")
    assert audited == [("AGEUK", "navigation-coordinator", None), ("CLCH", "coordinator-9", "organisation-not-involved")]
    assert [each["code"] for each in (await client.read("navigators"))["items"]] == ["clch-navigator-9b"]
    assert await status_and_code(client, "navigators/clch-navigator-9b/feed", client.navigator("clch-navigator-9b")) == (200, None)


async def test_occupied_staff_code_is_refused_with_a_way_on(client: NavigationClient) -> None:
    """Finding: the refusal spoke of a person's care. It names neither the other employer nor what they registered."""
    await client.register("clch-navigator-9", organisation="AGEUK")
    body = {"locality": "west", "role": "care-navigator"}

    refused = (await client.context.http.put("/navigation/navigators/clch-navigator-9", headers=client.coordinator, json=body)).json()

    read = (await client.context.http.get("/navigation/navigators/clch-navigator-9/tasks", headers=client.coordinator)).json()

    assert refused["detail"] == read["detail"] == "The staff code is taken, and no navigator of your organisation has it."
    assert refused["advice"].startswith("Check the staff code; register your own navigator under another one,")
    assert "AGEUK" not in str([refused, read])


async def test_outsider_registers_no_navigator_and_is_given_no_task(client: NavigationClient) -> None:
    """A navigator whom it had registered itself was the only one, was allocated the next task and read the story."""
    coordinator, navigator = (client.caller(f"navigation:{each}", "evil-1", "EVIL") for each in ("coordinate", "work"))
    body = {"locality": "west", "role": "care-navigator"}

    registered = await client.context.http.put("/navigation/navigators/evil-1", headers=coordinator, json=body)
    person_id, _ = await client.plan(an_action())
    await client.publish(mr_dales_record(), person=person_id, subject=person_id)
    [waiting] = await client.unassigned()
    paths = ("navigators/evil-1/feed", "navigators/evil-1/tasks", f"tasks/{waiting['id']}", f"people/{person_id}/story")
    read = {path: await status_and_code(client, path, navigator) for path in paths}

    assert (registered.status_code, registered.json()["code"]) == (403, "organisation-not-involved")
    assert read == dict.fromkeys(paths, (403, "organisation-not-involved"))


@pytest.mark.parametrize("policy", [Policy(employers=("CLCH",))])
async def test_task_goes_to_navigators_of_listed_employers_alone(client: NavigationClient) -> None:
    """Finding C2: an organisation in no directory registered a navigator, who was allocated the next task with its story."""
    client.context.use_policy(Policy(employers=("CLCH", "HOUSING21")))
    await client.register("housing21-navigator-1", organisation="HOUSING21")
    client.context.use_policy(Policy(employers=("CLCH",)))

    await client.plan(an_action())
    [waiting] = await client.unassigned()
    chosen = await client.try_command(
        waiting["id"], "assignment", client.coordinator, version=waiting["version"], navigator_id="housing21-navigator-1"
    )

    assert (chosen.status_code, chosen.json()["code"]) == (409, "employer-not-listed")


#: Each command of a task, with a valid body.
COMMANDS: dict[str, dict[str, Any]] = {
    "assignment": {"navigator_id": OTHER},
    "acknowledgement": {},
    "start": {},
    "fulfilment": {"outcome": "arranged"},
    "block": {"reason": "funding"},
    "escalation": {"reason": "safety-concern"},
    "unblock": {},
    "reassignment": {"navigator_id": OTHER, "reason": "workload"},
    "due-date": {"due_at": "2015-03-12T10:00:00Z", "reason": "service-date"},
    "cancellation": {"reason": "duplicate"},
}


async def answer(client: NavigationClient, path: str, asked_for: Any, caller: dict[str, str], body: dict[str, Any] | None = None) -> Any:
    """The status and the body without the id that was asked for, and without the id of the request."""
    url, headers = f"/navigation/{path.format(asked_for)}", caller | {"If-Match": 'W/"2"', "Idempotency-Key": str(new_id())}
    http = client.context.http
    response = await (http.get(url, headers=caller) if body is None else http.post(url, headers=headers, json=body or None))
    problem = {name: value for name, value in response.json().items() if name != "instance"}
    return response.status_code, str(problem).replace(str(asked_for), "ID")


async def test_person_without_task_does_not_exist_for_coordinators(client: NavigationClient) -> None:
    """Finding C8: a coordinator read the story of every person in the borough, and recorded a discharge to see them."""
    known = new_id()
    await client.publish(mr_dales_record(), person=known, subject=known)
    await client.publish(an_activated_lead(at("13:40")), person=known, subject=new_id())
    discharge = {"discharged_on": "2015-03-02"}
    requests = [("people/{}/story", None), ("people/{}/tasks", None), ("people/{}/home-checks", None), ("people/{}/home-checks", discharge)]

    for path, body in requests:
        for caller in (client.coordinator, client.navigator()):
            seen = await answer(client, path, known, caller, body)
            assert (seen, seen[0]) == (await answer(client, path, new_id(), caller, body), 404), path
    assert await client.context.database.pool.fetchval("SELECT count(*) FROM home_check") == 0


async def test_task_of_others_is_answered_as_an_unknown_one(client: NavigationClient) -> None:
    _, task = await a_person_with_a_task(client)
    coordinator = client.caller("navigation:coordinate", "ageuk-coordinator", "AGEUK")
    reads, strangers = ("tasks/{}", "tasks/{}/actions", "tasks/{}/history"), (client.navigator(OTHER), coordinator)

    for path, caller in [(path, caller) for path in reads for caller in strangers]:
        seen = await answer(client, path, task["id"], caller)
        assert (seen, seen[0]) == (await answer(client, path, new_id(), caller), 404), path
    for verb, body in COMMANDS.items():
        seen = await answer(client, f"tasks/{{}}/{verb}", task["id"], coordinator, body)
        assert (seen, seen[0]) == (await answer(client, f"tasks/{{}}/{verb}", new_id(), coordinator, body), 404), verb
    assert await client.tasks() == [task]


async def test_employer_coordinates_tasks_of_its_navigators_alone(client: NavigationClient) -> None:
    await client.register("ageuk-navigator-1", organisation="AGEUK")
    person_id, _ = await client.plan(an_action())
    await client.publish(mr_dales_record(), person=person_id, subject=person_id)
    coordinator = client.caller("navigation:coordinate", "ageuk-coordinator", "AGEUK")

    [task] = (await client.read("navigators/ageuk-navigator-1/tasks", coordinator))["items"]

    assert (await client.read(f"tasks/{task['id']}", coordinator))["narrative"].startswith("Lives alone")
    assert (await client.read(f"tasks/{task['id']}"))["narrative"].startswith("Lives alone")
    other = new_id()
    await client.know(other)
    assert len((await client.read(f"people/{other}/tasks"))["items"]) == 1
    assert await status_and_code(client, f"people/{other}/tasks", coordinator) == (404, "person-record-not-found")


@pytest.mark.parametrize("scope", ["navigation:work", "navigation:coordinate"])
async def test_task_is_seen_28_days_after_its_end(client: NavigationClient, scope: str) -> None:
    person_id, task = await a_person_with_a_task(client)
    caller = client.navigator() if scope == "navigation:work" else client.coordinator
    done = await client.try_command(task["id"], "fulfilment", outcome="arranged")
    assert done.status_code == 200, done.text
    ended, paths = client.context.clock.at, [f"tasks/{task['id']}", f"people/{person_id}/tasks", f"people/{person_id}/story"]

    client.context.clock.at = ended + timedelta(days=28, seconds=-1)
    before = [(await status_and_code(client, path, caller))[0] for path in paths]
    client.context.clock.at = ended + timedelta(days=28)
    after = [(await status_and_code(client, path, caller))[0] for path in paths]

    assert (before, after) == ([200] * 3, [404] * 3)
    repeated = await client.try_command(task["id"], "fulfilment", outcome="arranged")
    assert (repeated.status_code, repeated.json()["code"]) == (404, "task-not-found")


async def test_navigator_sees_a_task_28_days_after_losing_it(client: NavigationClient) -> None:
    person_id, task = await a_person_with_a_task(client)
    moved = await client.try_command(task["id"], "reassignment", client.coordinator, navigator_id=OTHER, reason="workload")
    taken, path = client.context.clock.at, f"people/{person_id}/story"
    assert moved.status_code == 200, moved.text

    client.context.clock.at = taken + timedelta(days=28, seconds=-1)
    before = [await status_and_code(client, path, client.navigator(code)) for code in (NAVIGATOR, OTHER)]
    command = await client.try_command(task["id"], "acknowledgement", version=3)
    client.context.clock.at = taken + timedelta(days=28)
    after = [await status_and_code(client, path, client.navigator(code)) for code in (NAVIGATOR, OTHER)]

    assert before == [(200, None)] * 2
    assert (command.status_code, command.json()["code"]) == (403, "feed-access-denied")
    assert after == [(404, "person-record-not-found"), (200, None)]


async def test_expected_home_check_keeps_the_person_with_coordinators(client: NavigationClient) -> None:
    person_id = new_id()
    await client.publish(mr_dales_record(), person=person_id, subject=person_id)
    await client.know(person_id)
    assert (await client.expect_home_check(person_id, at("14:00").date())).status_code == 201

    client.context.clock.at += timedelta(days=60)

    assert (await client.read(f"people/{person_id}/story"))["given_name"] == "Colin"
    assert [check["status"] for check in (await client.read(f"people/{person_id}/home-checks"))["items"]] == ["expected"]


@pytest.mark.parametrize(
    ("sharing", "shown"),
    [
        (SharingPreference.DIRECT_CARE, {"navigator", "coordinator", "lead"}),
        (SharingPreference.RESTRICTED, {"navigator", "lead"}),
        (SharingPreference.WITHHELD, set()),
    ],
)
async def test_each_preference_closes_more_of_the_story(client: NavigationClient, sharing: SharingPreference, shown: set[str]) -> None:
    person_id, task = await a_person_with_a_task(client)
    await client.publish(mr_dales_record(sharing=sharing), person=person_id, subject=person_id)
    callers = {"navigator": client.navigator(), "coordinator": client.coordinator, "lead": client.caller("mdt:lead", LEAD, "RFL")}

    for name, caller in callers.items():
        expected = (200, None) if name in shown else (403, "story-withheld")
        assert await status_and_code(client, f"people/{person_id}/story", caller) == expected
        assert ((await client.read(f"tasks/{task['id']}", caller))["narrative"] is not None) is (name in shown)
        assert len((await client.read(f"people/{person_id}/tasks", caller))["items"]) == 1


async def test_strictest_preference_of_merged_records_counts(client: NavigationClient) -> None:
    survivor, _ = await a_person_with_a_task(client)
    merged = new_id()
    await client.publish(mr_dales_record(sharing=SharingPreference.WITHHELD), person=merged, subject=merged)
    assert await status_and_code(client, f"people/{survivor}/story") == (200, None)

    await client.publish(PersonMerged(into=survivor, merged_at=at("14:00")), person=merged, subject=merged)

    assert await status_and_code(client, f"people/{survivor}/story") == (403, "story-withheld")


@pytest.mark.parametrize(("actor", "organisation"), [(LEAD, "CLCH"), ("gp-W07", "RFL")])
async def test_another_professional_is_not_the_lead(client: NavigationClient, actor: str, organisation: str) -> None:
    person_id, task = await a_person_with_a_task(client)
    other = client.caller("mdt:lead", actor, organisation)

    refusals = [await status_and_code(client, path, other) for path in (f"tasks/{task['id']}", f"people/{person_id}/story")]

    assert refusals == [(404, "task-not-found"), (404, "person-record-not-found")]
