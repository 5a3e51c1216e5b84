"""All checks, in order, and what they found as a table and as JSON."""

import json
import resource
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import asyncpg
from rich.console import Console
from rich.table import Table

from infra.quiet import open_work
from infra.running import whereabouts
from infra.topics import layout_of_environment
from infra.verify import answers, broker
from infra.verify.finding import Finding, found
from infra.verify.statements import CHECKS, judge


async def verify(database_url: str, bootstrap: str, *, prefix: str = "", log: Path | None = None) -> list[Finding]:
    """Judges what is there now, with a client's `log` also what was promised to it (see answers.py).

    The product may run meanwhile, but what is on its way counts as unfinished (I10).
    """
    owner = await asyncpg.connect(database_url)
    try:
        statements = [await judge(owner, check) for check in CHECKS]
        topics = await broker.compare(owner, bootstrap, prefix)
        promises = await answers.compare(owner, log) if log else []
        work = await open_work(owner)
    finally:
        await owner.close()
    unfinished = [f"{count} {name}" for name, count in work.items()]
    return sorted(
        [*statements, *topics, *promises, found("I10", "nothing is unsent, unapplied, parked or overdue", 1, unfinished)], key=_number
    )


async def verify_stack(name: str, log: Path | None) -> list[Finding]:
    """Raises StackError when no such stack is running and no server is given."""
    where = whereabouts(name)
    return await verify(where.database_url, where.kafka_bootstrap, prefix=layout_of_environment().prefix, log=log)


def tell(out: Console, findings: Sequence[Finding], seconds: float) -> None:
    table = Table("", "what must hold", "looked at", "broken", title="What the services promised")
    for each in findings:
        broken = "[green]0" if each.holds else f"[bold red]{each.contradictions}"
        table.add_row(each.invariant, each.sentence, f"{each.checked:,}", broken)
    out.print(table)
    for each in findings:
        for example in each.examples:
            out.print(f"{each.invariant} {each.sentence}: {example}", markup=False, highlight=False)
    out.print(json.dumps(_summary(findings, seconds)), markup=False, highlight=False, soft_wrap=True)


def _summary(findings: Sequence[Finding], seconds: float) -> dict[str, object]:
    return {
        "verify": "passed" if all(each.holds for each in findings) else "failed",
        "seconds": round(seconds, 1),
        "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "findings": [asdict(each) for each in findings],
    }


def _number(finding: Finding) -> int:
    return int(finding.invariant.removeprefix("I"))
