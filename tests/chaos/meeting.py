"""The weekly meeting, whenever one has begun: who is on its agenda is discussed, with a plan, a lead and tasks for navigators.

Nobody tells it when. It asks, is refused until then, and asks again after whatever was not answered.
"""

import asyncio
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Any

from tests.builders.mdt import QUORUM, a_discussion, an_action
from tests.chaos.http_client import MISTAKES, ChaosClient, Reply

_COORDINATOR = "mdt-coordinator"
_LOOK_SECONDS, _AT_ONCE = 3.0, 8
#: What each plan asks of navigators.
_ACTIONS: Sequence[Mapping[str, str]] = ({}, {"kind": "personal-budget-advice"}, {"kind": "signpost", "service_code": "befriending"})
#: What is no fault of whoever asks: it has not begun, was decided meanwhile, or the person has their lead from before.
_NOT_YET, _HAS_LEAD = "meeting-not-started", "lead-already-active"


async def hold_meetings(asking: ChaosClient) -> None:
    """Until cancelled; first those of the days before, then the next."""
    while True:
        diary = await asking.ask("GET", _COORDINATOR, "/mdt/meetings?limit=5")
        for meeting in diary.body["items"] if diary.status == HTTPStatus.OK else ():
            if meeting["status"] == "held":
                asking.told.meetings.add(meeting["id"])  # the answer to whoever held it may have got lost
            if meeting["status"] == "held" or (meeting["status"] != "cancelled" and await _held(asking, meeting)):
                await _discuss_all(asking, meeting)
            elif meeting["status"] != "cancelled":
                break
        await asyncio.sleep(_LOOK_SECONDS)


async def _held(asking: ChaosClient, meeting: Mapping[str, Any]) -> bool:
    held = await _change(asking, f"/mdt/meetings/{meeting['id']}/attendance", meeting["version"], {"attended": QUORUM})
    if held.status in MISTAKES and held.body.get("code") != _NOT_YET:
        asking.note_mistake("meeting", held)
    if held.status == HTTPStatus.OK:
        asking.told.meetings.add(meeting["id"])
    return held.status == HTTPStatus.OK


async def _discuss_all(asking: ChaosClient, meeting: Mapping[str, Any]) -> None:
    """Whoever stands on the agenda now; who is left, and who comes later, at the next look."""
    agenda = await asking.ask("GET", _COORDINATOR, f"/mdt/meetings/{meeting['id']}/agenda")
    if agenda.status != HTTPStatus.OK:
        return
    met_on, gate = datetime.fromisoformat(meeting["starts_at"]).date(), asyncio.Semaphore(_AT_ONCE)
    decided = a_discussion(met_on, actions=[an_action(met_on, **each) for each in _ACTIONS])
    await asyncio.gather(*(_discuss(asking, meeting["id"], item["case"], decided, gate) for item in agenda.body["items"]))


async def _discuss(asking: ChaosClient, meeting: str, case: Mapping[str, Any], decided: Mapping[str, Any], gate: asyncio.Semaphore) -> None:
    path = f"/mdt/cases/{case['id']}/discussion"
    async with gate:
        done = await _change(asking, path, case["version"], decided)
        if done.status is not None and done.body.get("code") == _HAS_LEAD:
            done = await _change(asking, path, case["version"], {name: value for name, value in decided.items() if name != "lead"})
    if done.status in MISTAKES:
        asking.note_mistake("discussion", done)
    if done.status == HTTPStatus.OK:
        asking.told.discussed[case["id"]] = (meeting, done.body["version"])


async def _change(asking: ChaosClient, path: str, version: int, body: Mapping[str, Any]) -> Reply:
    return await asking.ask("POST", _COORDINATOR, path, json.dumps(body).encode(), {"If-Match": f'W/"{version}"'})
