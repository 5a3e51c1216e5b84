"""The time to import the whole population, with a bare COPY of the same file in turn."""

import asyncio
import os
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import date, timedelta
from pathlib import Path
from time import perf_counter

import asyncpg
from sqlalchemy.engine import make_url

from infra.deploy.migrate import drop_roles, migrate
from infra.dev_stack.dev_secrets import make
from infra.dev_stack.local.stack import Stack
from infra.operations.risk_import import import_risk
from services.mdt.domain.policy import Policy
from services.mdt.domain.risk_file import Reason
from services.mdt.domain.risk_import import RiskImport
from services.mdt.handlers.risk import Step
from shared.clock import DatabaseClock
from shared.contracts.codes import RiskLevel
from shared.kernel.ids import new_id
from shared.persistence.database import Database, connect
from tests.bench.figures import Figure, Run
from tests.bench.product_under_test import Bench
from tests.bench.scenario import Scenario
from tests.builders.context_app import secrets_of
from tests.builders.population import TABLE_14, Resident, later, population, write

_BARE_TABLE = "CREATE TABLE bare (nhs_number text, practice text, ratio numeric, level smallint, valid_from date)"
_BARE, _FIRST, _MOVED, _AGAIN = "bare COPY", "first import", "import in which few move", "the same file again"
_NAMES = (_FIRST, _MOVED, _AGAIN)
_BEGIN = date(2015, 1, 5)
#: The number of people with two lines in the file; the second line of each is refused.
_DUPLICATES = 1000


async def measure(bench: Bench) -> AsyncGenerator[Run]:
    """Each run: a bare COPY, a first import into an empty schema, an import with few changes of level, and the same file again."""
    counts = bench.pick({level: count // 20 for level, count in TABLE_14.items()}, TABLE_14)
    with tempfile.TemporaryDirectory() as folder:
        files = _files(Path(folder), population(counts=counts))
        async with Stack(name=f"bench-{os.getpid()}", ephemeral=True, progress=bench.progress) as addresses:
            for _ in range(bench.runs):
                async with bench.bare(addresses.database_url) as bare:
                    seconds = {_BARE: await _bare_copy(addresses.database_url, files[0])}
                    async with _empty_schema(addresses.database_url) as database:
                        reports = {name: await _timed(name, database, file, seconds) for name, file in zip(_NAMES, files, strict=True)}
                _require_expected(reports, counts)
                named = {f"seconds, {name}": took for name, took in seconds.items()}
                yield {"times bare COPY": seconds[_FIRST] / seconds[_BARE], **named, **bare}


def _files(folder: Path, residents: list[Resident]) -> list[Path]:
    """The first file; a second in which 300 levels rise and 200 fall; and the second again."""
    first, moved = folder / "first.csv", folder / "moved.csv"
    write(first, residents, _BEGIN, duplicates=_DUPLICATES, has_levels=True)
    write(moved, later(residents, climb=300, drop=200).residents, _BEGIN + timedelta(weeks=1))
    return [first, moved, moved]


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
async def _empty_schema(url: str) -> AsyncIterator[Database[Policy]]:
    """An empty mdt schema in a separate database."""
    keys, name = make(), f"bench_{new_id().hex}"
    owner = await asyncpg.connect(url)
    try:
        await owner.execute(f"CREATE DATABASE {name}")
        own = make_url(url).set(database=name).render_as_string(hide_password=False)
        await migrate(own, keys.roles)
        mdt = keys.roles.url(own, "mdt")
        database = await connect(mdt, clock=DatabaseClock(), policy=Policy(), secrets=secrets_of(keys), size=2, is_service=True)
        yield database
        await database.close()
        await owner.execute(f"DROP DATABASE {name} WITH (FORCE)")
        await drop_roles(url, keys.roles)
        await owner.execute("CHECKPOINT")  # before the next round
    finally:
        await owner.close()


async def _timed(name: str, database: Database[Policy], file: Path, seconds: dict[str, float]) -> RiskImport:
    reached: dict[Step, float] = {}

    def record(step: Step, done: int, total: int) -> None:
        if done == total:  # the last report of a step
            reached[step] = perf_counter()

    content = await asyncio.to_thread(file.read_bytes)
    began = perf_counter()
    report = await import_risk(database, content, record)
    seconds[name] = perf_counter() - began
    for step, at in reached.items():
        seconds[f"{name}: {step.value}"] = at - began
        began = at
    return report


def _require_expected(reports: dict[str, RiskImport], counts: Mapping[int, int]) -> None:
    """Every resident counted at the right level, level 2 and 3 published once, and no event for the repeated file."""
    first = reports[_FIRST]
    found = counts[RiskLevel.HIGH] + counts[RiskLevel.VERY_HIGH]
    has_refused = first.refused == {Reason.DUPLICATE: _DUPLICATES}
    if dict(enumerate(first.levels)) != dict(counts) or first.events != found or not has_refused or reports[_AGAIN].events:
        raise RuntimeError("the counts or the events of the import differ from the file")


SCENARIO = Scenario(
    "risk",
    "Risk import of 394,127 rows",
    "Imports the whole registered population into an empty schema and publishes levels 2 and 3. The yardstick is a bare COPY of the same "
    "file into a table without an index, in turn on the same server.",
    minutes=2.7,
    figures=(
        Figure("times bare COPY", "", 2),
        Figure(f"seconds, {_FIRST}", "s", yardstick=f"seconds, {_BARE}"),
        Figure(f"seconds, {_BARE}", "s"),
    ),
    measure=measure,
)
