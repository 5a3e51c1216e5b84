"""Copies in bulk of one row that the product wrote. Only the columns that must differ are changed."""

import asyncpg

from infra.contexts import CONTEXTS

_COLUMNS = """
SELECT column_name FROM information_schema.columns
WHERE table_schema = $1 AND table_name = $2 AND is_identity = 'NO' AND is_generated = 'NEVER' ORDER BY ordinal_position"""


async def copies(owner: "asyncpg.Connection[asyncpg.Record]", table: str, where: str, numbers: str, **changes: str) -> str:
    """The statement that copies the first matching row of `table` once for each `n` of `numbers`, a set of numbers in SQL.

    `table` includes its schema. Changes are SQL expressions of `n` and of the row, named `one`.
    """
    schema, _, name = table.partition(".")
    columns = [row["column_name"] for row in await owner.fetch(_COLUMNS, schema, name)]
    values = ", ".join(changes.get(column, f'one."{column}"') for column in columns)
    named = ", ".join(f'"{column}"' for column in columns)
    one = f"(SELECT * FROM {table} WHERE {where} LIMIT 1) AS one"  # noqa: S608
    return f"INSERT INTO {table} ({named}) SELECT {values} FROM {one}, {numbers} AS n"  # noqa: S608


async def past_events(owner: "asyncpg.Connection[asyncpg.Record]", schema: str, where: str, numbers: str, **changes: str) -> list[str]:
    """The statements that copy a sent event, with the inbox rows of every context that applied it."""
    pattern = await owner.fetchval(f"SELECT id FROM {schema}.event WHERE {where} ORDER BY seq LIMIT 1")  # noqa: S608
    new = uuid(str(pattern))
    statements = [await copies(owner, f"{schema}.event", f"id = '{pattern}'", numbers, id=new, recorded_at="clock_timestamp()", **changes)]
    return statements + [await copies(owner, f"{each}.inbox", f"event_id = '{pattern}'", numbers, event_id=new) for each in CONTEXTS]


def unsent(insert: str, schema: str) -> str:
    """Rows of an event log and of the outbox in one statement, as the product writes them."""
    return f"WITH recorded AS ({insert} RETURNING seq) INSERT INTO {schema}.outbox (seq) SELECT seq FROM recorded"  # noqa: S608


def upto(count: int, after: int = 0) -> str:
    return f"generate_series({after + 1}, {after + count})"


def uuid(salt: str) -> str:
    """The same id for the same `n` and salt in every statement."""
    return f"md5('{salt} ' || n)::uuid"
