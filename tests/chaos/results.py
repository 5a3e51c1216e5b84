"""What a run showed, as a table, as a line of JSON in the file of totals, and the sum of all runs in that file."""

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

_PROCESSES = ("kill a process", "kill three processes at once", "kill at a point")
#: What all runs together are to come to, by what counts towards it.
GOALS: Mapping[str, tuple[int, tuple[str, ...]]] = {
    "process kills": (2_000, _PROCESSES),
    "postmaster kills": (100, ("kill PostgreSQL",)),
    "broker kills": (50, ("kill the broker",)),
    "network faults": (500, ("network",)),
    "wipes": (10, ("wipe the broker",)),
}


@dataclass(frozen=True, slots=True)
class Struck:
    """`count` is how many it hit; `ended` when it was over, from which the recovery is counted."""

    kind: str
    target: str
    count: int
    ended: float
    is_alone: bool
    recovery: Recovery


def faults(strikes: Sequence[Struck]) -> dict[str, int]:
    found: Counter[str] = Counter()
    for struck in strikes:
        found[struck.kind] += struck.count
    return dict(sorted(found.items()))


def recoveries(strikes: Sequence[Struck]) -> dict[str, dict[str, Any]]:
    """Median and longest, by kind and target, of those that struck alone; and of all, by kind."""
    groups: dict[str, list[Recovery]] = {}
    for struck in strikes:
        if struck.count:
            target = struck.target.partition(": ")[2] or struck.target
            name = f"{struck.kind} ({target}), alone" if struck.is_alone else f"{struck.kind}, in the storm"
            groups.setdefault(name, []).append(struck.recovery)
    return {name: {"times": len(group), **_figures(group)} for name, group in sorted(groups.items())}


def tell_recoveries(out: Console, found: Mapping[str, Mapping[str, Any]]) -> None:
    table = Table("what struck", "times", "answers again", "sends again", "flows again", title="Seconds after it was over: median, longest")
    for name, figures in found.items():
        table.add_row(name, str(figures["times"]), *(_pair(figures[each]) for each in ("answers", "sends", "flows")))
    out.print(table)


def append(path: Path, run: Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        file.write(json.dumps(run) + "\n")


def tell_totals(out: Console, path: Path) -> bool:
    """Whether no run broke a promise."""
    runs = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    table = Table("over all runs", "reached", "goal", title=f"{len(runs)} runs, seeds {', '.join(str(run['seed']) for run in runs)}")
    for name, (goal, counted) in GOALS.items():
        reached = sum(count for run in runs for kind, count in run["faults"].items() if kind.startswith(counted))
        table.add_row(name, f"{reached:,}", f"{goal:,}")
    table.add_row("referrals acknowledged", f"{sum(run['acknowledged'] for run in runs):,}", "200,000")
    for name in ("broken", "surprises"):
        table.add_row(f"{name}", str(sum(sum(run[name].values()) for run in runs)), "0")
    table.add_row("hours under load", f"{sum(run['seconds'] for run in runs) / 3600:.2f}", "")
    out.print(table)
    every: Counter[str] = Counter()
    for run in runs:
        every.update(run["faults"])
    kinds = Table("kind", "times")
    for kind, times in sorted(every.items()):
        kinds.add_row(kind, f"{times:,}")
    out.print(kinds)
    return not any(run["broken"] for run in runs)


def _figures(group: Sequence[Recovery]) -> dict[str, Any]:
    return {name: _middle_and_most([getattr(each, name) for each in group]) for name in ("answers", "sends", "flows")}


def _middle_and_most(seconds: Sequence[float | None]) -> list[float] | None:
    known = [each for each in seconds if each is not None]
    return [round(median(known), 2), round(max(known), 2)] if known else None


def _pair(figures: Sequence[float] | None) -> str:
    return f"{figures[0]:7.2f} {figures[1]:7.2f}" if figures else "-"
