"""Sends referrals, singly and in batches; each response, or its absence, is in the client's log before the client continues.

A request without a response is repeated under the same idempotency key, as a careful client does, until everything in it is acknowledged.
"""

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from random import Random
from typing import Any

from shared.kernel.backoff import delay
from tests.chaos.client_log import ClientLog
from tests.chaos.http_client import ChaosClient, Reply

_PAUSE, _MAX_PAUSE = 0.1, 3.0
_SINGLE, _BATCH = "/referrals", "/referrals/batch"
#: The fields of the receipt that `care verify` compares with the database.
_RECEIPT_FIELDS = ("reference", "received_at")


@dataclass(frozen=True, slots=True)
class ReferralSender:
    client: ChaosClient
    log: ClientLog
    random: Random

    async def send_until_created(self, body: bytes, key: str) -> Reply:
        """Returns the receipt."""
        loop, attempts = asyncio.get_running_loop(), 0
        while True:
            begun = loop.time()
            reply = await self.send_once(body, key)
            if reply.status == HTTPStatus.CREATED:
                self.client.results.acknowledged_at.append((begun, loop.time()))
                return reply
            if _is_unexpected(reply.status):
                self.client.record_unexpected("referral", reply)
            await self._back_off(attempts := attempts + 1)

    async def send_once(self, body: bytes, key: str) -> Reply:
        reply = await self.client.request("POST", "gp", _SINGLE, body, {"Idempotency-Key": key})
        await self._log(key, _digest(_SINGLE, body), reply.status, reply.body)
        return reply

    async def send_batch_until_created(self, bodies: Sequence[bytes], key: str) -> None:
        """Repeats the whole batch while one of its referrals is not acknowledged."""
        body, attempts = b'{"referrals":[' + b",".join(bodies) + b"]}", 0
        while not await self._send_batch(body, key, len(bodies)):
            await self._back_off(attempts := attempts + 1)

    async def _send_batch(self, body: bytes, key: str, count: int) -> bool:
        """Returns whether every referral is acknowledged."""
        reply = await self.client.request("POST", "gp", _BATCH, body, {"Idempotency-Key": key})
        items = reply.body["items"] if reply.status == HTTPStatus.OK else [{"status": reply.status, "problem": reply.body}] * count
        digest = _digest(_BATCH, body)
        await asyncio.gather(
            *(self._log(f"{key}#{number}", digest, item["status"], item.get("referral")) for number, item in enumerate(items))
        )
        for item in items:
            if _is_unexpected(item["status"]):
                self.client.record_unexpected("referral in a batch", Reply(item["status"], item["problem"]))
        if len(items) != count:
            self.client.results.surprises[f"a batch of {count} got {len(items)} responses"] += 1
        return len(items) == count and all(item["status"] == HTTPStatus.CREATED for item in items)

    async def _back_off(self, attempts: int) -> None:
        await asyncio.sleep(delay(attempts + 1, first=_PAUSE, longest=_MAX_PAUSE) * self.random.uniform(0.5, 1))

    async def _log(self, key: str, sent: str, status: int | None, body: Mapping[str, Any] | None) -> None:
        created = body if body and status == HTTPStatus.CREATED else None
        receipt = {name: created[name] for name in _RECEIPT_FIELDS} if created else None
        line = {"actor": "gp", "key": key, "sent": sent, "status": status, "id": created and created["id"], "receipt": receipt}
        await self.log.write(line)


def _is_unexpected(status: int | None) -> bool:
    """A correct referral gets a receipt, a server error or no response, and nothing else."""
    return status is not None and status != HTTPStatus.CREATED and status < HTTPStatus.INTERNAL_SERVER_ERROR


def _digest(path: str, body: bytes) -> str:
    return hashlib.sha256(f"POST {path}?\n".encode() + body).hexdigest()
