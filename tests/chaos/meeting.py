"""Holds each weekly meeting after it has begun: every case on its agenda is discussed, with a plan, a lead and tasks for navigators.

The coordinator polls. The API refuses the attendance until the meeting has begun; requests without a response are repeated.
"""

import asyncio
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Any

from tests.builders.mdt import QUORUM, a_discussion, an_action
from tests.chaos.http_client import UNEXPECTED, ChaosClient, Reply

_COORDINATOR = "mdt-coordinator"
_POLL_SECONDS, _CONCURRENCY = 3.0, 8
#: The actions for navigators in each plan.
_ACTIONS: Sequence[Mapping[str, str]] = ({}, {"kind": "personal-budget-advice"}, {"kind": "signpost", "service_code": "befriending"})
#: Problem codes that a correct request can get: the meeting has not begun, or the person has a lead already.
_NOT_STARTED, _HAS_LEAD = "meeting-not-started", "lead-already-active"


async def hold_meetings(client: ChaosClient) -> None:
    """Runs until cancelled; earlier meetings come first."""
    while True:
        diary = await client.request("GET", _COORDINATOR, "/mdt/meetings?limit=5")
        for meeting in diary.body["items"] if diary.status == HTTPStatus.OK else ():
            if meeting["status"] == "held":
                client.results.meetings.add(meeting["id"])  # the response to the attendance may have been lost
            if meeting["status"] == "held" or (meeting["status"] != "cancelled" and await _hold(client, meeting)):
                await _discuss_all(client, meeting)
            elif meeting["status"] != "cancelled":
                break
        await asyncio.sleep(_POLL_SECONDS)


async def _hold(client: ChaosClient, meeting: Mapping[str, Any]) -> bool:
    held = await _change(client, f"/mdt/meetings/{meeting['id']}/attendance", meeting["version"], {"attended": QUORUM})
    if held.status in UNEXPECTED and held.body.get("code") != _NOT_STARTED:
        client.record_unexpected("meeting", held)
    if held.status == HTTPStatus.OK:
        client.results.meetings.add(meeting["id"])
    return held.status == HTTPStatus.OK


async def _discuss_all(client: ChaosClient, meeting: Mapping[str, Any]) -> None:
    """Discusses the cases on the agenda now; the next poll takes the rest."""
    agenda = await client.request("GET", _COORDINATOR, f"/mdt/meetings/{meeting['id']}/agenda")
    if agenda.status != HTTPStatus.OK:
        return
    met_on, gate = datetime.fromisoformat(meeting["starts_at"]).date(), asyncio.Semaphore(_CONCURRENCY)
    decisions = a_discussion(met_on, actions=[an_action(met_on, **each) for each in _ACTIONS])
    await asyncio.gather(*(_discuss(client, meeting["id"], item["case"], decisions, gate) for item in agenda.body["items"]))


async def _discuss(
    client: ChaosClient, meeting: str, case: Mapping[str, Any], decisions: Mapping[str, Any], gate: asyncio.Semaphore
) -> None:
    path = f"/mdt/cases/{case['id']}/discussion"
    async with gate:
        done = await _change(client, path, case["version"], decisions)
        if done.status is not None and done.body.get("code") == _HAS_LEAD:
            done = await _change(client, path, case["version"], {name: value for name, value in decisions.items() if name != "lead"})
    if done.status in UNEXPECTED:
        client.record_unexpected("discussion", done)
    if done.status == HTTPStatus.OK:
        client.results.discussed[case["id"]] = (meeting, done.body["version"])


async def _change(client: ChaosClient, path: str, version: int, body: Mapping[str, Any]) -> Reply:
    return await client.request("POST", _COORDINATOR, path, json.dumps(body).encode(), {"If-Match": f'W/"{version}"'})
