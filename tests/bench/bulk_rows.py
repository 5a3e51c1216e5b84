"""Many rows from one that the real code wrote: the shape is the code's own, and only what must differ is changed."""

import asyncpg

from infra.contexts import CONTEXTS

_COLUMNS = """
SELECT column_name FROM information_schema.columns
WHERE table_schema = $1 AND table_name = $2 AND is_identity = 'NO' AND is_generated = 'NEVER' ORDER BY ordinal_position"""


async def copies(owner: "asyncpg.Connection[asyncpg.Record]", table: str, where: str, numbers: str, **changes: str) -> str:
    """The statement that copies the first row of `table` (with its schema) once for each `n` of `numbers`, a set of numbers in SQL.

    Changes are expressions, of `n` and of the row itself, which is called `one`.
    """
    schema, _, name = table.partition(".")
    columns = [row["column_name"] for row in await owner.fetch(_COLUMNS, schema, name)]
    values = ", ".join(changes.get(column, f'one."{column}"') for column in columns)
    named = ", ".join(f'"{column}"' for column in columns)
    one = f"(SELECT * FROM {table} WHERE {where} LIMIT 1) AS one"  # noqa: S608  the bench's own words
    return f"INSERT INTO {table} ({named}) SELECT {values} FROM {one}, {numbers} AS n"  # noqa: S608  the bench's own words


async def told(owner: "asyncpg.Connection[asyncpg.Record]", schema: str, where: str, numbers: str, **changes: str) -> list[str]:
    """The statements that copy an event that was sent long ago, and that it was applied wherever its pattern was."""
    pattern = await owner.fetchval(f"SELECT id FROM {schema}.event WHERE {where} ORDER BY seq LIMIT 1")  # noqa: S608
    new = uuid(str(pattern))
    statements = [await copies(owner, f"{schema}.event", f"id = '{pattern}'", numbers, id=new, recorded_at="clock_timestamp()", **changes)]
    return statements + [await copies(owner, f"{each}.inbox", f"event_id = '{pattern}'", numbers, event_id=new) for each in CONTEXTS]


def unsent(insert: str, schema: str) -> str:
    """Rows of an event log, and beside them their rows in the outbox, in one statement as the code has it."""
    return f"WITH recorded AS ({insert} RETURNING seq) INSERT INTO {schema}.outbox (seq) SELECT seq FROM recorded"  # noqa: S608


def upto(count: int, after: int = 0) -> str:
    return f"generate_series({after + 1}, {after + count})"


def uuid(salt: str) -> str:
    """An id that is the same for the same `n`, wherever it is written."""
    return f"md5('{salt} ' || n)::uuid"
