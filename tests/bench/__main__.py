"""`make bench`: measures, prints the table, and on request keeps it as JSON and as docs/benchmarks.md.

Invariant: what falls short of its target is shown as such; a figure is never left out because it is bad.
"""

import argparse
import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from infra.dev_stack.local.progress import StatusLines
from shared.clock import wall_clock
from tests.bench.figures import Run, shown
from tests.bench.machine import load_before, machine, versions
from tests.bench.report import document, table
from tests.bench.scenario import Scenario
from tests.bench.scenarios import ALL
from tests.bench.stage import Bench, Size

_DOCUMENT = Path(__file__).parents[2] / "docs" / "benchmarks.md"


async def run(chosen: Sequence[Scenario], bench: Bench, out: Console) -> dict[str, dict[str, Any]]:
    """Every run of every scenario, printed as it ends; with its size and day, for they may be kept beside others."""
    found: dict[str, dict[str, Any]] = {}
    for scenario in chosen:
        runs: list[Run] = []
        found[scenario.name] = {"size": str(bench.size), "date": f"{wall_clock():%Y-%m-%d}", "runs": runs}
        async for figures in scenario.measure(bench):
            runs.append(figures)
            line = "  ".join(f"{name} {shown(value)}" for name, value in figures.items())
            out.print(f"[bold]{scenario.name}[/] {line}", highlight=False, soft_wrap=True)
    return found


def main() -> None:
    asked = _arguments()
    kept = json.loads(asked.read.read_text()) if asked.read else {}
    result = kept if kept and not asked.only else _measured(asked)
    result["scenarios"] = kept.get("scenarios", {}) | result["scenarios"]
    Console().print(table(result))
    if asked.json:
        asked.json.write_text(json.dumps(result, indent=1) + "\n")
    if asked.write:
        _DOCUMENT.write_text(document(result))


def _measured(asked: argparse.Namespace) -> dict[str, Any]:
    chosen = [scenario for scenario in ALL if scenario.name in asked.only or not asked.only]
    size = next((size for size in Size if getattr(asked, size)), Size.SHORT)
    out, load = Console(stderr=True), load_before()
    with StatusLines(out) as progress:
        bench = Bench(asked.runs, size, progress)
        found = asyncio.run(run(chosen, bench, out))
    told = {"command": f'make bench ARGS="--{size} --runs {asked.runs}"', "load_before": load}
    return {**told, "machine": machine(), "versions": bench.servers | versions(), "scenarios": found}


def _arguments() -> argparse.Namespace:
    listed = "\n".join(f"  {scenario.name:16} {scenario.minutes:4.1f} min  {scenario.title}" for scenario in ALL)
    whole = sum(scenario.minutes for scenario in ALL)
    parser = argparse.ArgumentParser(
        "python -m tests.bench",
        description=__doc__,
        epilog=f"scenarios, with about how long three runs of the short form take on two quiet cores (all: {whole:.0f} min):\n{listed}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", choices=[scenario.name for scenario in ALL])
    parser.add_argument("--runs", type=int, default=3)
    sizes = parser.add_mutually_exclusive_group()
    sizes.add_argument("--quick", action="store_true", help="everything small: shows that it works, measures nothing")
    sizes.add_argument(
        "--short", action="store_true", help="less of what is stored or waits, and not for so long; this is taken when nothing is said"
    )
    sizes.add_argument("--full", action="store_true", help="as much as the targets say; takes about twice as long")
    sizes.add_argument("--long", action="store_true", help="the same, and the intake for ten minutes")
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep everything that was measured")
    parser.add_argument(
        "--read", type=Path, metavar="FILE", help="show, or write, what was kept; with --only, what is measured anew takes its place in it"
    )
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks.md, which is meant to hold the full form")
    return parser.parse_args()


if __name__ == "__main__":
    main()
