"""Reads the GP practices in the schema of a context; `care reference load` writes them from one file for all contexts."""

from collections.abc import Iterable
from typing import Any

from pydantic import TypeAdapter

from shared.contracts.practices import Practice, Practices
from shared.persistence.statements import ReadSession, Sql

_PRACTICES = TypeAdapter(list[Practice])
#: Every entry of the codes, and of those that they follow. The subqueries hide the codes from the planner, as `any_of` does.
_OWN = Sql(
    "SELECT * FROM practice WHERE code = ANY((SELECT $1::text[])::text[]) OR successor = ANY((SELECT $1::text[])::text[])",
    "codes",
    tables=("practice",),
)
#: Every entry of the codes, of all their successors, and of all their predecessors.
_RELATED = Sql(
    """
WITH RECURSIVE related (code) AS (
    SELECT unnest($1::text[])
    UNION
    SELECT neighbour.code FROM related CROSS JOIN LATERAL (
        SELECT successor FROM practice WHERE practice.code = related.code AND successor IS NOT NULL
        UNION ALL SELECT practice.code FROM practice WHERE successor = related.code) AS neighbour (code))
SELECT practice.* FROM practice JOIN related USING (code)""",
    "codes",
    tables=("practice",),
)
_ALL = Sql("SELECT * FROM practice", tables=("practice",))


async def practices_of(reader: ReadSession, codes: Iterable[str]) -> Practices:
    """The entries that decide about these codes on any day."""
    asked = frozenset(codes)
    if ("practices", asked) not in reader.remembered:
        reader.remembered["practices", asked] = await _read(reader, list(asked))
    found: Practices = reader.remembered["practices", asked]
    return found


def remember(reader: ReadSession, code: str, entries: list[dict[str, Any]]) -> None:
    """Keeps the entries of the code that were read already. Those of a practice with a successor do not suffice."""
    if not any(entry["successor"] for entry in entries):
        reader.remembered["practices", frozenset({code})] = Practices(_PRACTICES.validate_python(entries))


async def _read(reader: ReadSession, codes: list[str]) -> Practices:
    own = await reader.fetch(_OWN, codes=codes)
    has_related = any(row["successor"] for row in own)
    return _practices(await reader.fetch(_RELATED, codes=codes) if has_related else own)


async def all_practices(reader: ReadSession) -> Practices:
    """The whole table."""
    return _practices(await reader.fetch(_ALL))


def _practices(rows: Iterable[object]) -> Practices:
    return Practices(_PRACTICES.validate_python([dict(row) for row in rows]))  # type: ignore[call-overload]
