"""The interfaces of batching that transactions and databases use; shared/persistence/batching implements them."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol, TypeAlias, TypeVar
from uuid import UUID

from shared.persistence.statements import Connection, Statement

C = TypeVar("C")
R = TypeVar("R")

#: Handles one command in a `Transaction` and returns the response.
Work: TypeAlias = Callable[[C, Any], Awaitable[R]]


class Batch(Protocol):
    """The unit of work of a batch; see `batching.write_batch.WriteBatch`."""

    def identity_map(self, table: str) -> dict[UUID, Any]: ...
    def prefetched(self, lookup: Any) -> dict[Any, Any]: ...
    def supply(self, supply: Any) -> list[Any]: ...
    def new_locks(self, names: Sequence[str]) -> list[str]: ...
    def defer(self, statement: Statement, values: Mapping[str, Any]) -> None: ...
    def defer_versioned(self, statement: Statement, values: Mapping[str, Any], step: Any) -> None: ...
    async def autoflush(self, statement: Statement) -> None: ...
    async def flush(self) -> None: ...


#: Starts a batch on a connection.
NewBatch: TypeAlias = Callable[[Connection], Batch]


class GroupExecutor(Protocol):
    """Runs one kind of work for many requests."""

    async def submit(self, context: Any, command: Any) -> Any: ...


class Group(Protocol):
    """One kind of work that may share transactions; see `batching.group_commit.GroupableWork`."""

    @property
    def work(self) -> Callable[..., Any]: ...
    def open(self, database: Any) -> GroupExecutor: ...
