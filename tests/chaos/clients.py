"""Clients that send referrals at a rate, whatever becomes of them, and carry some on their way.

Open loop: a slow answer does not hold back the next request. Some referrals are sent twice at once, some again much later.
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
from tests.chaos.http_client import MISTAKES, ChaosClient, Reply
from tests.chaos.meeting import hold_meetings
from tests.chaos.referral_sender import ReferralSender
from tests.chaos.workload import FollowUp, Step

_PAUSE, _LONGEST_PAUSE = 0.2, 3.0
_MOST_AT_ONCE = 800
_ARRIVES_WITHIN = 400
_RECENT = 500


@dataclass(slots=True)
class Clients:
    """All that asks the API: who refers, who carries on, who only reads, and the weekly meeting."""

    asking: ChaosClient
    referring: ReferralSender
    random: Random
    _open: set[asyncio.Task[None]] = field(default_factory=set)
    _recent: deque[str] = field(default_factory=lambda: deque(maxlen=_RECENT))
    _is_over: bool = False

    async def prepare(self) -> None:
        """The people who answer calls."""
        for each in workload.CLINICIANS:
            await self._until_done(
                "rapid-care", f"/rapid-care/clinicians/{each}", {"skills": ["emergency-nurse-practitioner"], "is_on_duty": True}
            )
        for each in workload.NAVIGATORS:
            locality = self.random.choice(["west", "locality-b", "locality-c"])
            path = f"/navigation/navigators/{each}"
            await self._until_done("navigation-coordinator", path, {"locality": locality, "role": "care-navigator"})

    async def run(self, per_second: float) -> None:
        """Begins journeys until `stop`, then waits for all of them."""
        flows = [
            (1, self._journey),
            (workload.READS, self._read),
            (workload.REFUSED, self._be_refused),
            (workload.BATCHES, self._refer_many),
        ]
        meetings = asyncio.create_task(hold_meetings(self.asking))
        await asyncio.gather(*(self._begin(per_second * share, act) for share, act in flows))
        while self._open:
            await asyncio.wait(list(self._open))
        await cancel_and_wait(meetings)
        self._end(meetings)

    def stop(self) -> None:
        self._is_over = True

    async def _begin(self, per_second: float, act: Callable[[Random], Awaitable[None]]) -> None:
        loop = asyncio.get_running_loop()
        begun = loop.time()
        for number in itertools.count():
            await asyncio.sleep(max(0.0, begun + number / per_second - loop.time()))
            if self._is_over:
                break
            if len(self._open) >= _MOST_AT_ONCE:
                self.asking.told.held_back += 1
            else:
                self._spawn(act(Random(self.random.random())))

    def _spawn(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._open.add(task)
        task.add_done_callback(self._end)

    def _end(self, task: asyncio.Task[None]) -> None:
        self._open.discard(task)
        if not task.cancelled() and (problem := task.exception()):
            self.asking.told.surprises[f"{type(problem).__name__}: {problem}"] += 1

    async def _journey(self, random: Random) -> None:
        made = await self._refer(random)
        self._recent.append(made.body["id"])
        chosen = workload.journey(random)
        path, tag = f"/referrals/{made.body['id']}", made.etag
        for step in chosen.steps:
            tag = await self._act(path, step, tag)
        if chosen.elsewhere and (arrived := await self._arrived(chosen.elsewhere, made.body)):
            tag = arrived.etag
            for step in chosen.elsewhere.steps:
                tag = await self._act(f"{chosen.elsewhere.collection}/{arrived.body['id']}", _filled(step, arrived.body, random), tag)
        self.asking.told.finished += 1

    async def _refer(self, random: Random) -> Reply:
        body, key, draw = workload.referral(random), str(new_id()), random.uniform(0, 100)
        times = 2 if draw < workload.TWICE_AT_ONCE else 1
        made, *_ = await asyncio.gather(*(self.referring.until_made(body, key) for _ in range(times)))
        self.asking.told.acknowledged += 1
        again = 1 if draw > 100 - workload.AGAIN_LATER else 0
        if draw > 100 - workload.IN_A_BATCH:
            again = workload.BATCH_OF_RETRIES
        for _ in range(again):
            self._spawn(self._again(body, key, random.uniform(0, 20) if again == 1 else 2.0))
        return made

    async def _again(self, body: bytes, key: str, seconds: float) -> None:
        await asyncio.sleep(0 if self._is_over else seconds)
        await self.referring.until_made(body, key)

    async def _act(self, path: str, step: Step, tag: str) -> str:
        """Acts while it stands where it did, however often; an earlier attempt, whose answer got lost, may have done it. Gives the ETag."""
        body = json.dumps(step.body).encode() if step.body else b""
        while True:
            if tag:
                done = await self.asking.ask("POST", step.caller, f"{path}/{step.verb}", body, {"If-Match": tag})
                if done.status == HTTPStatus.OK:
                    self.asking.told.acted[path] = done.body["version"]
                    return done.etag
                if done.status in MISTAKES:
                    self.asking.note_mistake(step.verb, done)
                    return ""
                if done.status == HTTPStatus.CONFLICT and self._is_over:
                    return ""  # a clock that was set back may keep somebody waiting for an hour
            await asyncio.sleep(_PAUSE)
            seen = await self.asking.ask("GET", step.caller, path)
            tag = seen.etag
            if seen.status == HTTPStatus.OK and seen.body["status"] != step.of:
                return tag

    async def _arrived(self, there: FollowUp, receipt: Mapping[str, Any]) -> Reply | None:
        """What came of it there, when the event has come; None when it takes too long, or the service is closed at this hour."""
        for attempt in range(_ARRIVES_WITHIN):
            found = await self.asking.ask("GET", there.caller, f"{there.collection}?{there.found_by.format(**receipt)}")
            if found.status == HTTPStatus.OK and found.body["items"]:
                (item, *_) = found.body["items"]
                return Reply(HTTPStatus.OK, item, f'W/"{item["version"]}"')
            await asyncio.sleep(min(0.3 * (attempt + 1), _LONGEST_PAUSE))
            if self._is_over:
                break
        self.asking.told.statuses["nothing came of it elsewhere"] += 1
        return None

    async def _read(self, random: Random) -> None:
        referral = random.choice(self._recent) if self._recent else None
        paths = [("rapid-care", "/rapid-care/responses?limit=20"), ("point-of-access", "/referrals/work?limit=20")]
        if referral:
            paths += [("point-of-access", f"/referrals/{referral}"), ("point-of-access", f"/referrals/{referral}/timeline")] * 3
        await self.asking.ask("GET", *random.choice(paths))

    async def _refer_many(self, random: Random) -> None:
        """As a practice's own system does."""
        bodies = [workload.referral(random) for _ in range(workload.BATCH)]
        await self.referring.until_all_made(bodies, str(new_id()))
        self.asking.told.acknowledged += len(bodies)

    async def _be_refused(self, random: Random) -> None:
        await self.referring.once(workload.wrong(random), str(new_id()))

    async def _until_done(self, caller: str, path: str, body: Any) -> None:
        while (await self.asking.ask("PUT", caller, path, json.dumps(body).encode())).status not in {HTTPStatus.OK, HTTPStatus.CONFLICT}:
            await asyncio.sleep(_PAUSE)


def _filled(step: Step, arrived: Mapping[str, Any], random: Random) -> Step:
    if step.body is None:
        return step
    whole = (
        json.dumps(step.body).replace("SOMEBODY", random.choice(workload.CLINICIANS)).replace("RECEIVED", arrived.get("received_at", ""))
    )
    return Step(step.caller, step.verb, json.loads(whole), step.of)
