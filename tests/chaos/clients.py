"""Clients that send referrals at a constant rate and follow some of them through the other contexts.

Open loop: a slow response does not delay the next request. Some referrals are sent twice concurrently, some are repeated much later.
"""

import asyncio
import itertools
import json
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from random import Random
from typing import Any

from shared.kernel.ids import new_id
from shared.messaging.shutdown import cancel_and_wait
from tests.chaos import workload
from tests.chaos.http_client import UNEXPECTED, ChaosClient, Reply
from tests.chaos.meeting import hold_meetings
from tests.chaos.referral_sender import ReferralSender
from tests.chaos.workload import FollowUp, JourneyStep

_PAUSE, _MAX_PAUSE = 0.2, 3.0
_MAX_CONCURRENCY = 800
_MAX_FOLLOW_UP_POLLS = 400
_RECENT_REFERRALS = 500


@dataclass(slots=True)
class Clients:
    """All callers of the API: referrers, receiving services, readers and the coordinator of the weekly meeting."""

    client: ChaosClient
    sender: ReferralSender
    random: Random
    _open: set[asyncio.Task[None]] = field(default_factory=set)
    _recent: deque[str] = field(default_factory=lambda: deque(maxlen=_RECENT_REFERRALS))
    _is_over: bool = False

    async def register_staff(self) -> None:
        for clinician in workload.CLINICIANS:
            path = f"/rapid-care/clinicians/{clinician}"
            await self._put_until_done("rapid-care", path, {"skills": ["emergency-nurse-practitioner"], "is_on_duty": True})
        for navigator in workload.NAVIGATORS:
            locality = self.random.choice(["west", "locality-b", "locality-c"])
            path = f"/navigation/navigators/{navigator}"
            await self._put_until_done("navigation-coordinator", path, {"locality": locality, "role": "care-navigator"})

    async def run(self, per_second: float) -> None:
        """Starts journeys until `stop`, then waits for all of them."""
        flows = [
            (1, self._journey),
            (workload.READS, self._read),
            (workload.INVALID, self._send_invalid),
            (workload.BATCHES, self._send_batch),
        ]
        meetings = asyncio.create_task(hold_meetings(self.client))
        await asyncio.gather(*(self._start_at_rate(per_second * share, flow) for share, flow in flows))
        while self._open:
            await asyncio.wait(list(self._open))
        await cancel_and_wait(meetings)
        self._collect(meetings)

    def stop(self) -> None:
        self._is_over = True

    async def _start_at_rate(self, per_second: float, flow: Callable[[Random], Awaitable[None]]) -> None:
        loop = asyncio.get_running_loop()
        begun = loop.time()
        for number in itertools.count():
            await asyncio.sleep(max(0.0, begun + number / per_second - loop.time()))
            if self._is_over:
                break
            if len(self._open) >= _MAX_CONCURRENCY:
                self.client.results.held_back += 1
            else:
                self._spawn(flow(Random(self.random.random())))

    def _spawn(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._open.add(task)
        task.add_done_callback(self._collect)

    def _collect(self, task: asyncio.Task[None]) -> None:
        self._open.discard(task)
        if not task.cancelled() and (problem := task.exception()):
            self.client.results.surprises[f"{type(problem).__name__}: {problem}"] += 1

    async def _journey(self, random: Random) -> None:
        created = await self._refer(random)
        self._recent.append(created.body["id"])
        journey = workload.journey(random)
        path, tag = f"/referrals/{created.body['id']}", created.etag
        for step in journey.steps:
            tag = await self._command(path, step, tag)
        if journey.follow_up and (found := await self._find_follow_up(journey.follow_up, created.body)):
            tag = found.etag
            for step in journey.follow_up.steps:
                filled = _filled(step, found.body, random)
                tag = await self._command(f"{journey.follow_up.collection}/{found.body['id']}", filled, tag)
        self.client.results.finished += 1

    async def _refer(self, random: Random) -> Reply:
        body, key, draw = workload.referral(random), str(new_id()), random.uniform(0, 100)
        copies = 2 if draw < workload.DUPLICATE_PERCENT else 1
        created, *_ = await asyncio.gather(*(self.sender.send_until_created(body, key) for _ in range(copies)))
        self.client.results.acknowledged += 1
        retries = 1 if draw > 100 - workload.LATE_RETRY_PERCENT else 0
        if draw > 100 - workload.RETRY_BURST_PERCENT:
            retries = workload.RETRY_BURST_SIZE
        for _ in range(retries):
            self._spawn(self._retry_later(body, key, random.uniform(0, 20) if retries == 1 else 2.0))
        return created

    async def _retry_later(self, body: bytes, key: str, seconds: float) -> None:
        await asyncio.sleep(0 if self._is_over else seconds)
        await self.sender.send_until_created(body, key)

    async def _command(self, path: str, step: JourneyStep, tag: str) -> str:
        """Repeats the command while the resource stays in `step.from_status`; returns the ETag.

        An attempt whose response was lost may have succeeded.
        """
        body = json.dumps(step.body).encode() if step.body else b""
        while True:
            if tag:
                done = await self.client.request("POST", step.caller, f"{path}/{step.verb}", body, {"If-Match": tag})
                if done.status == HTTPStatus.OK:
                    self.client.results.commands[path] = done.body["version"]
                    return done.etag
                if done.status in UNEXPECTED:
                    self.client.record_unexpected(step.verb, done)
                    return ""
                if done.status == HTTPStatus.CONFLICT and self._is_over:
                    return ""  # a clock that was moved back can make a client wait for an hour
            await asyncio.sleep(_PAUSE)
            current = await self.client.request("GET", step.caller, path)
            tag = current.etag
            if current.status == HTTPStatus.OK and current.body["status"] != step.from_status:
                return tag

    async def _find_follow_up(self, follow_up: FollowUp, receipt: Mapping[str, Any]) -> Reply | None:
        """Polls until the referral's event was applied. Returns None after too many polls, or when the service is closed at this hour."""
        for attempt in range(_MAX_FOLLOW_UP_POLLS):
            query = follow_up.query.format(**receipt)
            found = await self.client.request("GET", follow_up.caller, f"{follow_up.collection}?{query}")
            if found.status == HTTPStatus.OK and found.body["items"]:
                (item, *_) = found.body["items"]
                return Reply(HTTPStatus.OK, item, f'W/"{item["version"]}"')
            await asyncio.sleep(min(0.3 * (attempt + 1), _MAX_PAUSE))
            if self._is_over:
                break
        self.client.results.statuses["no follow-up found"] += 1
        return None

    async def _read(self, random: Random) -> None:
        referral = random.choice(self._recent) if self._recent else None
        paths = [("rapid-care", "/rapid-care/responses?limit=20"), ("point-of-access", "/referrals/work?limit=20")]
        if referral:
            paths += [("point-of-access", f"/referrals/{referral}"), ("point-of-access", f"/referrals/{referral}/timeline")] * 3
        await self.client.request("GET", *random.choice(paths))

    async def _send_batch(self, random: Random) -> None:
        bodies = [workload.referral(random) for _ in range(workload.BATCH_SIZE)]
        await self.sender.send_batch_until_created(bodies, str(new_id()))
        self.client.results.acknowledged += len(bodies)

    async def _send_invalid(self, random: Random) -> None:
        await self.sender.send_once(workload.invalid_referral(random), str(new_id()))

    async def _put_until_done(self, caller: str, path: str, body: Any) -> None:
        content = json.dumps(body).encode()
        while (await self.client.request("PUT", caller, path, content)).status not in {HTTPStatus.OK, HTTPStatus.CONFLICT}:
            await asyncio.sleep(_PAUSE)


def _filled(step: JourneyStep, resource: Mapping[str, Any], random: Random) -> JourneyStep:
    """Replaces the placeholders in the body of the step."""
    if step.body is None:
        return step
    body = json.dumps(step.body).replace("CLINICIAN", random.choice(workload.CLINICIANS))
    return JourneyStep(step.caller, step.verb, json.loads(body.replace("RECEIVED_AT", resource.get("received_at", ""))), step.from_status)
