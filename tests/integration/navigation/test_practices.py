"""People of unknown and of closed practices, at navigation (A15, B11)."""

from collections.abc import AsyncIterator
from datetime import date, timedelta
from pathlib import Path

import pytest

from infra.dev_stack.dev_secrets import Keys
from shared.contracts.codes import Locality
from shared.kernel.ids import new_id
from tests.builders.navigation import (
    NAVIGATOR,
    OTHER,
    WEDNESDAY,
    NavigationClient,
    a_step_down,
    an_activated_lead,
    at,
    mr_dales_record,
    navigation,
)
from tests.builders.practices import a_practice_entry, load_entries

CLOSING = date(2015, 6, 1)


@pytest.fixture
async def separate_client(own_url: str, keys: Keys) -> AsyncIterator[NavigationClient]:
    """Navigation on a database whose practices a test may change."""
    async with navigation(own_url, keys, at("10:00")) as client:
        yield client


async def contact(client: NavigationClient) -> str | None:
    [task] = await client.unassigned()
    return task["contact"]["professional_id"] if task["contact"] else None


async def test_contact_is_practice_of_today(separate_client: NavigationClient, own_url: str, tmp_path: Path) -> None:
    person = new_id()
    await separate_client.publish(mr_dales_record(), person=person, subject=person)
    await separate_client.publish(a_step_down(), person=person, subject=new_id())
    await load_entries(own_url, separate_client.context.clock.at, tmp_path, a_practice_entry("W07", closed=CLOSING, successor="B01"))
    before = await contact(separate_client)

    separate_client.context.clock.at += CLOSING - WEDNESDAY

    assert (before, await contact(separate_client)) == ("gp-W07", "gp-B01")


async def test_closed_practice_that_leads_is_no_contact(separate_client: NavigationClient, own_url: str, tmp_path: Path) -> None:
    person = new_id()
    lead = {"professional_id": "gp-W07", "role": "gp", "organisation": "W07", "is_fallback": True}
    await separate_client.publish(mr_dales_record(), person=person, subject=person)
    await separate_client.publish(an_activated_lead(separate_client.context.clock.at, **lead), person=person, subject=new_id())
    await separate_client.publish(a_step_down(), person=person, subject=new_id())
    await load_entries(own_url, separate_client.context.clock.at, tmp_path, a_practice_entry("W07", closed=CLOSING))
    before = await contact(separate_client)

    separate_client.context.clock.at += CLOSING - WEDNESDAY

    assert (before, await contact(separate_client)) == ("gp-W07", None)


async def test_plan_of_person_without_locality_waits_for_any_coordinator(client: NavigationClient) -> None:
    await client.register(NAVIGATOR)
    await client.register(OTHER, locality=Locality.LOCALITY_B)
    person = new_id()
    await client.publish(a_step_down(), person=person, subject=new_id())  # a task in the west, before the practice closed
    await client.publish(mr_dales_record(practice_code="E85001", locality=None), person=person, subject=person)

    await client.publish(a_step_down(locality=None), person=person, subject=new_id())

    [waiting] = await client.unassigned()
    assert (waiting["locality"], waiting["contact"]) == (None, None)
    for locality in Locality:
        listed = await client.read("tasks", status="unassigned", locality=locality)
        assert [task["id"] for task in listed["items"]] == [waiting["id"]]
    await client.context.let_pass(timedelta(days=2))
    assert [task["id"] for task in (await client.read("tasks", status="needs-attention", locality="west"))["items"]].count(
        waiting["id"]
    ) == 1
    assigned = await client.try_command(waiting["id"], "assignment", client.coordinator, navigator_id=OTHER)
    assert assigned.status_code == 200, assigned.text
