"""Faults of ownership in the stored rows of all four contexts: one statement returns a row for each fault.

Those of `care verify`, judged more strictly: a parked record, or a deadline whose handler failed, is a fault too.
"""

import asyncpg

from infra.contexts import CONTEXTS
from infra.operations.verify.checks.owners import OWNERS

_PARKED = "SELECT format('a record of {context} is parked: %s', reason) AS item FROM {context}.parked"
_FAILED = "SELECT format('the deadline %s of {context} failed: %s', kind, reason) AS item FROM {context}.deadline WHERE state = 'parked'"


async def faults(connection: "asyncpg.Connection[asyncpg.Record]") -> list[str]:
    """The faults in the committed rows, by the owner's connection."""
    return [row["item"] for row in await connection.fetch(_STATEMENT)]


def _statement() -> str:
    unowned = [check.contradictions.format(context=context, live="state = 'pending'") for check in OWNERS for context in check.contexts]
    return " UNION ALL ".join(unowned + [each.format(context=context) for context in CONTEXTS for each in (_PARKED, _FAILED)])


_STATEMENT = _statement()
