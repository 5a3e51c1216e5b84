"""Access to a context's schema: a pool of connections that opens transactions and readers."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Generic, TypeVar, cast

import asyncpg
import orjson

from shared.clock import Clock
from shared.contracts.care_policy import CarePolicy
from shared.persistence.batch_interfaces import Group, NewBatch, Work
from shared.persistence.deployment_secrets import Secrets
from shared.persistence.idempotency import claim
from shared.persistence.practices import remember
from shared.persistence.refusals import Refusals
from shared.persistence.row_security import ACROSS_PEOPLE, SERVICE_SESSION, ReaderConnection, RowSettings, as_reader, as_service
from shared.persistence.statements import Connection, ReadSession, json_text
from shared.persistence.transaction import Read, RequestContext, Transaction

P = TypeVar("P")
C = TypeVar("C")
R = TypeVar("R")

_SYSTEM = RequestContext.of_system("system")

#: A statement or lock that takes longer than this is a fault, not work.
_SESSION = {
    "timezone": "UTC",
    "jit": "off",
    "lock_timeout": "5s",
    "statement_timeout": "60s",
    "idle_in_transaction_session_timeout": "60s",
    # PostgreSQL releases the locks of a vanished host within half a minute. The system's default is two hours, during which no other relay
    # could take over.
    "tcp_keepalives_idle": "15",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "30s",
}

#: Work on events and deadlines mostly finds rows by keys, for which one plan serves all values. PostgreSQL would plan the question for
#: pending events again at each poll, which takes longer than its answer. The filters of lists need plans for their values.
_BY_KEY = {"plan_cache_mode": "force_generic_plan"}


class Database(Generic[P]):
    """`policy` has the context's configured values; every transaction passes it to the handlers."""

    def __init__(
        self,
        pool: "asyncpg.Pool[asyncpg.Record]",
        *,
        clock: Clock,
        policy: P,
        secrets: Secrets,
        new_batch: NewBatch | None = None,
        groups: Sequence[Group] = (),
    ) -> None:
        self.pool = pool
        self.clock = clock
        self.policy = policy
        self.secrets = secrets
        self.new_batch = new_batch
        self._groups = {each.work: each.open(self) for each in groups}
        self.refusals = Refusals(self.transaction)
        self.committed = asyncio.Event()  # set when events were committed in this process: the relay wakes at once

    @asynccontextmanager
    async def transaction(self, request: RequestContext = _SYSTEM) -> AsyncIterator[Transaction[P]]:
        """Commits every change of the block at its end, or none after an error. It sees every row: the caller asks the access policy.

        A repetition of a request with an idempotency key raises DuplicateRequest before the block begins.
        """
        async with self._opened(request, as_service(request.actor)) as tx:
            yield tx

    @asynccontextmanager
    async def reading(self, request: RequestContext) -> AsyncIterator[Transaction[P]]:
        """A read and its audit, which sees the rows about people with whom the actor has a relationship.

        Each of its statements is a transaction: to begin and commit one for all would cost two round trips.
        """
        async with self.pool.acquire() as connection:
            reader = as_reader(request.actor, cast("CarePolicy", self.policy))
            opened = await cast("ReaderConnection", connection).read_as(reader, self.clock)
            tx = self._begun(Read, connection, opened, request)
            yield tx
            await tx.flush()

    @asynccontextmanager
    async def reading_by_act(self, request: RequestContext) -> AsyncIterator[Transaction[P]]:
        """As `reading`, in a transaction that commits the act by which the reader sees what is closed to them otherwise."""
        async with self._opened(request, as_reader(request.actor, cast("CarePolicy", self.policy), is_local=True)) as tx:
            yield tx

    @asynccontextmanager
    async def across_people(self, request: RequestContext) -> AsyncIterator[Transaction[P]]:
        """A transaction for a read of all people. It sees every row; its statements are planned for their values, as those of a list."""
        async with self._opened(request, ACROSS_PEOPLE) as tx:
            yield tx

    @asynccontextmanager
    async def _opened(self, request: RequestContext, sees: RowSettings) -> AsyncIterator[Transaction[P]]:
        async with self.pool.acquire() as connection:
            async with connection.transaction():
                opened = await sees.begin(connection, self.clock)
                tx = self._begun(Transaction, connection, opened, request)
                if request.idempotency_key is not None:
                    await claim(tx)
                yield tx
                await tx.flush()
            if tx.has_recorded:
                self.committed.set()

    def _begun(self, kind: type[Transaction[P]], connection: Connection, opened: asyncpg.Record, request: RequestContext) -> Transaction[P]:
        tx = kind(connection, now=opened["instant"], request=request, policy=self.policy, secrets=self.secrets, new_batch=self.new_batch)
        if (entries := opened.get("practices")) is not None:
            remember(tx, request.actor.organisation, entries)
        return tx

    async def submit(self, request: RequestContext, work: Work[C, R], command: C) -> R:
        """Runs `work` in one transaction and returns its response after the commit. Raises what `work` raises."""
        if work in self._groups:
            grouped: R = await self._groups[work].submit(request, command)
            return grouped
        async with self.transaction(request) as tx:
            return await work(command, tx)

    @asynccontextmanager
    async def read_only(self) -> AsyncIterator[ReadSession]:
        """A read-only transaction for queries. Each statement sees the changes that were committed when the statement began."""
        async with self.pool.acquire() as connection, connection.transaction(readonly=True):
            yield ReadSession(connection)

    @asynccontextmanager
    async def autocommit(self) -> AsyncIterator[ReadSession]:
        """A connection in autocommit mode, for frequent polls that mostly find no work. PostgreSQL does not refuse writes here."""
        async with self.pool.acquire() as connection:
            yield ReadSession(connection)

    async def close(self) -> None:
        await self.refusals.close()
        await self.pool.close()


async def connect(
    dsn: str,
    *,
    clock: Clock,
    policy: P,
    secrets: Secrets,
    size: int = 10,
    new_batch: NewBatch | None = None,
    groups: Sequence[Group] = (),
    is_service: bool = False,
) -> Database[P]:
    """Without `new_batch` and `groups` each write is a separate statement, with the same outcome.

    The connections of a service, which acts on events and deadlines, see every row. Others see rows about people in a transaction alone.
    """
    session = {**_SESSION, **({**SERVICE_SESSION, **_BY_KEY} if is_service else {})}
    pool = await asyncpg.create_pool(
        dsn,
        min_size=1,
        max_size=size,
        init=prepare,
        reset=_forget_reader,
        connection_class=ReaderConnection,
        server_settings=session,
        command_timeout=60,
    )
    return Database(pool, clock=clock, policy=policy, secrets=secrets, new_batch=new_batch, groups=groups)


async def prepare(connection: Connection) -> None:
    """JSON columns hold and give Python values."""
    await connection.set_type_codec("jsonb", schema="pg_catalog", encoder=json_text, decoder=orjson.loads, format="text")


async def _forget_reader(connection: Connection) -> None:
    """No other session state changes, so most connections need no round trip. The pool closes a connection that fails to forget."""
    await cast("ReaderConnection", connection).forget()
