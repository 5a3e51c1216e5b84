"""Referrals on their way in, alone and in batches; each answer, or that there was none, is in the log before the client goes on.

A request whose answer is missing is repeated under the same key, as a careful client would, until everything in it is answered.
"""

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from random import Random
from typing import Any

from tests.chaos.client_log import AnswerLog
from tests.chaos.http_client import ChaosClient, Reply

_PAUSE, _LONGEST_PAUSE = 0.1, 3.0
_ONE, _MANY = "/referrals", "/referrals/batch"
#: Of the receipt, what `care verify` compares with what is stored.
_TOLD = ("reference", "received_at")


@dataclass(frozen=True, slots=True)
class ReferralSender:
    asking: ChaosClient
    log: AnswerLog
    random: Random

    async def until_made(self, body: bytes, key: str) -> Reply:
        """Gives the receipt."""
        loop, times = asyncio.get_running_loop(), 0
        while True:
            begun = loop.time()
            answer = await self.once(body, key)
            if answer.status == HTTPStatus.CREATED:
                self.asking.told.answered_at.append((begun, loop.time()))
                return answer
            if _is_strange(answer.status):
                self.asking.note_mistake("referral", answer)
            await self._rest(times := times + 1)

    async def once(self, body: bytes, key: str) -> Reply:
        answer = await self.asking.ask("POST", "gp", _ONE, body, {"Idempotency-Key": key})
        await self._note(key, _digest(_ONE, body), answer.status, answer.body)
        return answer

    async def until_all_made(self, bodies: Sequence[bytes], key: str) -> None:
        """As a batch, which is sent again as a whole while one of it is not acknowledged."""
        body, times = b'{"referrals":[' + b",".join(bodies) + b"]}", 0
        while not await self._many(body, key, len(bodies)):
            await self._rest(times := times + 1)

    async def _many(self, body: bytes, key: str, count: int) -> bool:
        """Whether each is acknowledged."""
        answer = await self.asking.ask("POST", "gp", _MANY, body, {"Idempotency-Key": key})
        items = answer.body["items"] if answer.status == HTTPStatus.OK else [{"status": answer.status, "problem": answer.body}] * count
        digest = _digest(_MANY, body)
        await asyncio.gather(
            *(self._note(f"{key}#{number}", digest, item["status"], item.get("referral")) for number, item in enumerate(items))
        )
        for item in items:
            if _is_strange(item["status"]):
                self.asking.note_mistake("referral in a batch", Reply(item["status"], item["problem"]))
        if len(items) != count:
            self.asking.told.surprises[f"a batch of {count} was answered with {len(items)}"] += 1
        return len(items) == count and all(item["status"] == HTTPStatus.CREATED for item in items)

    async def _rest(self, times: int) -> None:
        """Longer each time."""
        await asyncio.sleep(min(_PAUSE * 2**times, _LONGEST_PAUSE) * self.random.uniform(0.5, 1))

    async def _note(self, key: str, sent: str, status: int | None, receipt: Mapping[str, Any] | None) -> None:
        made = receipt if receipt and status == HTTPStatus.CREATED else None
        told = {name: made[name] for name in _TOLD} if made else None
        await self.log.note({"actor": "gp", "key": key, "sent": sent, "status": status, "id": made and made["id"], "told": told})


def _is_strange(status: int | None) -> bool:
    """Below 500, and yet no receipt: whoever is right is never told so."""
    return status is not None and status != HTTPStatus.CREATED and status < HTTPStatus.INTERNAL_SERVER_ERROR


def _digest(path: str, body: bytes) -> str:
    return hashlib.sha256(f"POST {path}?\n".encode() + body).hexdigest()
