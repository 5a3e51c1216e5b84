"""What was measured, beside what was promised: as a table on the screen, and as docs/benchmarks.md."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.table import Table

from tests.bench.figures import Figure, Run, Spread, shown
from tests.bench.prose import AFTER, BEFORE
from tests.bench.scenario import Scenario
from tests.bench.scenarios import ALL

Result = Mapping[str, Any]


def table(result: Result) -> Table:
    shown = Table("what", "figure", "minimum", "median", "maximum", "target", "", title=f"{result['size']} form")
    for scenario, runs in _measured(result):
        for figure in scenario.figures:
            shown.add_row(scenario.title, figure.name, *_cells(figure, runs))
    return shown


def document(result: Result) -> str:
    lines = [BEFORE.strip(), "", *_circumstances(result), "", "## Figures", ""]
    lines += ["| what | figure | minimum | median | maximum | to reach | reached |", "|---|---|--:|--:|--:|--:|---|"]
    for scenario, runs in _measured(result):
        lines += [f"| {scenario.title} | {figure.name} | {' | '.join(_cells(figure, runs))} |" for figure in scenario.figures]
    lines += ["", "## How each was measured, and what else was seen", ""]
    for scenario, runs in _measured(result):
        lines += [f"**{scenario.title}.** {scenario.how}", "", _besides(scenario, runs), ""]
    return "\n".join([*lines, AFTER.strip(), ""])


def _measured(result: Result) -> Iterator[tuple[Scenario, Sequence[Run]]]:
    for scenario in ALL:
        if runs := result["scenarios"].get(scenario.name):
            yield scenario, runs


def _cells(figure: Figure, runs: Sequence[Run]) -> list[str]:
    spread = Spread.of([run[figure.name] for run in runs])
    if figure.target is None:
        target, verdict = "", ""
    else:
        target = f"{'at least' if figure.is_floor else 'at most'} {shown(figure.target)} {figure.unit}".strip()
        verdict = "yes" if figure.is_reached(spread.median) else "no"
    return [*(f"{shown(value)} {figure.unit}".strip() for value in (spread.minimum, spread.median, spread.maximum)), target, verdict]


def _circumstances(result: Result) -> list[str]:
    machine = ", ".join(f"{name} {value}" for name, value in result["machine"].items())
    versions = ", ".join(f"{name} {value}" for name, value in result["versions"].items())
    return [
        f"- Machine: {machine}; load before the first run {result['load_before']:.2f}.",
        f"- Versions: {versions}.",
        f"- Command: `{result['command']}`, {result['date']}, {result['size']} form.",
    ]


def _besides(scenario: Scenario, runs: Sequence[Run]) -> str:
    """The medians of everything that explains the figures."""
    promised = {figure.name for figure in scenario.figures}
    names = [name for name in runs[0] if name not in promised]
    return "Also seen (medians): " + ", ".join(f"{name} {shown(Spread.of([run[name] for run in runs]).median)}" for name in names) + "."
