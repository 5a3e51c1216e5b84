"""Records that could not be applied, stored unchanged for an operator.

An event that fails in its handler blocks its key: later records of the key are parked behind it. A record that is not authentic or
cannot be decoded blocks nothing, so that a foreign record never delays the care of a person.
"""

import hashlib
from base64 import b64decode, b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
import orjson

from shared.contracts.envelope import Record, UndecodableRecord, read_envelope
from shared.persistence.statements import ReadSession
from shared.persistence.transaction import Transaction

BEHIND = "behind an earlier parked record of the same key"

_PARK = """
INSERT INTO parked (topic, partition, "offset", key, value, headers, digest, reason, counts_as_failure, blocks_key, is_authentic)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT DO NOTHING"""
#: Locks the newest blocking record of each key, which is replayed last, so that no record parks behind a key while its replay ends.
_BLOCKED = """
SELECT key FROM parked WHERE id IN (SELECT max(id) FROM parked WHERE key = ANY($1::bytea[]) AND blocks_key GROUP BY key)
ORDER BY id FOR SHARE"""
_CONSECUTIVE = """
SELECT count(*) FROM parked WHERE counts_as_failure AND parked_at > coalesce((SELECT max(applied_at) FROM inbox), '-infinity')"""
_ACKNOWLEDGE = "UPDATE parked SET counts_as_failure = false WHERE counts_as_failure"
#: Stops consumers before they decide which keys are blocked: without the newest record of a key they would find the key free.
_LOCK = "LOCK TABLE parked IN EXCLUSIVE MODE"
_OF_ID = "SELECT * FROM parked WHERE id = $1"
_WAITING = "SELECT * FROM parked ORDER BY id"
_OF_KEY = "SELECT * FROM parked WHERE key = $1 ORDER BY id"


@dataclass(frozen=True, slots=True)
class ParkedRecord:
    id: int
    reason: str
    parked_at: datetime
    record: Record
    blocks_key: bool
    is_authentic: bool

    @property
    def event_id(self) -> UUID | None:
        return event_id(self.record)


def event_id(record: Record) -> UUID | None:
    """The event id in the envelope. None without a value or a readable envelope: no version of the product can apply such a record."""
    try:
        envelope = read_envelope(record)
    except UndecodableRecord:
        return None
    return None if record.value is None else envelope.id


async def park(tx: Transaction[Any], record: Record, reason: str) -> None:
    """Parks an event that failed in its handler, or waits behind one: it blocks its key."""
    await _park(tx, record, reason, counts_as_failure=reason != BEHIND, blocks_key=True)


async def park_undecodable(tx: Transaction[Any], record: Record, reason: str) -> None:
    """Parks a record that blocks nothing. One that no version can apply does not count towards the stop of the consumer."""
    await _park(tx, record, reason, counts_as_failure=event_id(record) is not None, blocks_key=False)


async def park_unauthentic(tx: Transaction[Any], record: Record, reason: str) -> None:
    """Parks a record that no context of the product wrote. It blocks nothing and never stops the consumer."""
    await _park(tx, record, reason, counts_as_failure=False, blocks_key=False, is_authentic=False)


async def consecutive_count(reader: ReadSession) -> int:
    """The number of records parked since the last applied or refused one, in all processes, of those that count as a failure."""
    found: int = await reader.driver.fetchval(_CONSECUTIVE)
    return found


async def acknowledge(tx: Transaction[Any]) -> int:
    """Acknowledges all parked records: they stay parked, and the consumer continues. Returns the number of newly acknowledged ones."""
    done = await tx.driver.execute(_ACKNOWLEDGE)
    return int(done.removeprefix("UPDATE "))


async def blocked_keys(tx: Transaction[Any], keys: Sequence[bytes]) -> set[bytes]:
    """The keys that parked records block. Their last record cannot be replayed before this transaction ends; waits for a running replay."""
    rows = await tx.driver.fetch(_BLOCKED, list(set(keys)))
    return {row["key"] for row in rows}


async def waiting(reader: ReadSession) -> list[ParkedRecord]:
    """All parked records, oldest first."""
    return [_parked(row) for row in await reader.driver.fetch(_WAITING)]


async def of_key(reader: ReadSession, key: bytes) -> list[ParkedRecord]:
    """The parked records of this key, oldest first."""
    return [_parked(row) for row in await reader.driver.fetch(_OF_KEY, key)]


async def lock(tx: Transaction[Any], record_id: int) -> ParkedRecord | None:
    """The record of this id, or None. No record is parked or removed before this transaction ends."""
    await tx.driver.execute(_LOCK)
    row = await tx.driver.fetchrow(_OF_ID, record_id)
    return None if row is None else _parked(row)


async def discard(tx: Transaction[Any], parked: ParkedRecord) -> None:
    """Removes a locked record, with an audit entry whose subject is the key of the record, or the nil UUID for any other key."""
    await remove(tx, parked)
    tx.audit(_subject(parked.record.key))


async def remove(tx: Transaction[Any], parked: ParkedRecord) -> None:
    await tx.driver.execute("DELETE FROM parked WHERE id = $1", parked.id)


def _parked(row: asyncpg.Record) -> ParkedRecord:
    headers = tuple((name, None if value is None else b64decode(value)) for name, value in orjson.loads(row["headers"]))
    record = Record(row["topic"], row["partition"], row["offset"], row["key"], row["value"], headers)
    return ParkedRecord(row["id"], row["reason"], row["parked_at"], record, row["blocks_key"], row["is_authentic"])


async def _park(
    tx: Transaction[Any], record: Record, reason: str, *, counts_as_failure: bool, blocks_key: bool, is_authentic: bool = True
) -> None:
    headers = _headers(record)
    where = (record.topic, record.partition, record.offset)
    content = (record.key, record.value, headers, _digest(record, headers))
    await tx.driver.execute(_PARK, *where, *content, reason, counts_as_failure, blocks_key, is_authentic)


def _subject(key: bytes | None) -> UUID:
    try:
        return UUID((key or b"").decode())
    except ValueError:
        return UUID(int=0)


def _headers(record: Record) -> bytes:
    """The headers as JSON with base64 values, because a header may contain arbitrary bytes."""
    return orjson.dumps([[name, None if value is None else b64encode(value).decode()] for name, value in record.headers])


def _digest(record: Record, headers: bytes) -> bytes:
    parts = (record.topic.encode(), record.key or b"", record.value or b"", headers)
    return hashlib.sha256(b"".join(len(part).to_bytes(8) + part for part in parts)).digest()
