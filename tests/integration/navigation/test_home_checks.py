"""Home checks 91 days after a discharge (T11)."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from shared.contracts.persons import PersonDeceased
from shared.kernel.ids import new_id
from tests.builders.navigation import NAVIGATOR, OTHER, WEDNESDAY, NavigationClient, at, mr_dales_record


async def cancel(client: NavigationClient, check: dict[str, Any], reason: str, version: int | None = None) -> httpx.Response:
    headers = client.coordinator | {"If-Match": f'W/"{check["version"] if version is None else version}"'}
    path = f"/navigation/people/{check['person_id']}/home-checks/{check['id']}/cancellation"
    return await client.context.http.post(path, headers=headers, json={"reason": reason})


async def mr_dale(client: NavigationClient) -> UUID:
    person_id = new_id()
    await client.publish(mr_dales_record(), person=person_id, subject=person_id)
    await client.know(person_id)
    return person_id


@pytest.mark.acceptance("navigation-5")
async def test_home_check_comes_91_days_after_discharge(client: NavigationClient) -> None:
    await client.register(NAVIGATOR)
    person_id = await mr_dale(client)
    responses = [await client.expect_home_check(person_id, WEDNESDAY) for _ in range(2)]
    assert [(response.status_code, response.json()["version"]) for response in responses] == [(201, 1)] * 2
    assert responses[0].json()["due_at"] == "2015-06-02T23:00:00Z"

    await client.context.let_pass(timedelta(days=90))
    assert await client.tasks() == []
    await client.context.let_pass(timedelta(days=1))

    assert [(task["kind"], task["source"]) for task in await client.tasks()] == [("follow-up-check", "hospital-discharge")]
    assert [check["status"] for check in (await client.read(f"people/{person_id}/home-checks"))["items"]] == ["due"]


async def test_coordinators_list_expected_home_checks(client: NavigationClient) -> None:
    checks = [(await client.expect_home_check(await mr_dale(client), WEDNESDAY - timedelta(days=days))).json() for days in (0, 2, 1)]
    await cancel(client, checks[2], "created-in-error")

    first = await client.read("home-checks", limit=1)
    second = await client.read("home-checks", limit=1, cursor=first["next"])

    assert [check["id"] for page in (first, second) for check in page["items"]] == [checks[1]["id"], checks[0]["id"]]
    assert second["next"] is None
    refused = await client.context.http.get("/navigation/home-checks", headers=client.navigator())
    assert (refused.status_code, refused.json()["code"]) == (403, "scope-missing")


async def test_wrong_discharge_is_cancelled_and_recorded_again(client: NavigationClient) -> None:
    person_id = await mr_dale(client)
    check = (await client.expect_home_check(person_id, WEDNESDAY)).json()
    path = f"people/{person_id}/home-checks/{check['id']}/actions"
    assert [action["name"] for action in await client.read(path)] == ["CancelHomeCheck"]

    refused = await cancel(client, check, "person-died")
    cancelled = [await cancel(client, check, "created-in-error") for _ in range(2)]
    other = await cancel(client, check, "duplicate", version=2)

    assert (refused.status_code, refused.json()["code"]) == (422, "cancel-reason-of-source")
    assert [(each.status_code, each.json()["status"], each.json()["version"]) for each in cancelled] == [(200, "cancelled", 2)] * 2
    assert (other.status_code, other.json()["code"]) == (409, "illegal-transition")
    assert await client.read(path) == []
    again = await client.expect_home_check(person_id, WEDNESDAY)
    assert (again.json()["id"], again.json()["status"]) == (check["id"], "expected")
    await client.context.let_pass(timedelta(days=91))
    assert len(await client.unassigned()) == 1


async def test_home_check_of_another_person_is_not_found(client: NavigationClient) -> None:
    check = (await client.expect_home_check(await mr_dale(client), WEDNESDAY)).json()

    response = await cancel(client, check | {"person_id": await mr_dale(client)}, "created-in-error")

    assert (response.status_code, response.json()["code"]) == (404, "home-check-not-found")


async def test_stale_version_of_a_home_check_is_refused(client: NavigationClient) -> None:
    check = (await client.expect_home_check(await mr_dale(client), WEDNESDAY)).json()

    response = await cancel(client, check, "created-in-error", version=9)

    assert (response.status_code, response.json()["code"]) == (412, "version-conflict")


async def test_navigator_sees_home_checks_of_own_people_alone(client: NavigationClient) -> None:
    await client.register(OTHER)
    person_id = await mr_dale(client)
    await client.expect_home_check(person_id, WEDNESDAY)

    response = await client.context.http.get(f"/navigation/people/{person_id}/home-checks", headers=client.navigator(OTHER))

    assert (response.status_code, response.json()["code"]) == (404, "person-record-not-found")


async def test_invalid_home_check_is_refused(client: NavigationClient) -> None:
    person_id, dead = await mr_dale(client), await mr_dale(client)
    await client.publish(PersonDeceased(died_on=None, reported_by="CLCH", recorded_at=at("13:00")), person=dead, subject=new_id())

    tomorrow = await client.expect_home_check(person_id, WEDNESDAY + timedelta(days=1))
    last_year = await client.expect_home_check(person_id, WEDNESDAY - timedelta(days=91))
    unknown = await client.expect_home_check(new_id(), WEDNESDAY)
    of_dead = await client.expect_home_check(dead, WEDNESDAY)

    codes = [(response.status_code, response.json()["code"]) for response in (tomorrow, last_year, unknown, of_dead)]
    assert codes == [
        (422, "discharge-in-future"),
        (422, "home-check-in-past"),
        (404, "person-record-not-found"),
        (409, "person-died"),
    ]
    assert await client.context.database.pool.fetchval("SELECT count(*) FROM home_check") == 0
