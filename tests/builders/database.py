"""Databases of tests: copies of one migrated template."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import asyncpg
from sqlalchemy.engine import make_url

from infra.dev_stack.temporary_resources import administer

_TABLES = """
SELECT format('%s.%I', relnamespace::regnamespace, relname) AS name FROM pg_class
WHERE relnamespace::regnamespace::text IN ('referrals', 'rapid_care', 'mdt', 'navigation') AND relkind IN ('r', 'p') AND NOT relispartition
ORDER BY 1"""


@dataclass(frozen=True)
class Databases:
    """Copies the database `template` on the server of `server_url`."""

    server_url: str
    template: str

    @asynccontextmanager
    async def copy(self, name: str) -> AsyncIterator[str]:
        """Yields the owner's URL of a new copy, and drops the copy at the end."""
        await administer(self.server_url, f"CREATE DATABASE {name} TEMPLATE {self.template}")
        yield database_url(self.server_url, name)
        await administer(self.server_url, f"DROP DATABASE {name} WITH (FORCE)")


@dataclass(frozen=True)
class CommonDatabase:
    """The database that many tests use in turn. `url` is the owner's."""

    url: str
    _connection: "asyncpg.Connection[asyncpg.Record]"
    _delete_rows: str

    async def reset(self) -> None:
        """Deletes all rows except the reference data of the migrations."""
        async with self._connection.transaction():
            await self._connection.execute(self._delete_rows)


@asynccontextmanager
async def open_common_database(url: str) -> AsyncIterator[CommonDatabase]:
    """Opens a freshly migrated database; the rows in it now are the reference data that `reset` spares."""
    connection = await asyncpg.connect(url)
    tables = [row["name"] for row in await connection.fetch(_TABLES)]
    filled = {name for name in tables if await connection.fetchval(f"SELECT EXISTS (SELECT FROM {name})")}  # noqa: S608  names of the catalogue
    deletes = (f"DELETE FROM {name}" for name in sorted(set(tables) - filled))  # noqa: S608  names of the catalogue
    yield CommonDatabase(url, connection, "; ".join(["SET LOCAL session_replication_role = replica", *deletes]))
    await connection.close()


def database_url(server_url: str, name: str) -> str:
    return make_url(server_url).set(database=name).render_as_string(hide_password=False)
