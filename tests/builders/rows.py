"""Rows of any table: a test states the columns that matter, and every other required column gets some value."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg

from shared.clock import wall_clock
from shared.kernel.ids import derived_id, new_id

#: The end of a fired deadline, for example, counts only while it is recent.
NOW = wall_clock().replace(microsecond=0)
EARLIER, LATER = NOW - timedelta(hours=1), NOW + timedelta(hours=1)

_COLUMNS = """
SELECT column_name AS name, udt_name AS type, is_nullable = 'NO' AND column_default IS NULL AND is_identity = 'NO' AS is_required
FROM information_schema.columns WHERE table_schema = $1 AND table_name = $2"""
_VALUES: Mapping[str, Any] = {
    "text": "any",
    "jsonb": "[]",
    "timestamptz": NOW,
    "date": NOW.date(),
    "int2": 1,
    "int4": 1,
    "int8": 1,
    "numeric": 1,
    "bool": False,
    "bytea": "{}",
}


@dataclass(frozen=True)
class Row:
    """`table` with its schema. Lists and objects are stored as JSON."""

    table: str
    values: Mapping[str, Any]

    async def insert(self, owner: "asyncpg.Connection[asyncpg.Record]") -> None:
        schema, table = self.table.split(".")
        columns = {row["name"]: row for row in await owner.fetch(_COLUMNS, schema, table)}
        required = {name: _any(row["type"]) for name, row in columns.items() if row["is_required"]}
        stated = {name: value for name, value in self.values.items() if name in columns or value is not None}
        values = required | stated
        names = ", ".join(f'"{name}"' for name in values)
        casts = ", ".join(f"${number}::text::{columns[name]['type']}" for number, name in enumerate(values, 1))
        await owner.execute(f'INSERT INTO {schema}."{table}" ({names}) VALUES ({casts})', *map(_text, values.values()))  # noqa: S608 (names)


def row(table: str, **values: Any) -> Row:
    return Row(table, values)


def an_id(name: str) -> UUID:
    """The same id for the same name."""
    return derived_id("test", name)


def _any(kind: str) -> Any:
    return new_id() if kind == "uuid" else _VALUES[kind]


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, default=str) if isinstance(value, dict | list | bool) else str(value)
