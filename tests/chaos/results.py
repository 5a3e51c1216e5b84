"""The results of a run: a table, a line of JSON in the file of totals, and the sum over all runs in that file."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.chaos.recovery import Recovery

_PROCESS_KILLS = ("kill a process", "kill three processes at once", "kill at a point")
_PARTS = ("api", "relay", "consumers")
#: The goal over all runs, and the prefixes of the kinds that count towards it.
GOALS: Mapping[str, tuple[int, tuple[str, ...]]] = {
    "process kills": (2_000, _PROCESS_KILLS),
    "PostgreSQL kills": (100, ("kill PostgreSQL",)),
    "broker kills": (50, ("kill the broker",)),
    "network faults": (500, ("network",)),
    "wipes": (10, ("wipe the broker",)),
}


@dataclass(frozen=True, slots=True)
class InjectedFault:
    """`count` is the number of targets hit. `ended` is when the fault ended; the recovery is measured from then."""

    kind: str
    target: str
    count: int
    ended: float
    is_alone: bool
    recovery: Recovery


def fault_counts(injected: Sequence[InjectedFault]) -> dict[str, int]:
    found: Counter[str] = Counter()
    for fault in injected:
        found[fault.kind] += fault.count
    return dict(sorted(found.items()))


def recovery_figures(injected: Sequence[InjectedFault]) -> dict[str, dict[str, Any]]:
    """Median and maximum in seconds: by kind and target for faults injected alone, by kind for those of the storm."""
    groups: dict[str, list[Recovery]] = {}
    for fault in injected:
        if fault.count:
            target = fault.target.partition(": ")[2] or fault.target
            name = f"{fault.kind} ({target}), alone" if fault.is_alone else f"{fault.kind}, in the storm"
            groups.setdefault(name, []).append(fault.recovery)
    return {name: {"times": len(group), **_figures(group)} for name, group in sorted(groups.items())}


def print_recoveries(out: Console, found: Mapping[str, Mapping[str, Any]]) -> None:
    title = "Recovery in seconds after the fault ended: median, maximum"
    table = Table("fault", "times", "API responds", "relay publishes", "consumers apply", title=title)
    for name, figures in found.items():
        table.add_row(name, str(figures["times"]), *(_pair(figures[part]) for part in _PARTS))
    out.print(table)


def append(path: Path, run: Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        file.write(json.dumps(run) + "\n")


def print_totals(out: Console, path: Path) -> bool:
    """Returns whether `care verify` passed in every run."""
    runs = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    table = Table("total", "reached", "goal", title=f"{len(runs)} runs, seeds {', '.join(str(run['seed']) for run in runs)}")
    for name, (goal, counted) in GOALS.items():
        reached = sum(count for run in runs for kind, count in run["faults"].items() if kind.startswith(counted))
        table.add_row(name, f"{reached:,}", f"{goal:,}")
    table.add_row("referrals acknowledged", f"{sum(run['acknowledged'] for run in runs):,}", "200,000")
    for name in ("broken", "surprises"):
        table.add_row(name, str(sum(sum(run[name].values()) for run in runs)), "0")
    table.add_row("hours under load", f"{sum(run['seconds'] for run in runs) / 3600:.2f}", "")
    out.print(table)
    out.print(_kinds_table(runs))
    return not any(run["broken"] for run in runs)


def _kinds_table(runs: Sequence[Mapping[str, Any]]) -> Table:
    totals: Counter[str] = Counter()
    for run in runs:
        totals.update(run["faults"])
    table = Table("kind", "times")
    for kind, times in sorted(totals.items()):
        table.add_row(kind, f"{times:,}")
    return table


def _figures(group: Sequence[Recovery]) -> dict[str, Any]:
    return {part: _median_and_maximum([getattr(each, part) for each in group]) for part in _PARTS}


def _median_and_maximum(seconds: Sequence[float | None]) -> list[float] | None:
    known = [each for each in seconds if each is not None]
    return [round(median(known), 2), round(max(known), 2)] if known else None


def _pair(figures: Sequence[float] | None) -> str:
    return f"{figures[0]:7.2f} {figures[1]:7.2f}" if figures else "-"
