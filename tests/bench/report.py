"""The measured figures, with their yardsticks and targets: as a table on the screen, and as docs/benchmarks.md."""

from collections.abc import Iterator, Mapping, Sequence
from statistics import median
from typing import Any

from rich.table import Table

from tests.bench.compare import COMPARED, ratio
from tests.bench.figures import Figure, Run, Spread, shown
from tests.bench.page_text import AFTER, BEFORE, CAUSES
from tests.bench.product_under_test import Size
from tests.bench.scenario import Scenario
from tests.bench.scenarios import ALL

Result = Mapping[str, Any]
#: The size, the date and the runs of a scenario.
Measured = Mapping[str, Any]

_HEAD = ("Scenario", "Figure", "Median", "Range", "Yardstick", "Ratio", "Target ratio", "Result", "Absolute limit")
_COMPARISON_HEAD = ("Scenario", "Figure", "Earlier", "This", "Ratio", "Target ratio", "Result")
_NOT_MEASURED = "not measured"
_NONE, _NOT_JUDGED = "None.", "No limit was judged: `--full` measures the sizes that the limits name."


def table(result: Result) -> Table:
    """Without the ranges, and with the names of scenarios, so that it fits a screen."""
    rows = (
        [scenario.name, figure.name, *_cells(figure, measured)] for scenario, measured in _measured(result) for figure in scenario.figures
    )
    return _screen(_without_range(_HEAD), map(_without_range, rows))


def comparison_table(against: Result) -> Table:
    return _screen(_COMPARISON_HEAD, _comparison_rows(against))


def document(result: Result) -> str:
    lines = [BEFORE.strip(), "", *_circumstances(result), "", "## Figures", "", *_page_table(_HEAD, _rows(result), left=(0, 1, 6, 7, 8))]
    lines += [
        "",
        *_comparison(result.get("against")),
        "## Missed targets",
        "",
        *(_missed(result) or [_NONE if _is_judged(result) else _NOT_JUDGED]),
        "",
        "## Method",
        "",
    ]
    for scenario, measured in _measured(result):
        lines += [f"**{_title(scenario, measured)}.** {scenario.how}", "", _other_values(scenario, measured["runs"]), ""]
    return "\n".join([*lines, AFTER.strip(), ""])


def _rows(result: Result) -> Iterator[Sequence[str]]:
    for scenario, measured in _measured(result):
        for figure in scenario.figures:
            yield [_title(scenario, measured), figure.name, *_cells(figure, measured)]


def _measured(result: Result) -> Iterator[tuple[Scenario, Measured]]:
    for scenario in ALL:
        if measured := result["scenarios"].get(scenario.name):
            yield scenario, measured


def _is_whole(measured: Measured) -> bool:
    return measured["size"] in {Size.FULL, Size.LONG}


def _title(scenario: Scenario, measured: Measured) -> str:
    return scenario.title if _is_whole(measured) else f"{scenario.title} ({measured['size']} form)"


def _cells(figure: Figure, measured: Measured) -> list[str]:
    spread = _spread(figure, measured)
    yardsticks = [run[figure.yardstick] for run in measured["runs"] if figure.yardstick in run]
    against = _ratio(figure, measured)
    limit = "" if figure.ratio is None else figure.limit(figure.ratio)
    return [
        _with_unit(spread.median, figure),
        f"{shown(spread.minimum)} to {shown(spread.maximum)}",
        f"{figure.yardstick} {_with_unit(median(yardsticks), figure)}" if yardsticks else _NOT_MEASURED if figure.yardstick else "",
        "" if against is None else shown(against),
        limit,
        "" if figure.ratio is None else _verdict(figure, figure.ratio, against, is_whole=_is_whole(measured)),
        _remark(figure, measured),
    ]


def _remark(figure: Figure, measured: Measured) -> str:
    if figure.remark is None:
        return ""
    verdict = _verdict(figure, figure.remark, _spread(figure, measured).median, is_whole=_is_whole(measured))
    return f"{figure.limit(figure.remark)} {figure.unit}".strip() + f": {verdict}"


def _verdict(figure: Figure, limit: float, value: float | None, *, is_whole: bool) -> str:
    """A limit is judged at the sizes that it names only."""
    if value is None or not is_whole:
        return _NOT_MEASURED
    return "met" if figure.is_within(limit, value) else "missed"


def _spread(figure: Figure, measured: Measured) -> Spread:
    return Spread.of([run[figure.name] for run in measured["runs"]])


def _ratio(figure: Figure, measured: Measured) -> float | None:
    """The median of the ratios of the runs."""
    found = [each for each in map(figure.ratio_of, measured["runs"]) if each is not None]
    return median(found) if found else None


def _missed(result: Result) -> list[str]:
    """One line for each scenario with a missed limit, with its cause where one is known."""
    lines = []
    for scenario, measured in _measured(result):
        rows = {figure.name: _cells(figure, measured) for figure in scenario.figures}
        missed = [name for name, (*_, verdict, remark) in rows.items() if verdict == "missed" or remark.endswith(": missed")]
        if missed:
            lines.append(f"- **{scenario.title}** ({'; '.join(missed)}). {CAUSES.get(scenario.name, '')}".rstrip())
    return [*lines, *_missed_in_comparison(result.get("against"))]


def _is_judged(result: Result) -> bool:
    return any(_is_whole(measured) for _, measured in _measured(result))


def _missed_in_comparison(against: Result | None) -> list[str]:
    rows = _comparison_rows(against) if against else ()
    return [f"- **{row[0]}**, {row[1]}: ratio {row[4]} to the earlier commit, target {row[5]}." for row in rows if row[-1] == "missed"]


def _comparison(against: Result | None) -> list[str]:
    if not against:
        return []
    head = f"## Comparison with {against['commit']}"
    text = (
        f'`make bench ARGS="--against {against["commit"]}"`, {against["date"]}, load before the first run {against["load_before"]:.2f}: '
        "the two versions in turn on the same machine, without yardsticks. The ratio is that of the means. "
        "An earlier commit whose scenario is named `timers` runs with this commit's poll of overdue deadlines: its own took no index."
    )
    return [head, "", text, "", *_page_table(_COMPARISON_HEAD, _comparison_rows(against), left=(0, 1, 5, 6)), ""]


def _comparison_rows(against: Result) -> Iterator[Sequence[str]]:
    titles = {scenario.name: scenario.title for scenario in ALL}
    for scenario in COMPARED:
        measured = against["scenarios"].get(scenario.name)
        for figure in scenario.figures if measured else ():
            limit = "" if figure.ratio is None else figure.limit(figure.ratio)
            yield [f"{titles[scenario.name]} ({measured['size']} form)", figure.name, *_sides(figure, measured, limit)]


def _sides(figure: Figure, measured: Measured, limit: str) -> list[str]:
    if "failed" in measured:
        return ["failed", "failed", "", limit, _NOT_MEASURED]
    earlier, this = measured["earlier"][figure.name], measured["this"][figure.name]
    value = ratio(earlier, this)
    verdict = "" if figure.ratio is None else "met" if figure.is_within(figure.ratio, value) else "missed"
    return [*(f"{', '.join(map(shown, side))} {figure.unit}" for side in (earlier, this)), shown(value), limit, verdict]


def _without_range(row: Sequence[str]) -> Sequence[str]:
    return [cell for number, cell in enumerate(row) if number != _HEAD.index("Range")]


def _with_unit(value: float, figure: Figure) -> str:
    return f"{shown(value)} {figure.unit}".strip()


def _screen(head: Sequence[str], rows: Iterator[Sequence[str]]) -> Table:
    screen = Table(*head)
    for row in rows:
        screen.add_row(*row)
    return screen


def _page_table(head: Sequence[str], rows: Iterator[Sequence[str]], left: Sequence[int]) -> list[str]:
    """Markdown; the columns other than `left` are aligned to the right."""
    rule = "|".join("---" if number in left else "--:" for number in range(len(head)))
    return [f"| {' | '.join(head)} |", f"|{rule}|", *(f"| {' | '.join(row)} |" for row in rows)]


def _circumstances(result: Result) -> list[str]:
    machine = ", ".join(f"{name} {value}" for name, value in result["machine"].items())
    versions = ", ".join(f"{name} {value}" for name, value in result["versions"].items())
    return [
        f"- Machine: {machine}; load before the first run {result['load_before']:.2f}.",
        f"- Versions: {versions}.",
        f"- Command: `{result['command']}`; {', '.join(sorted({measured['date'] for _, measured in _measured(result)}))}.",
    ]


def _other_values(scenario: Scenario, runs: Sequence[Run]) -> str:
    """The medians of the values that are no figures of the scenario."""
    figures = {figure.name for figure in scenario.figures}
    names = [name for name in runs[0] if name not in figures]
    return "Also measured (medians): " + ", ".join(f"{name} {shown(Spread.of([run[name] for run in runs]).median)}" for name in names) + "."
