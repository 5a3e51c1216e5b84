"""A database that fails or tarries where a test wants it to."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import asyncpg

from tests.timeouts import LONGEST_WAIT

_TRIES = 5


class FaultyDatabase:
    """`owner` is a connection that may do everything; who has one inherits from this."""

    owner: "asyncpg.Connection[asyncpg.Record]"

    @asynccontextmanager
    async def raising(
        self, table: str, code: str, *, when: str = "true", times: int = 1_000_000, at_commit: bool = False
    ) -> AsyncIterator[None]:
        """Meanwhile the first `times` writes to `table` for which `when` holds fail with the SQLSTATE `code`, at once or at the commit."""
        await self.owner.execute("CREATE SEQUENCE fault_count")
        fault = f"IF nextval('fault_count') <= {times} THEN RAISE EXCEPTION 'a fault of the test' USING ERRCODE = '{code}'; END IF;"
        async with self._trigger(table, f"IF {when} THEN {fault} END IF;", at_commit=at_commit):
            yield
        await self.owner.execute("DROP SEQUENCE fault_count")

    @asynccontextmanager
    async def slow_commits(self, table: str, when: str) -> AsyncIterator[None]:
        """Transactions that wrote a row of `table` for which `when` holds commit only when the block ends."""
        async with self._trigger(table, f"IF {when} THEN PERFORM pg_advisory_xact_lock(1); END IF;", at_commit=True):
            await self.owner.execute("SELECT pg_advisory_lock(1)")
            try:
                yield
            finally:
                await self.owner.execute("SELECT pg_advisory_unlock(1)")
            await until(lambda: self._nobody_writes(table))

    async def count(self, table: str, where: str = "true") -> int:
        found: int = await self.owner.fetchval(f"SELECT count(*) FROM {table} WHERE {where}")  # noqa: S608  names from the tests
        return found

    @asynccontextmanager
    async def _trigger(self, table: str, body: str, *, at_commit: bool) -> AsyncIterator[None]:
        kind, moment = ("CONSTRAINT ", "DEFERRABLE INITIALLY DEFERRED ") if at_commit else ("", "")
        await self._change(f"""
            CREATE FUNCTION fault() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS
                $$ BEGIN {body} RETURN NEW; END $$;
            CREATE {kind}TRIGGER fault AFTER INSERT OR UPDATE ON {table} {moment}FOR EACH ROW EXECUTE FUNCTION fault()""")
        try:
            yield
        finally:
            await self._change(f"DROP TRIGGER fault ON {table}; DROP FUNCTION fault")

    async def _change(self, sql: str) -> None:
        """A change of a table locks its parts one by one, and may meet whoever works with them the other way round."""
        for _ in range(_TRIES):
            with suppress(asyncpg.DeadlockDetectedError):
                await self.owner.execute(sql)
                return
        raise AssertionError(sql)

    async def _nobody_writes(self, table: str) -> bool:
        return not await self.count("pg_locks", f"relation = '{table}'::regclass AND mode = 'RowExclusiveLock'")


async def until(holds: Callable[[], Awaitable[object]]) -> None:
    async with asyncio.timeout(LONGEST_WAIT):
        while not await holds():
            await asyncio.sleep(0.02)
