"""Prints a verdict as a table and as JSON."""

import json
import resource
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from rich.console import Console
from rich.table import Table

from infra.operations.verify.finding import Finding
from infra.operations.verify.pending_work import PendingWork


@dataclass(frozen=True, slots=True)
class Verdict:
    """`pending` is the work that was pending when the databases were read."""

    findings: Sequence[Finding]
    pending: PendingWork
    seconds: float

    @property
    def holds(self) -> bool:
        return all(each.holds for each in self.findings)

    @property
    def broken(self) -> list[Finding]:
        return [each for each in self.findings if not each.holds]


def print_verdict(out: Console, verdict: Verdict) -> None:
    table = Table("", "invariant", "checked", "contradictions", title="Invariants")
    for each in verdict.findings:
        contradictions = "[green]0" if each.holds else f"[bold red]{each.contradictions}"
        table.add_row(each.invariant, each.sentence, f"{each.checked:,}", contradictions)
    out.print(table)
    for each in verdict.findings:
        for example in each.examples:
            out.print(f"{each.invariant} {each.sentence}: {example}", markup=False, highlight=False)
    for kind, backlog in verdict.pending.items():
        out.print(f"Pending: {kind}: {backlog.count:,}, the oldest for {backlog.oldest_seconds:.1f} s", markup=False, highlight=False)
    out.print(json.dumps(_summary(verdict)), markup=False, highlight=False, soft_wrap=True)


def _summary(verdict: Verdict) -> dict[str, object]:
    return {
        "verify": "passed" if verdict.holds else "failed",
        "seconds": round(verdict.seconds, 1),
        "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "pending": {kind: asdict(backlog) for kind, backlog in verdict.pending.items()},
        "findings": [asdict(each) for each in verdict.findings],
    }
