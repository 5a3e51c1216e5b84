"""Compares this checkout with an earlier commit on the same machine, in turn: earlier, this, earlier, this.

Each run is a process of the bench of its checkout, in the virtual environment of that checkout. The yardsticks are off.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any

from tests.bench.figures import Figure, shown
from tests.bench.scenarios.reads import KINDS

_ROOT = Path(__file__).parents[2]
_SIDE = Path(__file__).with_name("side.py")
_READY = ".venv/.ready"
#: Of `make bench` itself, or of this virtual environment.
_NOT_INHERITED = {"MAKEFLAGS", "MAKELEVEL", "MFLAGS", "MAKEOVERRIDES", "ARGS", "VIRTUAL_ENV", "PYTHONPATH"}


@dataclass(frozen=True, slots=True)
class ComparedScenario:
    """`names` are the names of the scenario, the newest first, each with the constants to set in its module."""

    name: str
    figures: Sequence[Figure]
    names: Sequence[tuple[str, Mapping[str, object]]]

    @classmethod
    def of(cls, name: str, *figures: Figure, before: str | None = None, **constants: object) -> "ComparedScenario":
        return cls(name, figures, [(name, {}), *([(before, constants)] if before else [])])


#: With `clock_timestamp()`, as the earlier bench has it, this poll takes no index and half a core.
_OVERDUE = "SELECT EXISTS (SELECT FROM rapid_care.timer WHERE state = 'pending' AND due_at <= now())"
#: `ratio` is a limit on this checkout divided by the earlier commit.
COMPARED: tuple[ComparedScenario, ...] = (
    ComparedScenario.of("intake", Figure("per second", "1/s", is_floor=True, ratio=2), Figure("p99", "ms")),
    ComparedScenario.of("response-100", Figure("p99", "ms", ratio=1), Figure("p50", "ms"), before="response", _PER_SECOND=100),
    ComparedScenario.of("feed", Figure("p99", "ms"), Figure("p50", "ms")),
    ComparedScenario.of("reads", *(Figure(f"{kind}, {each}", "ms") for kind in KINDS for each in ("p50", "p99"))),
    ComparedScenario.of(
        "deadlines",
        Figure("drained per second", "1/s", is_floor=True, ratio=2),
        Figure("p99, idle", "ms"),
        before="timers",
        _OVERDUE=_OVERDUE,
    ),
    ComparedScenario.of("relay", Figure("events per second", "1/s", is_floor=True)),
)

#: The values of a figure, in the order of the runs.
Values = dict[str, list[float]]


def ratio(earlier: Sequence[float], this: Sequence[float]) -> float:
    """Of the means."""
    return mean(this) / mean(earlier)


def compare(
    commit: str, chosen: Sequence[ComparedScenario], *, rounds: int, size: str, checkout: Path | None, report: Callable[[str], None]
) -> dict[str, Any]:
    """The values of each scenario on both sides. A scenario that fails on one side has a `failed` entry and no values."""
    sha = _git("rev-parse", "--short", f"{commit}^{{commit}}")
    found: dict[str, dict[str, Any]] = {}
    with _checkout(sha, checkout, report) as earlier:
        for scenario in chosen:
            try:
                found[scenario.name] = {"size": size, **_in_turn(scenario, earlier, rounds, size, report)}
            except subprocess.CalledProcessError as error:
                report(f"{scenario.name}: a run ended with status {error.returncode}")
                found[scenario.name] = {"size": size, "failed": error.returncode}
    return {"commit": sha, "this": _git("describe", "--always", "--dirty", "--exclude", "*"), "scenarios": found}


def _in_turn(scenario: ComparedScenario, earlier: Path, rounds: int, size: str, report: Callable[[str], None]) -> dict[str, Values]:
    values: dict[str, Values] = {side: {figure.name: [] for figure in scenario.figures} for side in ("earlier", "this")}
    for _ in range(rounds):
        for side, folder in (("earlier", earlier), ("this", _ROOT)):
            run = _run(folder, scenario, size)
            for name, collected in values[side].items():
                collected.append(run[name])
            report(f"{scenario.name}, {side}: " + "  ".join(f"{name} {shown(run[name])}" for name in values[side]))
    return values


def _run(folder: Path, scenario: ComparedScenario, size: str) -> dict[str, float]:
    """Raises CalledProcessError."""
    with tempfile.TemporaryDirectory() as place:
        result = Path(place) / "result.json"
        request = json.dumps({"names": scenario.names, "size": size, "json": str(result)})
        command = [str(folder / ".venv/bin/python"), str(_SIDE), request]
        subprocess.run(command, cwd=folder, env=_environment(), stdout=subprocess.DEVNULL, check=True)
        (measured,) = json.loads(result.read_text())["scenarios"].values()
    run: dict[str, float] = measured["runs"][0]
    return run


@contextmanager
def _checkout(sha: str, given: Path | None, report: Callable[[str], None]) -> Iterator[Path]:
    """The commit in a folder with a virtual environment from its Makefile; a temporary folder unless one is given."""
    with tempfile.TemporaryDirectory(prefix=f"bench-{sha}-") as temporary:
        folder = (given or Path(temporary) / "checkout").resolve()
        if not (folder / "Makefile").exists():
            report(f"Checking out {sha}")
            subprocess.run(["git", "clone", "--quiet", "--shared", "--no-checkout", str(_ROOT), str(folder)], check=True)
        subprocess.run(["git", "-C", str(folder), "checkout", "--quiet", "--detach", sha], check=True)
        python = Path(sys.base_prefix) / "bin" / f"python3.{sys.version_info.minor}"
        report(f"Preparing the virtual environment of {sha}")
        subprocess.run(["make", "-C", str(folder), _READY, f"PYTHON={python}"], env=_environment(), stdout=subprocess.DEVNULL, check=True)
        yield folder


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name not in _NOT_INHERITED}


def _git(*arguments: str) -> str:
    return subprocess.run(["git", "-C", str(_ROOT), *arguments], check=True, capture_output=True, text=True).stdout.strip()
