"""Records that could not be applied, kept whole for an operator. A later record of the same key waits behind the first."""

import hashlib
from base64 import b64decode, b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg
import orjson

from shared.contracts.envelope import Record
from shared.persistence.statements import Reader
from shared.persistence.transaction import Transaction

BEHIND = "behind an earlier parked record of the same key"

_PARK = """
INSERT INTO parked (topic, partition, "offset", key, value, headers, digest, reason) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT DO NOTHING"""
_BLOCKED = "SELECT DISTINCT key FROM parked WHERE key = ANY($1::bytea[])"
_WAITING = "SELECT * FROM parked WHERE $1::bigint IS NULL OR key = (SELECT key FROM parked WHERE id = $1) OR id = $1 ORDER BY id"


@dataclass(frozen=True, slots=True)
class Parked:
    id: int
    reason: str
    parked_at: datetime
    record: Record


async def park(tx: Transaction[Any], record: Record, reason: str) -> None:
    headers = _headers(record)
    where = (record.topic, record.partition, record.offset)
    await tx.connection.execute(_PARK, *where, record.key, record.value, headers, _digest(record, headers), reason)


async def blocked_keys(tx: Transaction[Any], keys: Sequence[bytes]) -> set[bytes]:
    rows = await tx.connection.fetch(_BLOCKED, list(set(keys)))
    return {row["key"] for row in rows}


async def waiting(reader: Reader, first: int | None = None) -> list[Parked]:
    """All parked records, or with `first` that one and those of its key, oldest first."""
    return [_parked(row) for row in await reader.connection.fetch(_WAITING, first)]


async def remove(tx: Transaction[Any], parked: Parked) -> None:
    await tx.connection.execute("DELETE FROM parked WHERE id = $1", parked.id)


def _parked(row: asyncpg.Record) -> Parked:
    headers = tuple((name, None if value is None else b64decode(value)) for name, value in orjson.loads(row["headers"]))
    record = Record(row["topic"], row["partition"], row["offset"], row["key"], row["value"], headers)
    return Parked(row["id"], row["reason"], row["parked_at"], record)


def _headers(record: Record) -> bytes:
    """Whatever bytes a stranger sent, a column can hold them."""
    return orjson.dumps([[name, None if value is None else b64encode(value).decode()] for name, value in record.headers])


def _digest(record: Record, headers: bytes) -> bytes:
    parts = (record.topic.encode(), record.key or b"", record.value or b"", headers)
    return hashlib.sha256(b"".join(len(part).to_bytes(8) + part for part in parts)).digest()
