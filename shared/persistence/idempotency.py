"""A repeated request has one effect: its response is stored, encrypted, in the transaction of the effect."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg
import orjson

from shared.contracts.encryption import DecryptionFailed, place
from shared.kernel.errors import Conflict
from shared.persistence.transaction import IdempotencyKey, RequestContext, Transaction

_CLAIM = """
INSERT INTO idempotency (caller, key, fingerprint)
SELECT * FROM unnest($1::text[], $2::text[], $3::bytea[]) AS claimed (caller, key, fingerprint) ORDER BY caller, key
ON CONFLICT DO NOTHING RETURNING caller, key"""
_EARLIER = """
SELECT idempotency.* FROM unnest($1::text[], $2::text[]) AS requested (caller, key) JOIN idempotency USING (caller, key)"""
_RELEASE = """
DELETE FROM idempotency USING unnest($1::text[], $2::text[]) AS refused (caller, key)
WHERE idempotency.caller = refused.caller AND idempotency.key = refused.key"""


class IdempotencyKeyReused(Conflict):
    """The same Idempotency-Key was sent before with a different request."""

    code = "idempotency-key-reused"
    advice = "Send a new Idempotency-Key for a new request; repeat a request unchanged."


@dataclass(frozen=True, slots=True)
class StoredResponse:
    """An HTTP response as stored."""

    status: int
    headers: dict[str, str]
    body: bytes


class StoredResponseUnreadable(Conflict):
    """The stored response of the request can no longer be read. The request had its effect."""

    code = "stored-response-unreadable"
    advice = "The request had its effect: read the result with GET, and do not send the request again."


class DuplicateRequest(Exception):
    """The request has a stored response, which is sent again."""

    def __init__(self, response: StoredResponse) -> None:
        super().__init__("this request has a stored response")
        self.response = response


async def claim(tx: Transaction[Any]) -> None:
    """Claims the request's key for this transaction; a concurrent request with the same key waits until this transaction ends.

    Raises DuplicateRequest, IdempotencyKeyReused, StoredResponseUnreadable.
    """
    (refusal,) = await claim_all(tx, [tx.request])
    if refusal is not None:
        raise refusal


async def claim_all(tx: Transaction[Any], requests: Sequence[RequestContext]) -> list[DuplicateRequest | Conflict | None]:
    """`claim` for requests with distinct keys: the refusal of each, or None when the request may run. A request without a key may run."""
    claims = [(request.caller, key) for request in requests if (key := request.idempotency_key)]
    callers, keys = [caller for caller, _ in claims], [key.key for _, key in claims]
    rows = await tx.driver.fetch(_CLAIM, callers, keys, [key.fingerprint for _, key in claims]) if claims else []
    if len(rows) == len(claims):
        return [None] * len(requests)
    claimed = {(row["caller"], row["key"]) for row in rows}
    earlier = {(row["caller"], row["key"]): row for row in await tx.driver.fetch(_EARLIER, callers, keys)}
    return [
        _refusal(tx, request.caller, key, earlier.get((request.caller, key.key)))
        if (key := request.idempotency_key) and (request.caller, key.key) not in claimed
        else None
        for request in requests
    ]


async def release_all(tx: Transaction[Any], requests: Sequence[RequestContext]) -> None:
    """Releases keys that this transaction claimed: a refused request leaves no row."""
    claims = [(request.caller, key.key) for request in requests if (key := request.idempotency_key)]
    if claims:
        await tx.driver.execute(_RELEASE, [caller for caller, _ in claims], [key for _, key in claims])


def store_response(tx: Transaction[Any], response: StoredResponse) -> None:
    """Stores the response for repetitions of the request, encrypted: it may hold a person's story."""
    if tx.request.idempotency_key is not None:
        encrypted = tx.secrets.key_ring.seal(response.body, _place(tx.request.caller, tx.request.idempotency_key))
        tx.store_response(response.status, orjson.dumps(response.headers).decode(), encrypted)


def _place(caller: str, key: IdempotencyKey) -> bytes:
    return place("idempotency", caller, key.key, key.fingerprint.hex())


def _refusal(tx: Transaction[Any], caller: str, key: IdempotencyKey, earlier: asyncpg.Record | None) -> DuplicateRequest | Conflict:
    if earlier is None or earlier["fingerprint"] != key.fingerprint:
        return IdempotencyKeyReused("This Idempotency-Key was used for another request.")
    try:
        body = tx.secrets.key_ring.open(earlier["body"] or b"", _place(caller, key))
    except DecryptionFailed:
        return StoredResponseUnreadable("The stored response of this request can no longer be read.")
    return DuplicateRequest(StoredResponse(earlier["status"], earlier["headers"], body))
