"""An invariant that PostgreSQL can judge by itself: a statement finds what contradicts, another counts what was looked at.

In both `{context}` is each schema in turn, `{data}` an event as JSON, `{now}` the clock of care, `{live}` says of a deadline that it
is still to be acted on. `{applied}` and `{settled}` are the instants since when the platform keeps all that was applied, and all
deadlines that were settled; `{pruned}` and `{pruned_anywhere}` the day since which this log, and every log, is whole.
What contradicts is told as text in the column `what`: ids and codes, never personal data.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import asyncpg

from infra.contexts import CONTEXTS
from infra.operations.verify.finding import SHOWN, Finding, merge_findings
from shared.persistence.retention import DEFAULT_RETENTION, RetentionPolicy

_JUDGE = "SELECT count(*) AS contradictions, coalesce((array_agg(what))[1:{shown}], ARRAY[]::text[]) AS examples FROM ({broken}) AS broken"
#: The event of a row, as JSON; only where its topic is not encrypted.
_DATA = "convert_from(data, 'UTF8')::jsonb"
_LIVE = "state IN ('pending', 'parked')"
_CARE_NOW = "(SELECT now() + delta FROM {context}.clock_offset)"
_PRUNED = "(SELECT coalesce(max(before), '-infinity') FROM {context}.log_pruning)"
#: Within it the housekeeper may be at work, and the two clocks of a row may differ.
_MARGIN = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Check:
    """`everything` counts, `broken` selects the column `what`; in each of `contexts`."""

    invariant: str
    sentence: str
    everything: str
    broken: str
    contexts: Sequence[str] = CONTEXTS


async def judge(owner: "asyncpg.Connection[asyncpg.Record]", check: Check, keep: RetentionPolicy = DEFAULT_RETENTION) -> Finding:
    return merge_findings([await _judge_in(owner, check, context, keep) for context in check.contexts])


def since(kept: timedelta, now: str = "now()") -> str:
    """As SQL: the instant from which on nothing can have been removed."""
    return f"({now} - interval '{max((kept - _MARGIN).total_seconds(), 0):.0f} seconds')"


async def _judge_in(owner: "asyncpg.Connection[asyncpg.Record]", check: Check, context: str, keep: RetentionPolicy) -> Finding:
    now = _CARE_NOW.format(context=context)
    words = {"context": context, "data": _DATA, "live": _LIVE, "now": now} | {
        "applied": since(keep.inbox),
        "settled": since(keep.fired_deadlines, now),
        "pruned": _PRUNED.format(context=context),
        "pruned_anywhere": f"greatest({', '.join(_PRUNED.format(context=each) for each in CONTEXTS)})",
    }
    checked = await owner.fetchval(check.everything.format(**words))
    (row,) = await owner.fetch(_JUDGE.format(shown=SHOWN, broken=check.broken.format(**words)))
    return Finding(check.invariant, check.sentence, checked, row["contradictions"], row["examples"])
