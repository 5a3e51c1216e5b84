"""Checks that need PostgreSQL alone: one statement selects the contradictions, another counts the checked items.

Placeholders: `{context}` is each schema in turn, `{data}` an event as JSON, `{now}` the product's clock. `{live}` is true for a deadline
that is pending or parked. `{applied}` and `{fired}` are the instants since which the inbox and the fired deadlines are complete.
`{pruned}` and `{pruned_anywhere}` are the days since which this event log, and every event log, is complete.
Contradictions are text in the column `item`: ids and codes, never personal data.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import asyncpg

from infra.contexts import CONTEXTS
from infra.operations.verify.finding import MAX_EXAMPLES, Finding, merge_findings
from shared.persistence.retention import DEFAULT_RETENTION, RetentionPolicy

_COUNT_CONTRADICTIONS = """
SELECT count(*) AS contradictions, coalesce((array_agg(item))[1:{max_examples}], ARRAY[]::text[]) AS examples
FROM ({contradictions}) AS contradicting"""
#: The event of a row as JSON, for topics that are not encrypted.
DATA = "convert_from(data, 'UTF8')::jsonb"
_LIVE = "state IN ('pending', 'parked')"
_CARE_NOW = "(SELECT now() + delta FROM {context}.clock_offset)"
_PRUNED = "(SELECT coalesce(max(before), '-infinity') FROM {context}.log_pruning)"
#: The housekeeper deletes within this margin, and the two clocks of a row can differ by less.
_MARGIN = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Check:
    """`total` counts the checked items and `contradictions` selects the column `item`, in each of `contexts`."""

    invariant: str
    sentence: str
    total: str
    contradictions: str
    contexts: Sequence[str] = CONTEXTS


async def run_check(owner: "asyncpg.Connection[asyncpg.Record]", check: Check, retention: RetentionPolicy = DEFAULT_RETENTION) -> Finding:
    return merge_findings([await _run_in(owner, check, context, retention) for context in check.contexts])


def since(retained: timedelta, now: str = "now()") -> str:
    """Returns SQL for the instant since which nothing can have been deleted."""
    return f"({now} - interval '{max((retained - _MARGIN).total_seconds(), 0):.0f} seconds')"


async def _run_in(owner: "asyncpg.Connection[asyncpg.Record]", check: Check, context: str, retention: RetentionPolicy) -> Finding:
    now = _CARE_NOW.format(context=context)
    values = {"context": context, "data": DATA, "live": _LIVE, "now": now} | {
        "applied": since(retention.inbox),
        "fired": since(retention.fired_deadlines, now),
        "pruned": _PRUNED.format(context=context),
        "pruned_anywhere": f"greatest({', '.join(_PRUNED.format(context=each) for each in CONTEXTS)})",
    }
    checked = await owner.fetchval(check.total.format(**values))
    (row,) = await owner.fetch(
        _COUNT_CONTRADICTIONS.format(max_examples=MAX_EXAMPLES, contradictions=check.contradictions.format(**values))
    )
    return Finding(check.invariant, check.sentence, checked, row["contradictions"], row["examples"])
