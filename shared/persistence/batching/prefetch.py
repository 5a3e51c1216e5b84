"""Lookups that a batch reads by one statement for all its keys, instead of one statement for each."""

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Generic, TypeVar

from shared.persistence.transaction import Transaction

K = TypeVar("K")
V = TypeVar("V")

#: Reads the values of some keys; a key without a value is absent from the result.
Load = Callable[[Transaction[Any], Sequence[K]], Awaitable[Mapping[K, V]]]


class PrefetchedLookup(Generic[K, V]):
    """A lookup by key. Outside a batch every `get` reads; in a batch a known value is returned until a write makes it stale.

    `tables` are the tables that the lookup reads: a write to one of them drops the known values. `absent` returns the value of a key
    without a row.
    """

    def __init__(self, load: Load[K, V], *, absent: Callable[[], V], tables: Collection[str] = ()) -> None:
        self._load, self._absent = load, absent
        self.tables = frozenset(tables)

    async def prefetch(self, tx: Transaction[Any], keys: Iterable[K]) -> None:
        """Reads the values of `keys` by one statement. Does nothing outside a batch."""
        if tx.batch and (new := [key for key in dict.fromkeys(keys) if key not in self.known(tx)]):
            self.known(tx).update(await self._read(tx, new))

    async def get(self, tx: Transaction[Any], key: K) -> V:
        if not tx.batch:
            return (await self._read(tx, [key]))[key]
        await self.prefetch(tx, [key])
        return self.known(tx)[key]

    def known(self, tx: Transaction[Any]) -> dict[K, V]:
        """The values that are known in this batch; the lookup's owner may change them in place. Empty outside a batch."""
        return tx.batch.prefetched(self) if tx.batch else {}

    async def _read(self, tx: Transaction[Any], keys: Sequence[K]) -> dict[K, V]:
        found = await self._load(tx, keys)
        return {key: found[key] if key in found else self._absent() for key in keys}

    def forget(self, tx: Transaction[Any], key: K) -> None:
        self.known(tx).pop(key, None)


class PrefetchedSupply(Generic[V]):
    """Values that are used once each, such as numbers of a sequence; a batch draws all its values by one statement."""

    def __init__(self, load: Callable[[Transaction[Any], int], Awaitable[Sequence[V]]]) -> None:
        self._load = load

    async def prefetch(self, tx: Transaction[Any], count: int) -> None:
        """Draws `count` values for this batch. Does nothing outside a batch."""
        if tx.batch and count:
            tx.batch.supply(self).extend(await self._load(tx, count))

    async def take(self, tx: Transaction[Any]) -> V:
        drawn: list[V] = tx.batch.supply(self) if tx.batch else []
        return drawn.pop(0) if drawn else (await self._load(tx, 1))[0]
