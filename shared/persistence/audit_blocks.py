"""Seals entries of the audit after their commit: one block of the chain in each transaction.

`append_audit` queues the number of each entry. A queued number is that of a committed entry, so an entry that commits late, with a lower
number, joins a later block and leaves no gap.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import asyncpg
import structlog

from shared.contracts.audit import AUDIT_SEALED
from shared.kernel.ids import derived_id
from shared.persistence.audit_chain import GENESIS, MISSING, Block, SigningKey, Span, hash_of, head_of, spans_of
from shared.persistence.schema import AUDIT_COLUMNS
from shared.persistence.statements import ReadSession
from shared.persistence.transaction import EventSubject, Transaction

log = structlog.get_logger()

#: Entries in a block at most.
BLOCK_SIZE = 5_000
#: An empty block shows that the sealer ran; Kafka keeps heads for longer.
_HEARTBEAT = "interval '1 day'"
ENTRIES = f"SELECT {', '.join(AUDIT_COLUMNS)} FROM {{audit}} WHERE {{condition}} ORDER BY id"  # noqa: S608  names of columns

_LAST = "(SELECT number, head, sealed_at FROM audit_block ORDER BY number DESC LIMIT 1)"
_IS_DUE = f"""
SELECT EXISTS (SELECT FROM audit_unsealed)
    OR coalesce((SELECT sealed_at FROM {_LAST} AS last), '-infinity') < now() - {_HEARTBEAT}"""  # noqa: S608  the texts above
#: One sealer at a time.
_TRY_LOCK = "SELECT pg_try_advisory_xact_lock(hashtext('audit sealer ' || current_schema()))"
_CLAIM = """
DELETE FROM audit_unsealed WHERE ctid = ANY(ARRAY(SELECT ctid FROM audit_unsealed ORDER BY id LIMIT $1)) RETURNING id"""
_CLAIMED = ENTRIES.format(audit="audit", condition="id = ANY($1::bigint[])")
_BEFORE = f"SELECT clock_timestamp() AS now, number, head FROM (VALUES (1)) AS one LEFT JOIN {_LAST} AS last ON true"  # noqa: S608
_ADD = """
INSERT INTO audit_block (number, entries, hashes, sealed_at, head, signature, key_id) VALUES ($1, $2, $3, $4, $5, $6, $7)"""


async def is_due(reader: ReadSession) -> bool:
    """Whether entries wait, or a day passed without a block."""
    found: bool = await reader.driver.fetchval(_IS_DUE)
    return found


async def seal(tx: Transaction[Any], context: str, key: SigningKey, size: int = BLOCK_SIZE) -> Block | None:
    """Adds the next block, and the event of its head. None while another sealer works."""
    if not await tx.driver.fetchval(_TRY_LOCK):
        return None
    numbers = sorted(row["id"] for row in await tx.driver.fetch(_CLAIM, size))
    block = await _next(tx, context, key, numbers)
    ranges = [asyncpg.Range(first, last + 1) for first, last in block.spans]
    await tx.driver.execute(_ADD, block.number, ranges, block.hashes, block.sealed_at, block.head, block.signature, block.key_id)
    return block


async def _next(tx: Transaction[Any], context: str, key: SigningKey, numbers: Sequence[int]) -> Block:
    last = await tx.driver.fetchrow(_BEFORE)
    assert last is not None  # noqa: S101  the statement returns one row
    number, before = (last["number"] or 0) + 1, last["head"] or GENESIS
    spans, hashes = spans_of(numbers), await _hashes(tx, context, numbers)
    head = head_of(context, number, before, spans, hashes, last["now"])
    block = Block(number, spans, hashes, last["now"], head, key.sign(context, number, head), key.id)
    _record(tx, context, block, before)
    return block


async def _hashes(tx: Transaction[Any], context: str, numbers: Sequence[int]) -> bytes:
    found: Mapping[int, bytes] = {row["id"]: hash_of(row.items()) for row in await tx.driver.fetch(_CLAIMED, numbers)}
    if len(found) < len(numbers):
        log.error("audit.entries-missing", context_name=context, entries=len(numbers) - len(found))
    return b"".join(found.get(number, MISSING) for number in numbers)


def _record(tx: Transaction[Any], context: str, block: Block, before: bytes) -> None:
    chain = derived_id("audit", context)
    sealed = AUDIT_SEALED[context](
        entries=block.entries, before=before.hex(), head=block.head.hex(), signature=block.signature.hex(), key_id=block.key_id
    )
    tx.record(EventSubject(chain, chain, chain), sealed, block.number)


def spans_in(ranges: Sequence["asyncpg.Range[int]"]) -> list[Span]:
    """The spans of a stored block, whose ranges have both bounds."""
    return [(int(each.lower or 0), int(each.upper or 0) - 1) for each in ranges]
