"""`make bench`: measures, prints the table, and on request writes it as JSON and as docs/benchmarks.md.

Invariant: a missed target is shown as missed; no figure is left out.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from infra.dev_stack.local.progress import StatusLines
from shared.clock import wall_clock
from tests.bench.compare import COMPARED, compare
from tests.bench.figures import Run, shown
from tests.bench.machine import load_before, machine, versions
from tests.bench.product_under_test import Bench, Size
from tests.bench.report import comparison_table, document, table
from tests.bench.scenario import Scenario
from tests.bench.scenarios import ALL
from tests.builders.limits import VARIABLES

_DOCUMENT = Path(__file__).parents[2] / "docs" / "benchmarks.md"


async def run(chosen: Sequence[Scenario], bench: Bench, out: Console, found: dict[str, dict[str, Any]]) -> None:
    """Adds every run of every scenario to `found`, with its size and date, and prints it as it ends."""
    for scenario in chosen:
        runs: list[Run] = []
        found[scenario.name] = {"size": str(bench.size), "date": f"{wall_clock():%Y-%m-%d}", "runs": runs}
        async for figures in scenario.measure(bench):
            runs.append(figures)
            line = "  ".join(f"{name} {shown(value)}" for name, value in figures.items())
            out.print(f"[bold]{scenario.name}[/] {line}", highlight=False, soft_wrap=True)


def main() -> None:
    """The load acts for thousands of callers under a few names: it has limits that it does not reach."""
    asked = _arguments()
    os.environ.update(VARIABLES)
    result = json.loads(asked.read.read_text()) if asked.read else {}
    if asked.against:
        result["against"] = _compared(asked)
    elif not result or asked.only:
        measured = _measured(asked)
        result |= {**measured, "scenarios": result.get("scenarios", {}) | measured["scenarios"]}
    if "scenarios" in result:
        Console().print(table(result))
    if "against" in result:
        Console().print(comparison_table(result["against"]))
    if asked.json:
        asked.json.write_text(json.dumps(result, indent=1) + "\n")
    if asked.write:
        _DOCUMENT.write_text(document(result))
    if asked.against and any("failed" in each for each in result["against"]["scenarios"].values()):
        sys.exit("A compared scenario failed.")


def _measured(asked: argparse.Namespace) -> dict[str, Any]:
    chosen = [scenario for scenario in ALL if scenario.name in asked.only or not asked.only]
    size, runs = _size(asked), asked.runs or 3
    out, load = Console(stderr=True), load_before()
    with StatusLines(out) as progress:
        bench = Bench(runs, size, progress, has_yardsticks=not asked.no_yardsticks)
        found: dict[str, dict[str, Any]] = {}
        try:
            asyncio.run(run(chosen, bench, out, found))
        except BaseException:
            if asked.json:
                asked.json.with_suffix(".partial.json").write_text(json.dumps({"scenarios": found}, indent=1) + "\n")
            raise
    circumstances = {"command": f'make bench ARGS="--{size} --runs {runs}"', "load_before": load}
    return {**circumstances, "machine": machine(), "versions": bench.servers | versions(), "scenarios": found}


def _compared(asked: argparse.Namespace) -> dict[str, Any]:
    out = Console(stderr=True, highlight=False, soft_wrap=True)
    chosen = [scenario for scenario in COMPARED if scenario.name in asked.only or not asked.only]
    load, date = load_before(), f"{wall_clock():%Y-%m-%d}"
    try:
        found = compare(asked.against, chosen, rounds=asked.runs or 2, size=_size(asked), checkout=asked.checkout, report=out.print)
    except subprocess.CalledProcessError as error:
        sys.exit(
            f"{asked.against} could not be prepared: `{' '.join(error.cmd)}` ended with status {error.returncode}. {error.stderr or ''}"
        )
    return {"date": date, "load_before": load, **found}


def _size(asked: argparse.Namespace) -> Size:
    return next((size for size in Size if getattr(asked, size)), Size.SHORT)


def _arguments() -> argparse.Namespace:
    listed = "\n".join(f"  {scenario.name:16} {scenario.minutes:4.1f} min  {scenario.title}" for scenario in ALL)
    whole = sum(scenario.minutes for scenario in ALL)
    parser = argparse.ArgumentParser(
        "python -m tests.bench",
        description=__doc__,
        epilog=f"scenarios, with the approximate time of three runs in the short form on two idle cores (all: {whole:.0f} min):\n{listed}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", choices=[scenario.name for scenario in ALL])
    parser.add_argument("--runs", type=int, help="runs of each scenario, by default 3; with --against, rounds, by default 2")
    sizes = parser.add_mutually_exclusive_group()
    sizes.add_argument("--quick", action="store_true", help="small sizes: shows that the bench works; its figures mean nothing")
    sizes.add_argument("--short", action="store_true", help="smaller sizes and shorter runs than the targets name; the default")
    sizes.add_argument("--full", action="store_true", help="the sizes that the targets name; takes about twice as long")
    sizes.add_argument("--long", action="store_true", help="as --full, with ten minutes of intake")
    parser.add_argument("--no-yardsticks", action="store_true", help="measure the scenarios alone, without ratios")
    parser.add_argument(
        "--against",
        metavar="COMMIT",
        help=f"compare with an earlier commit in turn; scenarios: {', '.join(scenario.name for scenario in COMPARED)}",
    )
    parser.add_argument("--checkout", type=Path, metavar="FOLDER", help="check the earlier commit out here and keep it")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every run to FILE")
    parser.add_argument(
        "--read", type=Path, metavar="FILE", help="show or write the runs in FILE; with --only or --against, new runs replace those in it"
    )
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks.md, which should hold the full form")
    asked = parser.parse_args()
    unknown = set(asked.only) - {scenario.name for scenario in COMPARED}
    if asked.against and unknown:
        parser.error(f"--against does not compare {', '.join(sorted(unknown))}")
    if asked.against and asked.write and not asked.read:
        parser.error("--against with --write needs --read: the page also shows the scenarios")
    return asked


if __name__ == "__main__":
    main()
