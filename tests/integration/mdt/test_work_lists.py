"""The list that docs/states names for an open state shows the item with its state to a caller with the owner's scope alone."""

from collections.abc import Awaitable, Callable
from datetime import date, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

import pytest

from infra.state_tables import owners
from services.mdt.domain import care_plan, case, lead, meeting, risk
from shared.kernel.ids import new_id
from shared.kernel.ownership import Desk, Ownership
from tests.builders.context_app import RunningContext
from tests.builders.mdt import Patient, a_lead, meetings, read, send_command
from tests.builders.population import HEADER

NURSE = "clch-community-nurse-1"
PERSON = "9990548609"

#: An item and its state.
Item = tuple[str, str]


async def _referred(context: RunningContext) -> str:
    return str((await (await Patient.referred(context)).case())["id"])


async def _listed(context: RunningContext) -> str:
    return str((await (await Patient.listed(context)).case())["id"])


async def _active(context: RunningContext) -> str:
    return str((await (await Patient.discussed(context)).case())["id"])


async def _stepped_down(context: RunningContext) -> str:
    patient = await Patient.discussed(context)
    return str((await patient.command("step-down", {"destination": "gp"}))["id"])


def _planned(*, is_agreed: bool | None) -> Callable[[RunningContext], Awaitable[str]]:
    async def begin(context: RunningContext) -> str:
        return str((await (await Patient.discussed(context, is_agreed_by_person=is_agreed)).plan())["id"])

    return begin


async def _review_due(context: RunningContext) -> str:
    plan = await (await Patient.discussed(context)).plan()
    requested = await send_command(context, f"/mdt/care-plans/{plan['id']}/review", plan["version"])
    return str(requested.json()["id"])


def _led(*, has_accepted: bool) -> Callable[[RunningContext], Awaitable[str]]:
    async def begin(context: RunningContext) -> str:
        leads = await (await Patient.discussed(context, lead=a_lead(has_accepted=has_accepted))).leads()
        return str(next(each["id"] for each in leads if each["professional_id"] == NURSE))

    return begin


async def _scheduled(context: RunningContext) -> str:
    return str((await meetings(context))[0]["id"])


async def _cut_off(context: RunningContext) -> str:
    """The attendance of the meeting is not recorded for weeks."""
    first = await _scheduled(context)
    await context.let_pass(timedelta(weeks=3))
    return first


async def _found(context: RunningContext) -> str:
    """A high climber at level 1, who is one no longer."""
    await _import(context, "0.90", date(2015, 1, 1))
    await _import(context, "3.90", date(2015, 2, 1))
    await context.let_pass(timedelta(weeks=20))
    return str(context.database.secrets.pseudonym(PERSON))


async def _watched(context: RunningContext) -> str:
    person = await _found(context)
    version = (await read(context, f"/mdt/case-finding/{person}"))["version"]
    body = {"destination": "watching-brief", "reason": "stable"}
    screened = await send_command(context, f"/mdt/case-finding/{person}/screening", version, body)
    return str(screened.json()["person_id"])


async def _import(context: RunningContext, ratio: str, day: date) -> None:
    headers = context.token("mdt:import-risk", actor="analyst-1", organisation="BCCG") | {
        "Idempotency-Key": str(new_id()),
        "Content-Type": "text/csv",
    }
    content = f"{HEADER}\n{PERSON},W07,{ratio},,{day}\n"
    response = await context.http.post("/mdt/risk/imports", content=content.encode(), headers=headers)
    assert response.status_code == 201, response.text


#: Brings an item into each open state; returns its id, for case finding that of the person.
BEGINNINGS: dict[tuple[str, StrEnum], Callable[[RunningContext], Awaitable[str]]] = {
    ("CASE", case.Status.REFERRED): _referred,
    ("CASE", case.Status.LISTED): _listed,
    ("CASE", case.Status.ACTIVE): _active,
    ("CASE", case.Status.STEPPED_DOWN): _stepped_down,
    ("CARE_PLAN", care_plan.Status.OFFERED): _planned(is_agreed=None),
    ("CARE_PLAN", care_plan.Status.DECLINED): _planned(is_agreed=False),
    ("CARE_PLAN", care_plan.Status.AGREED): _planned(is_agreed=True),
    ("CARE_PLAN", care_plan.Status.REVIEW_DUE): _review_due,
    ("LEAD", lead.Status.PROPOSED): _led(has_accepted=False),
    ("LEAD", lead.Status.ACTIVE): _led(has_accepted=True),
    ("MEETING", meeting.Status.SCHEDULED): _scheduled,
    ("MEETING", meeting.Status.CUT_OFF): _cut_off,
    ("RISK", risk.Status.FOUND): _found,
    ("RISK", risk.Status.WATCHED): _watched,
}
OPEN = [
    pytest.param(name, state, ownership, id=f"{name.lower()}-{state}")
    for name, states in owners("mdt").items()
    for state, ownership in states.items()
    if ownership
]


async def _get(context: RunningContext, desk: Desk, path: str) -> Any:
    response = await context.http.get(f"/mdt{path}", headers=context.token(desk.scope, actor=NURSE))
    assert response.status_code == 200, response.text
    return response.json()


async def _list_cases(context: RunningContext, desk: Desk, state: StrEnum) -> set[Item]:
    of_case = isinstance(state, case.Status)
    items = (await _get(context, desk, f"/cases?{'status' if of_case else 'care_plan_status'}={state}"))["items"]
    return {(item["id"], item["status"]) if of_case else (item["care_plan_id"], item["care_plan_status"]) for item in items}


async def _read_agenda(context: RunningContext, desk: Desk, _: StrEnum) -> set[Item]:
    agendas = [await _get(context, desk, f"/meetings/{each['id']}/agenda") for each in (await _get(context, desk, "/meetings"))["items"]]
    return {(item["case"]["id"], item["case"]["status"]) for agenda in agendas for item in agenda["items"]}


async def _list_meetings(context: RunningContext, desk: Desk, _: StrEnum) -> set[Item]:
    return {(item["id"], item["status"]) for item in (await _get(context, desk, "/meetings"))["items"]}


async def _list_findings(context: RunningContext, desk: Desk, _: StrEnum) -> set[Item]:
    return {(item["person_id"], item["status"]) for item in (await _get(context, desk, "/case-finding?practice=W07"))["items"]}


async def _own_people(context: RunningContext, desk: Desk, _: StrEnum) -> set[Item]:
    people = await _get(context, desk, f"/leads/people?professional_id={NURSE}")
    leads = {(own["lead"]["id"], own["lead"]["status"]) for own in people}
    return leads | {(own["care_plan_id"], own["care_plan_status"]) for own in people}


WORK_LISTS: dict[str, Callable[[RunningContext, Desk, StrEnum], Awaitable[set[Item]]]] = {
    "list_cases": _list_cases,
    "read_agenda": _read_agenda,
    "list_meetings": _list_meetings,
    "list_findings": _list_findings,
    "own_people": _own_people,
}


@pytest.mark.parametrize(("name", "state", "ownership"), OPEN)
async def test_work_list_shows_item_with_its_state_to_owner(
    context: RunningContext, name: str, state: StrEnum, ownership: Ownership
) -> None:
    item = await BEGINNINGS[name, state](context)

    assert (item, state.value) in await WORK_LISTS[ownership.desk.work_list](context, ownership.desk, state)


async def test_filters_of_cases_apply_together(context: RunningContext) -> None:
    offered = await Patient.discussed(context, is_agreed_by_person=None)
    agreed = await Patient.discussed(context)

    waiting = await read(context, "/mdt/cases?status=active-management&care_plan_status=offered")
    of_other = await read(context, f"/mdt/cases?person_id={agreed.person_id}&care_plan_status=offered")

    assert [UUID(item["person_id"]) for item in waiting["items"]] == [offered.person_id]
    assert of_other["items"] == []
