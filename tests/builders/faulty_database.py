"""A database whose writes or commits fail or wait where a test needs it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import asyncpg

from tests.timeouts import until

_ATTEMPTS = 5
#: The server has the databases of other tests, in copies of one template also with the same object ids.
LOCKS = "(SELECT * FROM pg_locks WHERE database = (SELECT oid FROM pg_database WHERE datname = current_database())) AS lock"


class FaultyDatabase:
    """`owner` is a connection of the database owner; a subclass sets it."""

    owner: "asyncpg.Connection[asyncpg.Record]"

    @asynccontextmanager
    async def raising(
        self, table: str, code: str, *, when: str = "true", times: int = 1_000_000, at_commit: bool = False
    ) -> AsyncIterator[None]:
        """Inside the block, the first `times` writes to `table` whose row satisfies `when` fail with the SQLSTATE `code`.

        They fail at the statement, or at the commit when `at_commit` is set.
        """
        await self.owner.execute("CREATE SEQUENCE fault_count")
        fault = f"IF nextval('fault_count') <= {times} THEN RAISE EXCEPTION 'a fault of the test' USING ERRCODE = '{code}'; END IF;"
        async with self._trigger(table, f"IF {when} THEN {fault} END IF;", at_commit=at_commit):
            yield
        await self.owner.execute("DROP SEQUENCE fault_count")

    @asynccontextmanager
    async def slow_commits(self, table: str, when: str) -> AsyncIterator[None]:
        """A transaction that wrote a row of `table` satisfying `when` commits only when the block ends, however late that is."""
        async with self._trigger(table, f"IF {when} THEN PERFORM pg_advisory_xact_lock(1); END IF;", at_commit=True):
            await self.owner.execute("SELECT pg_advisory_lock(1)")
            try:
                yield
            finally:
                await self.owner.execute("SELECT pg_advisory_unlock(1)")
            await until(lambda: self._has_no_writer(table))

    async def count(self, table: str, where: str = "true") -> int:
        found: int = await self.owner.fetchval(f"SELECT count(*) FROM {table} WHERE {where}")  # noqa: S608  names from the tests
        return found

    async def until_waiting(self, lock: str) -> None:
        """Waits until a session waits for a lock of this kind: `advisory`, or `transactionid` for a row that another one changed."""
        await until(lambda: self.count("pg_stat_activity", f"datname = current_database() AND wait_event = '{lock}'"))

    async def is_empty(self, table: str, where: str = "true") -> bool:
        return not await self.count(table, where)

    @asynccontextmanager
    async def _trigger(self, table: str, body: str, *, at_commit: bool) -> AsyncIterator[None]:
        kind, moment = ("CONSTRAINT ", "DEFERRABLE INITIALLY DEFERRED ") if at_commit else ("", "")
        await self._change(f"""
            CREATE FUNCTION fault() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public SET lock_timeout = 0 AS
                $$ BEGIN {body} RETURN NEW; END $$;
            CREATE {kind}TRIGGER fault AFTER INSERT OR UPDATE ON {table} {moment}FOR EACH ROW EXECUTE FUNCTION fault()""")
        try:
            yield
        finally:
            await self._change(f"DROP TRIGGER fault ON {table}; DROP FUNCTION fault")

    async def _change(self, sql: str) -> None:
        """Repeats the statement after a deadlock: a change of a partitioned table locks its partitions one by one."""
        for _ in range(_ATTEMPTS):
            with suppress(asyncpg.DeadlockDetectedError):
                await self.owner.execute(sql)
                return
        raise AssertionError(sql)

    async def _has_no_writer(self, table: str) -> bool:
        return await self.is_empty(LOCKS, f"relation = '{table}'::regclass AND mode = 'RowExclusiveLock'")
