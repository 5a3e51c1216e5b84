"""`python -m tests.chaos --minutes 9.5 --rate 20 --seed 1`: load, faults, and the judgement; with --hours, run after run."""

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
from tests.chaos.results import append, tell_totals
from tests.chaos.run import Plan, run

_OWN_MOUNTS = "CHAOS_OWN_MOUNTS"
#: What each run takes besides its storm: start, every kind alone, quiet, judgement; and with every kind at every server.
_BESIDES, _BESIDES_EVERYWHERE = 470, 620
_LEAST_STORM, _STORM_OF_LONG = 30, 600


def _given() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--minutes", type=float, default=9.5, help="how long one run takes, about")
    parser.add_argument("--hours", type=float, default=0, help="run after run, each with the next seed, for so long")
    parser.add_argument("--rate", type=float, default=20, help="journeys a second; batches bring as many referrals again")
    parser.add_argument("--seed", type=int, default=1, help="the same seed strikes alike")
    parser.add_argument("--outage", type=float, default=30, help="seconds without Kafka, to see the backlog drain; 0 for none")
    parser.add_argument("--everywhere", action="store_true", help="every kind alone at every server, as in the long form")
    parser.add_argument("--only", default="", help="kinds of faults with one of these in their names (wipe,disk), for looking into them")
    parser.add_argument("--totals", nargs="?", const="", default=None, help="the file of totals; alone it prints their sum")
    return parser.parse_args()


def _run(given: argparse.Namespace, totals: Path) -> bool:
    """Whether every promise was kept."""
    out, until, seed, kept = Console(width=160), monotonic() + given.hours * 3600, given.seed, True
    everywhere = given.everywhere or bool(given.hours)
    besides = given.outage + (_BESIDES_EVERYWHERE if everywhere else _BESIDES)
    seconds = _STORM_OF_LONG if given.hours else max(given.minutes * 60 - besides, _LEAST_STORM)
    while True:
        summary = _once(Plan(seconds, given.outage, given.rate, seed, given.only, everywhere), out)
        append(totals, summary)
        kept = kept and not summary["broken"] and not summary["surprises"]
        seed += 1
        if monotonic() > until:
            return kept


def _once(plan: Plan, out: Console) -> dict[str, Any]:
    """Leaves the environment as it was: an operator's commands remember in it which stack they are about."""
    before = dict(os.environ)
    try:
        with tempfile.TemporaryDirectory(prefix="care-chaos-") as folder, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(run(plan, out, Path(folder)))
    finally:
        os.environ.clear()
        os.environ.update(before)


def main() -> int:
    given = _given()
    totals = Path(given.totals) if given.totals else care_home() / "chaos.jsonl"
    if given.totals is not None and len(sys.argv) <= 2 + bool(given.totals):
        return 0 if tell_totals(Console(width=120), totals) else 1
    with sigterm_as_interrupt():
        return 0 if _run(given, totals) else 1


def _with_own_mounts() -> None:
    """In a mount namespace of its own what is mounted vanishes with the last process, however it ends."""
    if is_root() and sys.platform == "linux" and _OWN_MOUNTS not in os.environ:
        os.environ[_OWN_MOUNTS] = "yes"
        with suppress(OSError):
            os.execvp("unshare", ["unshare", "--mount", sys.executable, "-m", "tests.chaos", *sys.argv[1:]])  # noqa: S606


if __name__ == "__main__":
    _with_own_mounts()
    sys.exit(main())
