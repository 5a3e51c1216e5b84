"""Where a seeded defect is lived through: the real contexts on a database of its own, and topics of its own on the run's Kafka."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import asyncpg

from infra.keys import Keys
from infra.shifted_clock import jump
from infra.verify.broker import connected
from infra.verify.deliveries import look
from infra.verify.report import Terms, verify
from infra.verify.verdict import Verdict
from shared.clock import FrozenClock
from shared.messaging.address import Kafka
from shared.messaging.consumer import Consumer, ConsumerStopped
from shared.messaging.handling import Wiring
from shared.messaging.intake import Intake
from shared.messaging.relay import Pace, Relay
from shared.persistence.database import Database

R = TypeVar("R", bound=Relay)

PACE = Pace(standby=0.05, trouble=0.05)
_LONGEST, _TRIES = 30, 5


@dataclass(frozen=True)
class Ground:
    """`owner` may look at everything. `folder` takes a client's log."""

    owner_url: str
    owner: "asyncpg.Connection[asyncpg.Record]"
    kafka: Kafka
    keys: Keys
    folder: Path

    async def judge(self, clock: FrozenClock, log: Path | None = None) -> Verdict:
        """As beside running services: contexts that have no part in this have applied nothing, and are no contradiction."""
        await jump(self.owner, clock.at)
        return await verify(self.owner_url, self.kafka.bootstrap, prefix=self.kafka.prefix, terms=Terms(is_live=True, log=log))

    async def count(self, table: str, where: str = "true") -> int:
        found: int = await self.owner.fetchval(f"SELECT count(*) FROM {table} WHERE {where}")  # noqa: S608  names from the tests
        return found

    async def until(self, table: str, where: str = "true", count: int = 1) -> None:
        await until(lambda: self._has(table, where, count))

    async def until_sent(self, context: str) -> None:
        await until(lambda: self._is_empty(f"{context}.outbox"))

    async def until_read(self, context: str) -> None:
        """Until its consumer has told Kafka that it is at the end."""
        async with connected(self.kafka.bootstrap, self.kafka.prefix) as broker:

            async def is_at_the_end() -> bool:
                return context not in (await look(broker)).unread

            await until(is_at_the_end)

    @asynccontextmanager
    async def failing_once(self, table: str, code: str, when: str = "true", *, at_commit: bool = False) -> AsyncIterator[None]:
        """Meanwhile the first write to `table` for which `when` holds fails with the SQLSTATE `code`, at once or when it is committed."""
        await self.owner.execute("CREATE SEQUENCE fault_count")
        fault = f"IF nextval('fault_count') = 1 THEN RAISE EXCEPTION 'a fault of the test' USING ERRCODE = '{code}'; END IF;"
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
            await until(lambda: self._nobody_holds(table))

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

    async def _has(self, table: str, where: str, count: int) -> bool:
        return await self.count(table, where) >= count

    async def _is_empty(self, table: str) -> bool:
        return not await self.count(table)

    async def _nobody_holds(self, table: str) -> bool:
        return not await self.count("pg_locks", f"relation = '{table}'::regclass AND mode = 'RowExclusiveLock'")


async def until(holds: Callable[[], Awaitable[object]]) -> None:
    async with asyncio.timeout(_LONGEST):
        while not await holds():
            await asyncio.sleep(0.02)


@asynccontextmanager
async def doing(*work: Awaitable[object]) -> AsyncIterator[Sequence[asyncio.Task[object]]]:
    """Whatever still runs at the end is cancelled."""
    tasks = [asyncio.ensure_future(each) for each in work]
    try:
        yield tasks
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


def relay(ground: Ground, context: str, database: Database[Any], kind: type[R]) -> R:
    return kind(database, context, ground.kafka.bootstrap, prefix=ground.kafka.prefix, pace=PACE)


def relaying(ground: Ground, context: str, database: Database[Any]) -> Awaitable[object]:
    """The sound one, at work."""
    return relay(ground, context, database, Relay).run()


async def consume(
    ground: Ground, wiring: Wiring, database: Database[Any], kind: type[Consumer] = Consumer, intake: type[Intake] = Intake
) -> None:
    """Begins anew whenever it gives up, as its supervisor has it."""
    while True:
        with suppress(ConsumerStopped):
            await kind(intake(database, wiring), wiring.context, wiring.topics, ground.kafka).run()
