"""What was measured, beside what was promised: as a table on the screen, and as docs/benchmarks.md."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.table import Table

from tests.bench.figures import Figure, Run, Spread, shown
from tests.bench.page_text import AFTER, BEFORE
from tests.bench.scenario import Scenario
from tests.bench.scenarios import ALL
from tests.bench.stage import Size

Result = Mapping[str, Any]
#: Its size, its day and its runs.
Measured = Mapping[str, Any]


def table(result: Result) -> Table:
    shown = Table("what", "figure", "minimum", "median", "maximum", "target", "")
    for scenario, measured in _measured(result):
        for figure in scenario.figures:
            shown.add_row(_title(scenario, measured), figure.name, *_cells(figure, measured))
    return shown


def document(result: Result) -> str:
    lines = [BEFORE.strip(), "", *_circumstances(result), "", "## Figures", ""]
    lines += ["| what | figure | minimum | median | maximum | to reach | reached |", "|---|---|--:|--:|--:|--:|---|"]
    for scenario, measured in _measured(result):
        title = _title(scenario, measured)
        lines += [f"| {title} | {figure.name} | {' | '.join(_cells(figure, measured))} |" for figure in scenario.figures]
    lines += ["", "## How each was measured, and what else was seen", ""]
    for scenario, measured in _measured(result):
        lines += [f"**{_title(scenario, measured)}.** {scenario.how}", "", _besides(scenario, measured["runs"]), ""]
    return "\n".join([*lines, AFTER.strip(), ""])


def _measured(result: Result) -> Iterator[tuple[Scenario, Measured]]:
    for scenario in ALL:
        if measured := result["scenarios"].get(scenario.name):
            yield scenario, measured


def _is_whole(measured: Measured) -> bool:
    return measured["size"] in {Size.FULL, Size.LONG}


def _title(scenario: Scenario, measured: Measured) -> str:
    return scenario.title if _is_whole(measured) else f"{scenario.title} ({measured['size']} form)"


def _cells(figure: Figure, measured: Measured) -> list[str]:
    """No target is held against what was measured on less than it speaks of."""
    spread = Spread.of([run[figure.name] for run in measured["runs"]])
    if figure.target is None:
        target, verdict = "", ""
    else:
        target = f"{'at least' if figure.is_floor else 'at most'} {shown(figure.target)} {figure.unit}".strip()
        verdict = ("yes" if figure.is_reached(spread.median) else "no") if _is_whole(measured) else "not measured"
    return [*(f"{shown(value)} {figure.unit}".strip() for value in (spread.minimum, spread.median, spread.maximum)), target, verdict]


def _circumstances(result: Result) -> list[str]:
    machine = ", ".join(f"{name} {value}" for name, value in result["machine"].items())
    versions = ", ".join(f"{name} {value}" for name, value in result["versions"].items())
    return [
        f"- Machine: {machine}; load before the first run {result['load_before']:.2f}.",
        f"- Versions: {versions}.",
        f"- Command: `{result['command']}`; {', '.join(sorted({measured['date'] for _, measured in _measured(result)}))}.",
    ]


def _besides(scenario: Scenario, runs: Sequence[Run]) -> str:
    """The medians of everything that explains the figures."""
    promised = {figure.name for figure in scenario.figures}
    names = [name for name in runs[0] if name not in promised]
    return "Also seen (medians): " + ", ".join(f"{name} {shown(Spread.of([run[name] for run in runs]).median)}" for name in names) + "."
