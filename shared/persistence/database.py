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
from shared.persistence.known_types import ConnectionWithKnownTypes
from shared.persistence.practices import remember
from shared.persistence.refusals import Refusals
from shared.persistence.row_security import ACROSS_PEOPLE, SERVICE_SESSION, RowSettings, as_reader, as_service
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
        """A transaction for a read and its audit. It sees the rows about people with whom the actor has a relationship.

        All of its statements see one state: the policy judges the story that is shown, and not an earlier one.
        """
        async with self._opened(request, as_reader(request.actor, cast("CarePolicy", self.policy)), Read) as tx:
            yield tx

    @asynccontextmanager
    async def across_people(self, request: RequestContext) -> AsyncIterator[Transaction[P]]:
        """A transaction for a read of all people. It sees every row; its statements are planned for their values, as those of a list."""
        async with self._opened(request, ACROSS_PEOPLE) as tx:
            yield tx

    @asynccontextmanager
    async def _opened(
        self, request: RequestContext, sees: RowSettings, kind: type[Transaction[P]] = Transaction
    ) -> AsyncIterator[Transaction[P]]:
        async with self.pool.acquire() as connection:
            async with connection.transaction(isolation=kind.ISOLATION):
                opened = await sees.begin(connection, self.clock)
                tx = kind(
                    connection,
                    now=opened["instant"],
                    request=request,
                    policy=self.policy,
                    secrets=self.secrets,
                    new_batch=self.new_batch,
                )
                if (entries := opened.get("practices")) is not None:
                    remember(tx, request.actor.organisation, entries)
                if request.idempotency_key is not None:
                    await claim(tx)
                yield tx
                await tx.flush()
            if tx.has_recorded:
                self.committed.set()

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
        reset=_skip_reset,
        connection_class=ConnectionWithKnownTypes,
        server_settings=session,
        command_timeout=60,
    )
    return Database(pool, clock=clock, policy=policy, secrets=secrets, new_batch=new_batch, groups=groups)


async def prepare(connection: Connection) -> None:
    """JSON columns hold and give Python values."""
    await connection.set_type_codec("jsonb", schema="pg_catalog", encoder=json_text, decoder=orjson.loads, format="text")


async def _skip_reset(connection: Connection) -> None:
    """No code changes session state, so a returned connection needs no reset and no round trip."""
