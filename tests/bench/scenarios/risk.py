"""How long the import of the whole population takes, beside a bare COPY of the same file."""

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
from tests.bench.scenario import Scenario
from tests.bench.stage import Bench
from tests.builders.context_app import secrets_of
from tests.builders.population import TABLE_14, Resident, later, population, write

_BARE_TABLE = "CREATE TABLE bare (nhs_number text, practice text, ratio numeric, level smallint, valid_from date)"
_BARE, _FIRST, _MOVED, _AGAIN = "bare COPY", "first import", "import in which few move", "the same file again"
_NAMES = (_FIRST, _MOVED, _AGAIN)
_BEGIN = date(2015, 1, 5)
#: People who stand in the file twice; the second line of each is refused.
_DUPLICATES = 1000


async def measure(bench: Bench) -> AsyncGenerator[Run]:
    """In every run, in turn: the bare COPY; into an empty schema the first import; one in which few move; that file again."""
    counts = bench.pick({level: count // 20 for level, count in TABLE_14.items()}, TABLE_14)
    with tempfile.TemporaryDirectory() as folder:
        files = _files(Path(folder), population(counts=counts))
        async with Stack(name=f"bench-{os.getpid()}", ephemeral=True, progress=bench.progress) as addresses:
            for _ in range(bench.runs):
                seconds = {_BARE: await _bare_copy(addresses.database_url, files[0])}
                async with _fresh(addresses.database_url) as database:
                    reports = {name: await _timed(name, database, file, seconds) for name, file in zip(_NAMES, files, strict=True)}
                _require_right(reports, counts)
                yield {"times bare COPY": seconds[_FIRST] / seconds[_BARE], **{f"seconds, {name}": took for name, took in seconds.items()}}


def _files(folder: Path, residents: list[Resident]) -> list[Path]:
    """The first; one in which three hundred climb and two hundred drop; and that once more."""
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


async def _timed(name: str, database: Database[Policy], file: Path, seconds: dict[str, float]) -> RiskImport:
    reached: dict[Step, float] = {}

    def tell(step: Step, done: int, total: int) -> None:
        if done == total:  # the last word of a step is that it is done
            reached[step] = perf_counter()

    content = await asyncio.to_thread(file.read_bytes)
    began = perf_counter()
    report = await import_risk(database, content, tell)
    seconds[name] = perf_counter() - began
    for step, at in reached.items():
        seconds[f"{name}: {step.value}"] = at - began
        began = at
    return report


def _require_right(reports: dict[str, RiskImport], counts: Mapping[int, int]) -> None:
    """Everybody counted at their level, everybody at level 2 or 3 published once, and nobody when the file comes again."""
    first = reports[_FIRST]
    found = counts[RiskLevel.HIGH] + counts[RiskLevel.VERY_HIGH]
    has_refused = first.refused == {Reason.DUPLICATE: _DUPLICATES}
    if dict(enumerate(first.levels)) != dict(counts) or first.events != found or not has_refused or reports[_AGAIN].events:
        raise RuntimeError("the import counted or published something else than what the file says")


SCENARIO = Scenario(
    "risk",
    "Risk import of 394,127 rows",
    "The whole registered population into an empty schema, level 2 and 3 published, beside a bare COPY of the same"
    " file into a table without an index, on the same server in turn.",
    minutes=2,
    figures=(Figure("times bare COPY", "", 2), Figure(f"seconds, {_FIRST}", "s"), Figure(f"seconds, {_BARE}", "s")),
    measure=measure,
)
