"""The weekly meeting, whenever one has begun: who is on its agenda is discussed, with a plan, a lead and tasks for navigators.

Nobody tells it when. It asks, is refused until then, and asks again after whatever was not answered.
"""

import asyncio
import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any

from tests.chaos.asking import MISTAKES, Answer, Asking

_COORDINATOR = "mdt-coordinator"
_LOOK_SECONDS, _AT_ONCE = 3.0, 8
_ATTENDED = ["gp", "acute-consultant", "social-worker", "mental-health", "community-nurse"]
_PLAN = {"what_matters": "To stay at home.", "preferred_place_of_care": "home", "problems": ["falls"]}
_CANDIDATE = {"professional_id": "clch-community-nurse-1", "role": "community-nurse", "organisation": "CLCH"}
_LEAD = {"candidate": _CANDIDATE, "has_accepted": True}
_DUE = timedelta(days=7)
#: What is no fault of whoever asks: it has not begun, was decided meanwhile, or the person has their lead from before.
_NOT_YET, _HAS_LEAD = "meeting-not-begun", "lead-already-active"


async def hold_meetings(asking: Asking) -> None:
    """Until cancelled; first those of the days before, then the next."""
    while True:
        diary = await asking.ask("GET", _COORDINATOR, "/mdt/meetings?limit=5")
        for meeting in diary.body["items"] if diary.status == HTTPStatus.OK else ():
            if meeting["status"] == "held" or (meeting["status"] != "cancelled" and await _held(asking, meeting)):
                await _discuss_all(asking, meeting)
            elif meeting["status"] != "cancelled":
                break
        await asyncio.sleep(_LOOK_SECONDS)


async def _held(asking: Asking, meeting: Mapping[str, Any]) -> bool:
    held = await _change(asking, f"/mdt/meetings/{meeting['id']}/held", meeting["version"], {"attended": _ATTENDED})
    if held.status in MISTAKES and held.body.get("code") != _NOT_YET:
        asking.note_mistake("meeting", held)
    asking.told.meetings += held.status == HTTPStatus.OK
    return held.status == HTTPStatus.OK


async def _discuss_all(asking: Asking, meeting: Mapping[str, Any]) -> None:
    """Whoever stands on the agenda now; who is left, and who comes later, at the next look."""
    agenda = await asking.ask("GET", _COORDINATOR, f"/mdt/meetings/{meeting['id']}/agenda")
    if agenda.status != HTTPStatus.OK:
        return
    due_on = (datetime.fromisoformat(meeting["starts_at"]) + _DUE).date().isoformat()
    gate = asyncio.Semaphore(_AT_ONCE)
    await asyncio.gather(*(_discuss(asking, item["case"], due_on, gate) for item in agenda.body["items"]))


async def _discuss(asking: Asking, case: Mapping[str, Any], due_on: str, gate: asyncio.Semaphore) -> None:
    decided = {"joint_plan": _PLAN, "actions": _actions(due_on), "is_agreed_by_person": True}
    async with gate:
        done = await _change(asking, f"/mdt/cases/{case['id']}/discussion", case["version"], {**decided, "lead": _LEAD})
        if done.status is not None and done.body.get("code") == _HAS_LEAD:
            done = await _change(asking, f"/mdt/cases/{case['id']}/discussion", case["version"], decided)
    if done.status in MISTAKES:
        asking.note_mistake("discussion", done)
    asking.told.discussed += done.status == HTTPStatus.OK


def _actions(due_on: str) -> list[Mapping[str, str]]:
    arranged = [{"kind": kind, "owner_role": "care-navigator"} for kind in ("arrange-social-care-assessment", "personal-budget-advice")]
    signposted = {"kind": "signpost", "owner_role": "care-navigator", "service_code": "befriending"}
    return [{**each, "due_on": due_on} for each in (*arranged, signposted)]


async def _change(asking: Asking, path: str, version: int, body: Mapping[str, Any]) -> Answer:
    return await asking.ask("POST", _COORDINATOR, path, json.dumps(body).encode(), {"If-Match": f'W/"{version}"'})
