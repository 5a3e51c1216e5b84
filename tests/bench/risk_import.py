"""How long the import of the whole population takes, beside a bare COPY of the same file: `python -m tests.bench.risk_import`.

On a stack of its own, durability on. In every round, in turn: the bare COPY; into an empty schema the first import, which finds everybody
at level 2 or 3; as many imports more as asked for, a week apart; one in which few people move; and that same file again.
"""

import argparse
import asyncio
import json
import os
import sys
import tempfile
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date, timedelta
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import asyncpg
from rich.console import Console
from rich.table import Table
from sqlalchemy.engine import make_url

from infra.keys import make
from infra.local.progress import StatusLines
from infra.local.stack import Stack
from infra.migrate import drop_roles, migrate
from infra.risk import import_risk
from services.mdt.domain.policy import Policy
from services.mdt.domain.risk_file import Reason
from services.mdt.domain.risk_import import RiskImport
from services.mdt.handlers.risk import Step
from shared.clock import DatabaseClock
from shared.contracts.codes import RiskLevel
from shared.kernel.ids import new_id
from shared.persistence.database import Database, connect
from tests.builders.population import TABLE_14, Resident, later, population, write
from tests.builders.running import secrets_of

_BARE_TABLE = "CREATE TABLE bare (nhs_number text, practice text, ratio numeric, level smallint, valid_from date)"
_BARE, _FIRST, _MOVED, _AGAIN = "bare COPY", "first import", "import in which few move", "the same file again"
_BEGIN = date(2015, 1, 5)
#: People who stand in the file twice; the second line of each is refused.
_DUPLICATES = 1000
Seconds = dict[str, list[float]]


async def run(rounds: int, weeks: int, progress: StatusLines) -> tuple[Seconds, dict[str, RiskImport]]:
    """Seconds of every run by what was done, and the last report of each."""
    seconds: Seconds = defaultdict(list)
    reports: dict[str, RiskImport] = {}
    with tempfile.TemporaryDirectory() as folder:
        files = _files(Path(folder), population(), weeks)
        async with Stack(name=f"bench-{os.getpid()}", ephemeral=True, progress=progress) as addresses:
            for _ in range(rounds):
                seconds[_BARE].append(await _bare_copy(addresses.database_url, files[0]))
                async with _fresh(addresses.database_url) as database:
                    for name, file in zip(_names(weeks), [*files, files[-1]], strict=True):
                        reports[name] = await _timed(name, database, file, seconds)
    return seconds, reports


def _names(weeks: int) -> list[str]:
    return [_FIRST, *[f"week {week + 1}" for week in range(1, weeks)], _MOVED, _AGAIN]


def _files(folder: Path, residents: list[Resident], weeks: int) -> list[Path]:
    """One for each week, and one in which three hundred climb and two hundred drop."""
    paths = [folder / f"week-{week}.csv" for week in range(weeks + 1)]
    for week, path in enumerate(paths[:-1]):
        write(path, residents, _BEGIN + timedelta(weeks=week), duplicates=_DUPLICATES, has_levels=week == 0)
    write(paths[-1], later(residents, climb=300, drop=200).residents, _BEGIN + timedelta(weeks=weeks))
    return paths


async def _bare_copy(url: str, file: Path) -> float:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(_BARE_TABLE)
        began = perf_counter()
        await connection.copy_to_table("bare", source=file, format="csv", header=True)
        ended = perf_counter()
        await connection.execute("DROP TABLE bare")
    finally:
        await connection.close()
    return ended - began


@asynccontextmanager
async def _fresh(url: str) -> AsyncIterator[Database[Policy]]:
    """An empty schema of the weekly meeting, in a database of its own."""
    keys, name = make(), f"bench_{new_id().hex}"
    owner = await asyncpg.connect(url)
    try:
        await owner.execute(f"CREATE DATABASE {name}")
        own = make_url(url).set(database=name).render_as_string(hide_password=False)
        await migrate(own, keys.roles)
        mdt = keys.roles.url(own, "mdt")
        database = await connect(mdt, clock=DatabaseClock(), policy=Policy(), secrets=secrets_of(keys), size=2)
        yield database
        await database.close()
        await owner.execute(f"DROP DATABASE {name} WITH (FORCE)")
        await drop_roles(url, keys.roles)
        await owner.execute("CHECKPOINT")  # what one round wrote is no burden of the next
    finally:
        await owner.close()


async def _timed(name: str, database: Database[Policy], file: Path, seconds: Seconds) -> RiskImport:
    reached: dict[Step, float] = {}

    def tell(step: Step, done: int, total: int) -> None:
        if done == total:  # the last word of a step is that it is done
            reached[step] = perf_counter()

    content = await asyncio.to_thread(file.read_bytes)
    began = perf_counter()
    report = await import_risk(database, content, tell)
    ended = perf_counter()
    seconds[name].append(ended - began)
    for step, at in reached.items():
        seconds[f"{name}: {step.value}"].append(at - began)
        began = at
    return report


def _table(seconds: Seconds, reports: dict[str, RiskImport]) -> Table:
    table = Table("what", "seconds (minimum, median, maximum)", "rows/s", "times bare COPY", "events")
    people, bare = sum(TABLE_14.values()), median(seconds[_BARE])
    for name, runs in seconds.items():
        times = f"{min(runs):.2f}  {median(runs):.2f}  {max(runs):.2f}"
        events = str(reports[name].events) if name in reports else ""
        table.add_row(name, times, f"{people / median(runs):,.0f}", f"{median(runs) / bare:.2f}", events)
    return table


def _as_json(seconds: Seconds, reports: dict[str, RiskImport]) -> dict[str, Any]:
    first, people = reports[_FIRST], sum(TABLE_14.values())
    bare, imported = median(seconds[_BARE]), median(seconds[_FIRST])
    figures = {name: {"minimum": min(runs), "median": median(runs), "maximum": max(runs)} for name, runs in seconds.items()}
    return {
        "rows": people,
        "rows_per_second": round(people / imported),
        "bare_copy_seconds": round(bare, 3),
        "times_bare_copy": round(imported / bare, 2),
        "levels": dict(enumerate(first.levels)),
        "table_14": dict(sorted(TABLE_14.items())),
        "refused": {reason.value: count for reason, count in first.refused.items()},
        "events_of_first_import": first.events,
        "events_of_the_same_file_again": reports[_AGAIN].events,
        "is_right": _is_right(reports),
        "seconds": figures,
    }


def _is_right(reports: dict[str, RiskImport]) -> bool:
    """Everybody counted at their level, everybody at level 2 or 3 published once, and nobody when the file comes again."""
    first = reports[_FIRST]
    found = TABLE_14[RiskLevel.HIGH] + TABLE_14[RiskLevel.VERY_HIGH]
    has_refused = first.refused == {Reason.DUPLICATE: _DUPLICATES}
    return dict(enumerate(first.levels)) == TABLE_14 and first.events == found and has_refused and reports[_AGAIN].events == 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--weeks", type=int, default=1, help="how many imports lie before the one in which few move")
    asked = parser.parse_args()
    out = Console(stderr=True)
    with StatusLines(out) as progress:
        seconds, reports = asyncio.run(run(asked.rounds, asked.weeks, progress))
    out.print(_table(seconds, reports))
    sys.stdout.write(json.dumps(_as_json(seconds, reports)) + "\n")
    return 0 if _is_right(reports) else 1


if __name__ == "__main__":
    sys.exit(main())
