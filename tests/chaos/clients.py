"""Clients that send referrals at a rate, whatever becomes of them, and carry some on their way.

Open loop: a slow answer does not hold back the next request. A request whose answer is missing is repeated with the same key, as a
careful client would, until it is answered; some are sent twice at once, some again much later.
"""

import asyncio
import hashlib
import itertools
import json
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from random import Random
from typing import Any

import aiohttp

from shared.kernel.ids import new_id
from tests.chaos import mix
from tests.chaos.answers import AnswerLog
from tests.chaos.mix import Elsewhere, Step

_PATIENCE = aiohttp.ClientTimeout(total=35)  # a little more than the API takes before it gives up
_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 3.0
_MOST_AT_ONCE = 800
_ARRIVES_WITHIN = 400
_RECENT = 500
#: Of the receipt, what `care verify` compares with what is stored.
_TOLD = ("reference", "received_at")

#: What somebody who is right is never told. A version that somebody else changed meanwhile is no mistake.
_MISTAKES = {HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY}


@dataclass(frozen=True, slots=True)
class Answer:
    """`status` is None when there was none."""

    status: int | None
    body: Any = None
    etag: str = ""


_NONE = Answer(None)


@dataclass(slots=True)
class Told:
    """What came of the load. `answered_at` holds when each acknowledged request had begun and ended."""

    statuses: Counter[str] = field(default_factory=Counter)
    surprises: Counter[str] = field(default_factory=Counter)
    acknowledged: int = 0
    finished: int = 0
    held_back: int = 0
    answered_at: list[tuple[float, float]] = field(default_factory=list)


@dataclass(slots=True)
class Clients:
    """`http` speaks to the API, as the callers of `tokens`."""

    url: str
    tokens: Mapping[str, str]
    http: aiohttp.ClientSession
    random: Random
    log: AnswerLog
    told: Told = field(default_factory=Told)
    _open: set[asyncio.Task[None]] = field(default_factory=set)
    _recent: deque[str] = field(default_factory=lambda: deque(maxlen=_RECENT))
    _is_over: bool = False

    async def prepare(self) -> None:
        """The people who answer calls."""
        for each in mix.CLINICIANS:
            await self._until_done(
                "rapid-care", f"/rapid-care/clinicians/{each}", {"skills": ["emergency-nurse-practitioner"], "is_on_duty": True}
            )
        for each in mix.NAVIGATORS:
            locality = self.random.choice(["west", "locality-b", "locality-c"])
            path = f"/navigation/navigators/{each}"
            await self._until_done("navigation-coordinator", path, {"locality": locality, "role": "care-navigator"})

    async def run(self, per_second: float) -> None:
        """Begins journeys until `stop`, then waits for all of them."""
        flows = [(1, self._journey), (mix.READS, self._read), (mix.REFUSED, self._be_refused)]
        await asyncio.gather(*(self._begin(per_second * share, act) for share, act in flows))
        while self._open:
            await asyncio.wait(list(self._open))

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
                self.told.held_back += 1
            else:
                self._spawn(act(Random(self.random.random())))

    def _spawn(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._open.add(task)
        task.add_done_callback(self._end)

    def _end(self, task: asyncio.Task[None]) -> None:
        self._open.discard(task)
        if not task.cancelled() and (problem := task.exception()):
            self.told.surprises[f"{type(problem).__name__}: {problem}"] += 1

    async def _journey(self, random: Random) -> None:
        made = await self._refer(random)
        self._recent.append(made.body["id"])
        chosen = mix.journey(random)
        path, tag = f"/referrals/{made.body['id']}", made.etag
        for step in chosen.steps:
            tag = await self._act(path, step, tag)
        if chosen.elsewhere and (arrived := await self._arrived(chosen.elsewhere, made.body)):
            tag = arrived.etag
            for step in chosen.elsewhere.steps:
                tag = await self._act(f"{chosen.elsewhere.collection}/{arrived.body['id']}", _filled(step, arrived.body, random), tag)
        self.told.finished += 1

    async def _refer(self, random: Random) -> Answer:
        body, key, draw = mix.referral(random), str(new_id()), random.uniform(0, 100)
        times = 2 if draw < mix.TWICE_AT_ONCE else 1
        made, *_ = await asyncio.gather(*(self._until_made(body, key) for _ in range(times)))
        self.told.acknowledged += 1
        again = 1 if draw > 100 - mix.AGAIN_LATER else 0
        if draw > 100 - mix.IN_A_BATCH:
            again = mix.BATCH_OF_RETRIES
        for _ in range(again):
            self._spawn(self._again(body, key, random.uniform(0, 20) if again == 1 else 2.0))
        return made

    async def _again(self, body: bytes, key: str, seconds: float) -> None:
        await asyncio.sleep(0 if self._is_over else seconds)
        await self._until_made(body, key)

    async def _until_made(self, body: bytes, key: str) -> Answer:
        loop, pause = asyncio.get_running_loop(), _FIRST_PAUSE
        while True:
            begun = loop.time()
            answer = await self._send(body, key)
            if answer.status == HTTPStatus.CREATED:
                self.told.answered_at.append((begun, loop.time()))
                return answer
            if answer.status is not None and answer.status < HTTPStatus.INTERNAL_SERVER_ERROR:
                self.told.surprises[f"referral refused: {answer.status} {answer.body.get('code')}"] += 1
            await asyncio.sleep(pause * self.random.uniform(0.5, 1))
            pause = min(pause * 2, _LONGEST_PAUSE)

    async def _send(self, body: bytes, key: str) -> Answer:
        answer = await self._ask("POST", "gp", "/referrals", body, {"Idempotency-Key": key})
        made = answer.body["id"] if answer.status == HTTPStatus.CREATED else None
        told = {name: answer.body[name] for name in _TOLD} if made else None
        await self.log.note(
            {"actor": "gp", "key": key, "sent": _digest("POST", "/referrals", body), "status": answer.status, "id": made, "told": told}
        )
        return answer

    async def _act(self, path: str, step: Step, tag: str) -> str:
        """Acts while it stands where it did, however often; an earlier attempt, whose answer got lost, may have done it. Gives the ETag."""
        body = json.dumps(step.body).encode() if step.body else b""
        while True:
            if tag:
                done = await self._ask("POST", step.caller, f"{path}/{step.verb}", body, {"If-Match": tag})
                if done.status == HTTPStatus.OK:
                    return done.etag
                if done.status in _MISTAKES:
                    self.told.surprises[f"{step.verb} refused: {done.status} {done.body.get('code')}"] += 1
                    return ""
            await asyncio.sleep(_FIRST_PAUSE)
            seen = await self._ask("GET", step.caller, path)
            tag = seen.etag
            if seen.status == HTTPStatus.OK and seen.body["status"] != step.of:
                return tag

    async def _arrived(self, there: Elsewhere, receipt: Mapping[str, Any]) -> Answer | None:
        """What came of it there, when the event has come; None when it takes too long, or the service is closed at this hour."""
        for attempt in range(_ARRIVES_WITHIN):
            found = await self._ask("GET", there.caller, f"{there.collection}?{there.found_by.format(**receipt)}")
            if found.status == HTTPStatus.OK and found.body["items"]:
                (item, *_) = found.body["items"]
                return Answer(HTTPStatus.OK, item, f'W/"{item["version"]}"')
            await asyncio.sleep(min(0.3 * (attempt + 1), _LONGEST_PAUSE))
            if self._is_over:
                break
        self.told.statuses["nothing came of it elsewhere"] += 1
        return None

    async def _read(self, random: Random) -> None:
        referral = random.choice(self._recent) if self._recent else None
        paths = [("rapid-care", "/rapid-care/responses?limit=20"), ("point-of-access", "/referrals/work?limit=20")]
        if referral:
            paths += [("point-of-access", f"/referrals/{referral}"), ("point-of-access", f"/referrals/{referral}/timeline")] * 3
        await self._ask("GET", *random.choice(paths))

    async def _be_refused(self, random: Random) -> None:
        await self._send(mix.wrong(random), str(new_id()))

    async def _until_done(self, caller: str, path: str, body: Any) -> None:
        while (await self._ask("PUT", caller, path, json.dumps(body).encode())).status not in {HTTPStatus.OK, HTTPStatus.CONFLICT}:
            await asyncio.sleep(_FIRST_PAUSE)

    async def _ask(self, method: str, caller: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> Answer:
        sent = {"Authorization": f"Bearer {self.tokens[caller]}", "Content-Type": "application/json", **(headers or {})}
        try:
            async with self.http.request(method, self.url + path, data=body, headers=sent, timeout=_PATIENCE) as answer:
                self.told.statuses[str(answer.status)] += 1
                content = json.loads(await answer.read() or b"{}")
                return Answer(answer.status, content, answer.headers.get("ETag", ""))
        except (aiohttp.ClientError, TimeoutError, ValueError):
            self.told.statuses["none"] += 1
            return _NONE


def _filled(step: Step, arrived: Mapping[str, Any], random: Random) -> Step:
    if step.body is None:
        return step
    whole = json.dumps(step.body).replace("SOMEBODY", random.choice(mix.CLINICIANS)).replace("RECEIVED", arrived.get("received_at", ""))
    return Step(step.caller, step.verb, json.loads(whole), step.of)


def _digest(method: str, path: str, body: bytes) -> str:
    return hashlib.sha256(f"{method} {path}?\n".encode() + body).hexdigest()
