"""All checks, in order, and what they found as a table and as JSON."""

import json
import resource
from collections.abc import Sequence
from dataclasses import asdict
from time import monotonic

import asyncpg
from rich.console import Console
from rich.table import Table

from infra.quiet import open_work
from infra.verify import broker
from infra.verify.finding import Finding, found
from infra.verify.statements import CHECKS, judge


async def verify(database_url: str, bootstrap: str, *, prefix: str = "") -> list[Finding]:
    """Judges what is there now; the product may run meanwhile, but what is on its way counts as unfinished (I10)."""
    owner = await asyncpg.connect(database_url)
    try:
        statements = [await judge(owner, check) for check in CHECKS]
        topics = await broker.compare(owner, bootstrap, prefix)
        work = await open_work(owner)
    finally:
        await owner.close()
    unfinished = [f"{count} {name}" for name, count in work.items()]
    return sorted([*statements, *topics, found("I10", "nothing is unsent, unapplied, parked or overdue", 1, unfinished)], key=_number)


def tell(out: Console, findings: Sequence[Finding], begun: float) -> None:
    table = Table("", "what must hold", "looked at", "broken", title="What the services promised")
    for each in findings:
        broken = "[green]0" if each.holds else f"[bold red]{each.contradictions}"
        table.add_row(each.invariant, each.sentence, f"{each.checked:,}", broken)
    out.print(table)
    for each in findings:
        for example in each.examples:
            out.print(f"{each.invariant} {each.sentence}: {example}", markup=False, highlight=False)
    out.print(json.dumps(_summary(findings, begun)), markup=False, highlight=False, soft_wrap=True)


def _summary(findings: Sequence[Finding], begun: float) -> dict[str, object]:
    return {
        "verify": "passed" if all(each.holds for each in findings) else "failed",
        "seconds": round(monotonic() - begun, 1),
        "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "findings": [asdict(each) for each in findings],
    }


def _number(finding: Finding) -> int:
    return int(finding.invariant.removeprefix("I"))
