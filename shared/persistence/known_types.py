"""PostgreSQL's types of arrays, remembered for the process.

The driver knows single types, and asks the server about arrays: once a connection for each set of types that a statement uses. The question
takes the server several milliseconds of processor time, so new connections are slow to begin, and a burst opens many.
"""

from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any, Final

import asyncpg

#: Below this number the catalogue of PostgreSQL itself gives an id; arrays and single types below it are the same in every database.
_FIRST_ASSIGNED: Final = 10_000
#: Stands for the statement of a question that was not asked. By its name the driver knows that its unnamed statement is still prepared.
_NOT_ASKED: Final = SimpleNamespace(name="not asked")
_KNOWN: dict[frozenset[int], Any] = {}


class ConnectionWithKnownTypes(asyncpg.Connection):
    """Asks about each set of PostgreSQL's own types once a process. The driver has no public way to give it the answer."""

    async def _introspect_types(self, typeoids: Iterable[int], timeout: float | None) -> tuple[Any, Any]:  # noqa: ASYNC109  the driver's
        asked = frozenset(typeoids)
        if asked in _KNOWN:
            return _KNOWN[asked], _NOT_ASKED
        # The published types of the driver have public methods alone.
        types, statement = await super()._introspect_types(typeoids, timeout)  # type: ignore[misc]
        if max(asked) < _FIRST_ASSIGNED:
            _KNOWN[asked] = types
        return types, statement
