"""A request that is sent twice is done once: the answer is stored, sealed, in the transaction that it reports."""

from dataclasses import dataclass
from typing import Any

from shared.kernel.errors import Conflict
from shared.persistence.transaction import Once, Transaction

_CLAIM = "INSERT INTO idempotency (actor_id, key, fingerprint) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING"
_EARLIER = "SELECT fingerprint, status, headers, body FROM idempotency WHERE actor_id = $1 AND key = $2"
_REMEMBER = "UPDATE idempotency SET status = $3, headers = $4, body = $5 WHERE actor_id = $1 AND key = $2"


class IdempotencyKeyReused(Conflict):
    """The same key came with another request. HTTP 422, as the IETF draft has it."""

    code = "idempotency-key-reused"
    advice = "Send a new Idempotency-Key for a new request; repeat a request unchanged."


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer as stored."""

    status: int
    headers: dict[str, str]
    body: bytes


class AlreadyAnswered(Exception):
    def __init__(self, answer: Answer) -> None:
        super().__init__("this request was answered before")
        self.answer = answer


async def claim(tx: Transaction[Any], once: Once) -> None:
    """Takes the key for this transaction; a rival with the same key waits here until the first has ended.

    Raises AlreadyAnswered, IdempotencyKeyReused.
    """
    tx.once = once
    if await tx.connection.execute(_CLAIM, tx.actor.id, once.key, once.fingerprint) == "INSERT 0 1":
        return
    earlier = await tx.connection.fetchrow(_EARLIER, tx.actor.id, once.key)
    if earlier is None or earlier["fingerprint"] != once.fingerprint:
        raise IdempotencyKeyReused("This Idempotency-Key was used for another request.")
    raise AlreadyAnswered(Answer(earlier["status"], earlier["headers"], tx.secrets.key_ring.open(earlier["body"])))


async def remember(tx: Transaction[Any], answer: Answer) -> None:
    """Keeps the answer for repetitions of the request that this transaction claimed."""
    if tx.once is not None:
        sealed = tx.secrets.key_ring.seal(answer.body)  # it may hold what a person told
        await tx.connection.execute(_REMEMBER, tx.actor.id, tx.once.key, answer.status, answer.headers, sealed)
