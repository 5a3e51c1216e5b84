"""The door to a context's schema: a pool of connections that hands out transactions and readers."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Generic, TypeVar

import asyncpg
import orjson

from shared.clock import Clock
from shared.kernel.actor import SYSTEM, Actor
from shared.persistence.batching.group_commit import Groupable, GroupCommit
from shared.persistence.deployment_secrets import Secrets
from shared.persistence.idempotency import claim
from shared.persistence.statements import Connection, ReadSession
from shared.persistence.transaction import Cause, IdempotencyKey, Transaction

P = TypeVar("P")
Q = TypeVar("Q", bound=Groupable)
R = TypeVar("R")


#: Does some requests in one transaction; gives for each its result, or what refuses it.
Handle = Callable[[Sequence[Q], Transaction[Any]], Awaitable[Sequence[R | Exception]]]

#: A statement or lock that takes longer than this is a fault, not work.
_SESSION = {
    "timezone": "UTC",
    "jit": "off",
    "lock_timeout": "5s",
    "statement_timeout": "60s",
    "idle_in_transaction_session_timeout": "60s",
    # A host that vanishes holds no lock for longer than half a minute: the system's own patience is two hours, and a relay that takes
    # over would wait for it.
    "tcp_keepalives_idle": "15",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "30s",
}


class Database(Generic[P]):
    """`policy` is the context's configured numbers; every transaction carries it to the handlers."""

    def __init__(self, pool: "asyncpg.Pool[asyncpg.Record]", *, clock: Clock, policy: P, secrets: Secrets) -> None:
        self.pool = pool
        self.clock = clock
        self.policy = policy
        self.secrets = secrets
        self._group_commits: dict[Any, GroupCommit[Any, Any]] = {}
        self.committed = asyncio.Event()  # set when events were committed in this process: the relay wakes at once

    @asynccontextmanager
    async def transaction(
        self, actor: Actor = SYSTEM, cause: Cause | None = None, once: IdempotencyKey | None = None
    ) -> AsyncIterator[Transaction[P]]:
        """Everything inside is committed together when the block ends, or not at all.

        With `once`, a repeated request raises AlreadyAnswered before anything is done.
        """
        async with self.pool.acquire() as connection:
            async with connection.transaction():
                now = await self.clock.now(connection)
                tx = Transaction(connection, now=now, actor=actor, cause=cause or Cause("system"), policy=self.policy, secrets=self.secrets)
                if once is not None:
                    await claim(tx, once)
                yield tx
                await tx.flush()
            if tx.has_recorded:
                self.committed.set()

    def group_commit(self, handle: Handle[Q, R]) -> GroupCommit[Q, R]:
        """Where requests wait that `handle` does in groups, each group in one transaction. Of one handler there is one such place."""

        async def in_one_transaction(requests: Sequence[Q]) -> Sequence[R | Exception]:
            async with self.transaction() as tx:
                return await handle(requests, tx)

        if handle not in self._group_commits:
            self._group_commits[handle] = GroupCommit(in_one_transaction)
        return self._group_commits[handle]

    @asynccontextmanager
    async def read_only(self) -> AsyncIterator[ReadSession]:
        """For queries: PostgreSQL itself refuses to change anything here. Each statement sees what was committed when it began."""
        async with self.pool.acquire() as connection, connection.transaction(readonly=True):
            yield ReadSession(connection)

    @asynccontextmanager
    async def autocommit(self) -> AsyncIterator[ReadSession]:
        """For who looks often and mostly finds nothing: no transaction, each statement by itself. Nothing refuses a change here."""
        async with self.pool.acquire() as connection:
            yield ReadSession(connection)

    async def close(self) -> None:
        await self.pool.close()


async def connect(dsn: str, *, clock: Clock, policy: P, secrets: Secrets, size: int = 10) -> Database[P]:
    pool = await asyncpg.create_pool(
        dsn, min_size=1, max_size=size, init=prepare, reset=_skip_reset, server_settings=_SESSION, command_timeout=60
    )
    return Database(pool, clock=clock, policy=policy, secrets=secrets)


async def prepare(connection: Connection) -> None:
    """JSON columns hold and give Python values."""
    await connection.set_type_codec("jsonb", schema="pg_catalog", encoder=_dump, decoder=orjson.loads, format="text")


async def _skip_reset(connection: Connection) -> None:
    """Nothing here changes session state, so a returned connection needs no reset and no round trip."""


def _dump(value: Any) -> str:
    return orjson.dumps(value).decode()
