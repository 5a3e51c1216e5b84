"""The registered practice at the meeting: the surviving record names it, and a score only before there is a record."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any
from uuid import UUID

import pytest

from shared.contracts.persons import PersonMerged, SharingPreference
from shared.kernel.ids import new_id
from tests.builders.context_app import RunningContext
from tests.builders.mdt import MONDAY, Patient, a_finding, a_person_record
from tests.builders.row_security import planted_get, protected_tables, seen_rows, without_row_security

_ACT = {"reason": "emergency", "explanation": "He is unconscious."}


@pytest.fixture(params=[True, False], ids=["both-walls", "policy-alone"])
async def walls(request: pytest.FixtureRequest, owner_url: str) -> AsyncIterator[None]:
    """The access policy decides alone as it does before row-level security."""
    async with AsyncExitStack() as stack:
        if not request.param:
            await stack.enter_async_context(without_row_security(owner_url, "mdt"))
        yield


async def _record(context: RunningContext, person_id: UUID, practice: str, sequence: int = 1) -> None:
    await context.deliver(a_person_record(practice_code=practice), key=person_id, subject=person_id, sequence=sequence)


async def _moved(context: RunningContext) -> UUID:
    """A person of case finding who moved from practice W07, which the score still names, to W08."""
    person_id = await a_finding(context)
    await _record(context, person_id, "W08")
    return person_id


async def _merge(context: RunningContext, person_id: UUID, survivor: UUID) -> None:
    await context.deliver(PersonMerged(into=survivor, merged_at=MONDAY), key=person_id, subject=person_id)


async def _merged(context: RunningContext) -> UUID:
    """A record of practice W07 that was merged into one of W08, before the one record was published under its id."""
    person_id, survivor = new_id(), new_id()
    await _record(context, person_id, "W07")
    await _record(context, survivor, "W08")
    await _merge(context, person_id, survivor)
    return person_id


async def _statuses(context: RunningContext, person_id: UUID, practice: str) -> list[int]:
    """Of the story and of a break-glass."""
    caller = context.token("mdt:read", organisation=practice, actor=f"gp-{practice}")
    story = await context.http.get(f"/mdt/people/{person_id}/story", headers=caller)
    headers = caller | {"Idempotency-Key": str(new_id())}
    act = await context.http.post(f"/mdt/people/{person_id}/break-glass", json=_ACT, headers=headers)
    return [story.status_code, act.status_code]


async def _listed(context: RunningContext, organisation: str) -> int:
    """The people of practice W07 in case finding."""
    caller = context.token("mdt:read", organisation=organisation)
    return len((await context.http.get("/mdt/case-finding?practice=W07", headers=caller)).json()["items"])


async def _rows(context: RunningContext, practice: str) -> int:
    """The number of rows about people that a route without the policy shows."""
    async with planted_get(context, practice, "mdt:read") as tx:
        return sum((await seen_rows(tx, await protected_tables(context))).values())


@pytest.mark.usefixtures("walls")
@pytest.mark.parametrize("begin", [_moved, _merged])
async def test_former_practice_sees_nothing(context: RunningContext, begin: Any) -> None:
    person_id = await begin(context)

    assert await _statuses(context, person_id, "W07") == [404, 404]
    assert await _statuses(context, person_id, "W08") == [200, 201]


@pytest.mark.usefixtures("walls")
async def test_case_finding_lists_no_former_patient(context: RunningContext) -> None:
    """A member of the meeting still sees them: case finding is no practice's."""
    person_id = await a_finding(context)
    before = await _listed(context, "W07")
    await _record(context, person_id, "W08")

    assert (before, await _listed(context, "W07"), await _listed(context, "CLCH")) == (1, 0, 1)


@pytest.mark.parametrize("begin", [_moved, _merged])
async def test_second_wall_hides_all_from_former_practice(context: RunningContext, begin: Any) -> None:
    await begin(context)

    assert await _rows(context, "W07") == 0
    assert await _rows(context, "W08") > 0


@pytest.mark.usefixtures("walls")
async def test_score_names_the_practice_before_a_record(context: RunningContext) -> None:
    person_id = await a_finding(context)
    statuses = [(await _statuses(context, person_id, practice))[1] for practice in ("W07", "W08")]
    await _record(context, person_id, "unknown")

    assert statuses == [201, 404]
    assert [(await _statuses(context, person_id, practice))[0] for practice in ("W07", "W08")] == [200, 404]


async def test_record_without_preference_opens_no_withheld_story(context: RunningContext) -> None:
    patient, merged = await Patient.discussed(context), new_id()
    record = a_person_record(sharing=SharingPreference.WITHHELD)
    await context.deliver(record, key=patient.person_id, subject=patient.person_id)
    await _record(context, merged, "W07")
    await _merge(context, merged, patient.person_id)
    await context.database.pool.execute("UPDATE person SET record = record - 'sharing' WHERE person_id = $1", merged)

    member = context.token("mdt:read", organisation="LBB")
    answers = [await context.http.get(f"/mdt/people/{each}/story", headers=member) for each in (patient.person_id, merged)]

    assert [answer.json()["code"] for answer in answers] == ["story-withheld"] * 2


async def _stated(context: RunningContext, person_id: UUID, practice: str, *, is_confirmed: bool, sequence: int) -> None:
    record = a_person_record(practice_code=practice, is_practice_confirmed=is_confirmed)
    await context.deliver(record, key=person_id, subject=person_id, sequence=sequence)


@pytest.mark.usefixtures("walls")
async def test_practice_that_states_itself_is_a_stranger(context: RunningContext) -> None:
    """Until the Community Point of Access confirms it."""
    patient = await Patient.discussed(context)
    await _stated(context, patient.person_id, "W08", is_confirmed=False, sequence=1)
    before = await _statuses(context, patient.person_id, "W08")
    await _stated(context, patient.person_id, "W08", is_confirmed=True, sequence=2)

    assert (before, await _statuses(context, patient.person_id, "W08")) == ([404, 404], [200, 201])


async def test_second_wall_hides_all_from_doubtful_practice(context: RunningContext) -> None:
    patient = await Patient.discussed(context)
    await _stated(context, patient.person_id, "W08", is_confirmed=False, sequence=1)

    assert await _rows(context, "W08") == 0


@pytest.mark.usefixtures("walls")
async def test_score_outweighs_a_doubtful_practice(context: RunningContext) -> None:
    person_id = await a_finding(context)
    await _stated(context, person_id, "W08", is_confirmed=False, sequence=1)

    assert [(await _statuses(context, person_id, practice))[0] for practice in ("W07", "W08")] == [200, 404]
    assert await _listed(context, "W07") == 1
