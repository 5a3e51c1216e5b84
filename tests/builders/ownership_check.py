"""Faults of ownership in the stored rows of all four contexts: one statement returns a row for each fault.

Those of `care verify`, judged more strictly: a parked record, or a deadline whose handler failed, is a fault too. Each sentence is about
one context and holds after each of its transactions, whatever events have not arrived.
"""

import asyncpg

from infra.contexts import CONTEXTS
from infra.operations.verify.check import DATA, Check
from infra.operations.verify.checks.duties import DUTIES
from infra.operations.verify.checks.owners import OWNERS
from infra.operations.verify.checks.people import PEOPLE

_PARKED = "SELECT format('a record of {context} is parked: %s', reason) AS item FROM {context}.parked"
#: The last instant at which the context did anything: the clocks of a test are no rows.
_NOW = "(SELECT greatest(max(at), (SELECT max(resolved_at) FROM {context}.deadline)) FROM {context}.audit)"
_FAILED = "SELECT format('the deadline %s of {context} failed: %s', kind, reason) AS item FROM {context}.deadline WHERE state = 'parked'"


async def faults(connection: "asyncpg.Connection[asyncpg.Record]") -> list[str]:
    """The faults in the committed rows, by the owner's connection."""
    return [row["item"] for row in await connection.fetch(_STATEMENT)]


def _statement() -> str:
    contradictions = [_contradictions(check, context) for check in (*OWNERS, *DUTIES, *PEOPLE) for context in check.contexts]
    return " UNION ALL ".join(contradictions + [each.format(context=context) for context in CONTEXTS for each in (_PARKED, _FAILED)])


def _contradictions(check: Check, context: str) -> str:
    return check.contradictions.format(context=context, live="state = 'pending'", now=_NOW.format(context=context), data=DATA)


_STATEMENT = _statement()
