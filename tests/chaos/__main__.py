"""`python -m tests.chaos --minutes 9.5 --rate 20 --seed 1`: one run of load, faults and checks; with --hours, run after run."""

import argparse
import asyncio
import os
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from time import monotonic
from typing import Any

import uvloop
from rich.console import Console

from infra.dev_stack.local.paths import care_home, is_root
from infra.dev_stack.local.signals import sigterm_as_interrupt
from tests.builders.limits import VARIABLES
from tests.chaos.results import append, print_totals
from tests.chaos.run import Plan, run

_MOUNT_NAMESPACE = "CHAOS_MOUNT_NAMESPACE"
#: Seconds of a run without its storm, with every kind of fault alone at one server or at every server.
_REST, _REST_EVERYWHERE = 470, 620
_MIN_STORM, _LONG_STORM = 30, 600


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--minutes", type=float, default=9.5, help="the approximate duration of one run")
    parser.add_argument("--hours", type=float, default=0, help="repeat runs for this long, each with the next seed")
    parser.add_argument("--rate", type=float, default=20, help="journeys per second; batches add as many referrals again")
    parser.add_argument("--seed", type=int, default=1, help="the same seed plans the same faults")
    parser.add_argument(
        "--outage", type=float, default=30, help="seconds without Kafka, to measure how the backlog is published; 0 for none"
    )
    parser.add_argument("--everywhere", action="store_true", help="inject each kind alone at every server, as --hours does")
    parser.add_argument("--only", default="", help="select kinds of faults by parts of their names: wipe,disk")
    parser.add_argument("--totals", nargs="?", const="", default=None, help="the file of totals; as the only option it prints their sum")
    return parser.parse_args()


def _run(arguments: argparse.Namespace, totals: Path) -> bool:
    """Returns whether every run passed."""
    out, until, seed, passed = Console(width=160), monotonic() + arguments.hours * 3600, arguments.seed, True
    everywhere = arguments.everywhere or bool(arguments.hours)
    rest = arguments.outage + (_REST_EVERYWHERE if everywhere else _REST)
    seconds = _LONG_STORM if arguments.hours else max(arguments.minutes * 60 - rest, _MIN_STORM)
    while True:
        summary = _run_once(Plan(seconds, arguments.outage, arguments.rate, seed, arguments.only, everywhere), out)
        append(totals, summary)
        passed = passed and not summary["broken"] and not summary["surprises"]
        seed += 1
        if monotonic() > until:
            return passed


def _run_once(plan: Plan, out: Console) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="care-chaos-") as folder, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(run(plan, out, Path(folder)))


def main() -> int:
    """The load acts for thousands of callers under a few names: it has limits that it does not reach."""
    arguments = _arguments()
    os.environ.update(VARIABLES)
    totals = Path(arguments.totals) if arguments.totals else care_home() / "chaos.jsonl"
    if arguments.totals is not None and len(sys.argv) <= 2 + bool(arguments.totals):
        return 0 if print_totals(Console(width=120), totals) else 1
    with sigterm_as_interrupt():
        return 0 if _run(arguments, totals) else 1


def _enter_mount_namespace() -> None:
    """Restarts in a new mount namespace, whose mounts disappear with its last process."""
    if is_root() and sys.platform == "linux" and _MOUNT_NAMESPACE not in os.environ:
        os.environ[_MOUNT_NAMESPACE] = "yes"
        with suppress(OSError):
            os.execvp("unshare", ["unshare", "--mount", sys.executable, "-m", "tests.chaos", *sys.argv[1:]])  # noqa: S606


if __name__ == "__main__":
    _enter_mount_namespace()
    sys.exit(main())
