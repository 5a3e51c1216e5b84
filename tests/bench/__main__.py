"""`make bench`: measures, prints the table, and on request keeps it as JSON and as docs/benchmarks.md.

Invariant: what falls short of its target is shown as such; a figure is never left out because it is bad.
"""

import argparse
import asyncio
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from infra.local.progress import StatusLines
from shared.clock import wall_clock
from tests.bench.figures import Run
from tests.bench.machine import load_before, machine, versions
from tests.bench.report import document, table
from tests.bench.scenario import Scenario
from tests.bench.scenarios import ALL
from tests.bench.stage import Bench, Size

_DOCUMENT = Path(__file__).parents[2] / "docs" / "benchmarks.md"


async def run(chosen: Sequence[Scenario], bench: Bench, out: Console) -> dict[str, list[Run]]:
    """Every run of every scenario, printed as it ends."""
    found: dict[str, list[Run]] = {}
    for scenario in chosen:
        found[scenario.name] = []
        async for figures in scenario.measure(bench):
            found[scenario.name].append(figures)
            shown = "  ".join(f"{name} {value:,.4g}" for name, value in figures.items())
            out.print(f"[bold]{scenario.name}[/] {shown}", highlight=False, soft_wrap=True)
    return found


def main() -> None:
    asked = _arguments()
    result = json.loads(asked.read.read_text()) if asked.read else _measured(asked)
    Console().print(table(result))
    if asked.json:
        asked.json.write_text(json.dumps(result, indent=1) + "\n")
    if asked.write:
        _DOCUMENT.write_text(document(result))


def _measured(asked: argparse.Namespace) -> dict[str, Any]:
    chosen = [scenario for scenario in ALL if scenario.name in asked.only or not asked.only]
    size = Size.QUICK if asked.quick else Size.LONG if asked.long else Size.SHORT
    out, load = Console(stderr=True), load_before()
    with StatusLines(out) as progress:
        found = asyncio.run(run(chosen, Bench(asked.runs, size, progress), out))
    told = {"command": f"python -m tests.bench {' '.join(sys.argv[1:])}".strip(), "date": f"{wall_clock():%Y-%m-%d}", "size": size}
    return {**told, "load_before": load, "machine": machine(), "versions": versions(), "scenarios": found}


def _arguments() -> argparse.Namespace:
    listed = "\n".join(f"  {scenario.name:14} {scenario.minutes:4.1f} min  {scenario.title}" for scenario in ALL)
    whole = sum(scenario.minutes for scenario in ALL)
    parser = argparse.ArgumentParser(
        "python -m tests.bench",
        description=__doc__,
        epilog=f"scenarios, with about how long three runs take (all: {whole:.0f} min):\n{listed}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", choices=[scenario.name for scenario in ALL])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="everything small: shows that it works, measures nothing")
    parser.add_argument("--long", action="store_true", help="intake for ten minutes")
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep everything that was measured")
    parser.add_argument("--read", type=Path, metavar="FILE", help="measure nothing: show, or write, what was kept")
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks.md")
    return parser.parse_args()


if __name__ == "__main__":
    main()
