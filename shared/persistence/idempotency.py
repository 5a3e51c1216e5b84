"""A request that is sent twice is done once: the answer is stored, sealed, in the transaction that it reports."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg
import orjson

from shared.kernel.actor import Actor
from shared.kernel.errors import Conflict
from shared.persistence.transaction import IdempotencyKey, Transaction

_CLAIM = """
INSERT INTO idempotency (actor_id, key, fingerprint)
SELECT * FROM unnest($1::text[], $2::text[], $3::bytea[]) AS claimed (actor_id, key, fingerprint) ORDER BY actor_id, key
ON CONFLICT DO NOTHING RETURNING actor_id, key"""
_EARLIER = """
SELECT idempotency.* FROM unnest($1::text[], $2::text[]) AS asked (actor_id, key) JOIN idempotency USING (actor_id, key)"""
_RELEASE = """
DELETE FROM idempotency USING unnest($1::text[], $2::text[]) AS refused (actor_id, key)
WHERE idempotency.actor_id = refused.actor_id AND idempotency.key = refused.key"""


class IdempotencyKeyReused(Conflict):
    """The same key came with another request. HTTP 422, as the IETF draft has it."""

    code = "idempotency-key-reused"
    advice = "Send a new Idempotency-Key for a new request; repeat a request unchanged."


@dataclass(frozen=True, slots=True)
class StoredResponse:
    """An HTTP answer as stored."""

    status: int
    headers: dict[str, str]
    body: bytes


class DuplicateRequest(Exception):
    def __init__(self, answer: StoredResponse) -> None:
        super().__init__("this request was answered before")
        self.answer = answer


async def claim(tx: Transaction[Any], once: IdempotencyKey) -> None:
    """Takes the key for this transaction; a rival with the same key waits here until the first has ended.

    Raises AlreadyAnswered, IdempotencyKeyReused.
    """
    tx.idempotency_key = once
    (refusal,) = await claim_all(tx, [(tx.actor, once)])
    if refusal is not None:
        raise refusal


async def claim_all(
    tx: Transaction[Any], asked: Sequence[tuple[Actor, IdempotencyKey]]
) -> list[DuplicateRequest | IdempotencyKeyReused | None]:
    """`claim` for requests with keys that are all different: for each what speaks against it, or None when the key is taken now."""
    actors, keys = [actor.id for actor, _ in asked], [once.key for _, once in asked]
    rows = await tx.connection.fetch(_CLAIM, actors, keys, [once.fingerprint for _, once in asked])
    if len(rows) == len(asked):
        return [None] * len(asked)
    taken = {(row["actor_id"], row["key"]) for row in rows}
    earlier = {(row["actor_id"], row["key"]): row for row in await tx.connection.fetch(_EARLIER, actors, keys)}
    return [None if (actor.id, once.key) in taken else _refusal(tx, once, earlier.get((actor.id, once.key))) for actor, once in asked]


async def release_all(tx: Transaction[Any], refused: Sequence[tuple[Actor, IdempotencyKey]]) -> None:
    """Gives keys back that were taken in this transaction: what is refused leaves nothing."""
    if refused:
        await tx.connection.execute(_RELEASE, [actor.id for actor, _ in refused], [once.key for _, once in refused])


def store_response(tx: Transaction[Any], answer: StoredResponse) -> None:
    """Keeps the answer for repetitions of the request that this transaction claimed."""
    if tx.idempotency_key is not None:
        sealed = tx.secrets.key_ring.seal(answer.body)  # it may hold what a person told
        tx.store_response(answer.status, orjson.dumps(answer.headers).decode(), sealed)


def _refusal(tx: Transaction[Any], once: IdempotencyKey, earlier: asyncpg.Record | None) -> DuplicateRequest | IdempotencyKeyReused:
    if earlier is None or earlier["fingerprint"] != once.fingerprint:
        return IdempotencyKeyReused("This Idempotency-Key was used for another request.")
    return DuplicateRequest(StoredResponse(earlier["status"], earlier["headers"], tx.secrets.key_ring.open(earlier["body"])))
