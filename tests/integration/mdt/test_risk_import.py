"""Risk files on the real database: crossings, climbs, refused lines; an import is complete or absent."""

import asyncio
import signal
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import pytest

from services.mdt.domain.risk_import import ImportNotFound, ImportRunning, RiskImport
from services.mdt.domain.table_16 import Standing
from services.mdt.handlers.risk import Step, import_scores
from services.mdt.queries.risk import import_report
from services.mdt.store.risk_standing import standing_of, standings
from shared.contracts.codes import RiskLevel
from shared.contracts.mdt import RiskHighClimberFound, RiskLevelCrossed
from shared.persistence.transaction import RequestContext
from tests.builders.context_app import TABLES, RunningContext
from tests.builders.population import HEADER, later, population, write
from tests.builders.programs import Programs
from tests.timeouts import LONGEST_WAIT

DALE, ANOTHER = "9990548609", "9000000009"
FIRST = date(2014, 12, 1)
_STATE = """
SELECT (SELECT count(*) FROM event), (SELECT count(*) FROM outbox), (SELECT count(*) FROM risk), (SELECT count(*) FROM risk_score),
       (SELECT count(*) FROM risk_import), (SELECT count(*) FROM audit), (SELECT count(*) FROM deadline WHERE state = 'pending')"""
_GAPS = "SELECT subject FROM event WHERE topic = 'mdt.risk' GROUP BY subject HAVING max(sequence) <> count(*)"


async def test_first_import_finds_people_at_high_levels(context: RunningContext) -> None:
    report = await _import(context, (DALE, "9.80"), (ANOTHER, "0.30"))

    crossed = await context.published(RiskLevelCrossed)
    assert [(event.from_level, event.to_level, event.practice_code) for event in crossed] == [(None, RiskLevel.HIGH, "W07")]
    assert (report.rows, report.levels, report.crossings, report.climbers) == (2, (1, 0, 1, 0), 1, 0)
    assert await context.published(RiskHighClimberFound) == []


async def test_crossing_and_climb_share_correlation_and_pseudonym(context: RunningContext) -> None:
    await _import(context, (DALE, "9.80"))
    await _import(context, (DALE, "27.10"), day=FIRST + timedelta(days=30))

    rows = await context.database.pool.fetch("SELECT * FROM event WHERE topic = 'mdt.risk' ORDER BY seq")
    person = context.database.secrets.pseudonym(DALE)
    assert {row["key"] for row in rows} == {person}
    assert [(row["type"], row["sequence"]) for row in rows] == [
        (RiskLevelCrossed.TYPE, 1),
        (RiskLevelCrossed.TYPE, 2),
        (RiskHighClimberFound.TYPE, 3),
    ]
    assert rows[0]["correlation_id"] != rows[1]["correlation_id"] == rows[2]["correlation_id"]
    standing = await _standing(context, DALE)
    assert (standing.level, standing.is_high_climber) == (RiskLevel.VERY_HIGH, True)


async def test_climb_is_measured_within_ninety_days(context: RunningContext) -> None:
    await _import(context, (DALE, "1.00"), (ANOTHER, "1.00"))
    await _import(context, (DALE, "2.50"), (ANOTHER, "2.50"), day=FIRST + timedelta(days=60))

    await _import(context, (DALE, "3.20"), day=FIRST + timedelta(days=90))
    await _import(context, (ANOTHER, "3.20"), day=FIRST + timedelta(days=91))

    climbers = [event.valid_from for event in await context.published(RiskHighClimberFound)]
    assert climbers == [FIRST + timedelta(days=90)]


async def test_climb_is_published_once_until_next_climb(context: RunningContext) -> None:
    for week, ratio in enumerate(["1.00", "3.10", "3.20", "4.00", "5.20"]):
        await _import(context, (DALE, ratio), day=FIRST + timedelta(weeks=week))

    climbs = [event.valid_from for event in await context.published(RiskHighClimberFound)]
    assert climbs == [FIRST + timedelta(weeks=1), FIRST + timedelta(weeks=4)]


async def test_repeated_file_changes_nothing(context: RunningContext) -> None:
    first = await _import(context, (DALE, "9.80"))
    events = await context.log()

    again = await _import(context, (DALE, "9.80"))
    third = await _import(context, (DALE, "9.80"))

    assert (again.repeats, third.repeats, again.events, again.levels) == (first.id, first.id, 0, first.levels)
    people = "People who crossed into or out of the levels 2 and 3: 1; high climbers: 0."
    assert first.summary == f"Imported lines: 1 of 1; refused lines: 0. {people}"
    assert "imported before" in again.summary
    assert await context.log() == events
    assert await context.database.pool.fetchval("SELECT count(*) FROM risk_score") == 1


async def test_second_file_of_same_day_publishes_difference(context: RunningContext) -> None:
    await _import(context, (DALE, "27.10"), (ANOTHER, "9.80"))
    await _import(context, (DALE, "9.80"), (ANOTHER, "9.90"))

    moves = [(event.from_level, event.to_level) for event in await context.published(RiskLevelCrossed)]
    assert (set(moves[:2]), moves[2:]) == ({(None, 3), (None, 2)}, [(3, 2)])
    ratios = await context.database.pool.fetch("SELECT ratio FROM risk_score ORDER BY ratio")
    assert [row["ratio"] for row in ratios] == [Decimal("9.80"), Decimal("9.90")]


async def test_file_of_earlier_day_publishes_nothing(context: RunningContext) -> None:
    await _import(context, (DALE, "4.00"), day=FIRST + timedelta(days=30))
    await _import(context, (DALE, "9.80"))
    late = await _import(context, (ANOTHER, "1.00"))

    assert (await context.published(RiskLevelCrossed), late.events) == ([], 0)
    assert (await _standing(context, DALE)).level is RiskLevel.MEDIUM


async def test_fall_and_return_are_published(context: RunningContext) -> None:
    for week, ratio in enumerate(["9.80", "0.50", "0.40", "9.80"]):
        await _import(context, (DALE, ratio), day=FIRST + timedelta(weeks=week))

    moves = [(event.from_level, event.to_level) for event in await context.published(RiskLevelCrossed)]
    assert moves == [(None, 2), (2, 0), (0, 2)]
    assert await context.database.pool.fetch(_GAPS) == []


async def test_bad_lines_are_reported_and_others_imported(context: RunningContext, tmp_path: Path) -> None:
    residents = population(counts={0: 40, 1: 30, 2: 20, 3: 10})
    expected = write(tmp_path / "risk.csv", residents, FIRST, bad_lines=10, duplicates=2, has_levels=True)

    report = await _import_file(context, (tmp_path / "risk.csv").read_bytes())

    assert [(row.line, row.reason.value) for row in report.bad_rows] == expected
    assert (report.rows, report.accepted, report.levels) == (112, 100, (40, 30, 20, 10))
    async with context.database.read_only() as reader:
        stored = await import_report(reader, report.id)
    assert stored == report
    assert "9990548609" not in await _all_rows(context)


async def test_only_changed_people_are_published(context: RunningContext, tmp_path: Path) -> None:
    residents = population(counts={0: 400, 1: 200, 2: 100, 3: 20})
    changed = later(residents, climb=12, drop=7)
    write(tmp_path / "first.csv", residents, FIRST)
    write(tmp_path / "later.csv", changed.residents, FIRST + timedelta(days=30))
    await _import_file(context, (tmp_path / "first.csv").read_bytes())

    report = await _import_file(context, (tmp_path / "later.csv").read_bytes())

    people = {context.database.secrets.pseudonym(resident.nhs_number) for resident in (*changed.climbed, *changed.dropped)}
    rows = await context.database.pool.fetch("SELECT key FROM event WHERE topic = 'mdt.risk' ORDER BY seq OFFSET 120")
    assert {row["key"] for row in rows} == people
    assert (report.crossings, report.climbers) == (19, 12)
    assert await context.database.pool.fetch(_GAPS) == []


@pytest.mark.parametrize("step", list(Step))
async def test_killed_import_leaves_nothing(context: RunningContext, mdt_url: str, tmp_path: Path, programs: Programs, step: Step) -> None:
    await _import(context, (DALE, "9.80"))
    before = await context.database.pool.fetchrow(_STATE)
    write(tmp_path / "risk.csv", population(counts={0: 9000, 2: 900}), FIRST)

    exit_code = await _import_until_killed(programs, step, tmp_path / "risk.csv", mdt_url)

    assert exit_code == -signal.SIGKILL
    assert await context.database.pool.fetchrow(_STATE) == before
    assert (await _import_when_unlocked(context, (tmp_path / "risk.csv").read_bytes())).crossings == 900


async def test_second_concurrent_import_is_refused(context: RunningContext) -> None:
    async with context.database.transaction() as tx:
        await import_scores(_file((DALE, "9.80")), tx=tx)

        with pytest.raises(ImportRunning):
            await _import(context, (ANOTHER, "9.80"))


async def test_old_scores_are_deleted_except_newest_of_person(context: RunningContext) -> None:
    await _import(context, (DALE, "9.80"), (ANOTHER, "9.80"))
    await _import(context, (DALE, "9.90"), day=FIRST + timedelta(days=91))

    await context.let_pass(timedelta(seconds=1))

    left = {row["person_id"]: row["ratio"] for row in await context.database.pool.fetch("SELECT * FROM risk_score")}
    pseudonym = context.database.secrets.pseudonym
    assert left == {pseudonym(DALE): Decimal("9.90"), pseudonym(ANOTHER): Decimal("9.80")}


async def test_unknown_report_and_unscored_person_are_not_found(context: RunningContext) -> None:
    async with context.database.read_only() as reader:
        with pytest.raises(ImportNotFound):
            await import_report(reader, UUID(int=1))

        assert await standings(reader, [UUID(int=1)], FIRST) == {}


async def test_score_from_future_is_refused_with_its_line(context: RunningContext) -> None:
    lines = [f"{DALE},W07,27.10,,9999-12-31", f"{ANOTHER},W07,9.80,,{FIRST}"]

    report = await _import_file(context, "\n".join([HEADER, *lines]).encode())

    assert [(row.line, row.reason) for row in report.bad_rows] == [(2, "valid-from-in-the-future")]
    assert (report.accepted, report.last_valid_from) == (1, FIRST)


async def test_repeated_file_is_read_again_after_band_change(context: RunningContext) -> None:
    first = await _import(context, (DALE, "9.80"))
    policy = replace(context.database.policy, risk_bands=(Decimal("0.783"), Decimal("4.785"), Decimal("9.500")))

    async with context.database.transaction(RequestContext.of_system("import-risk")) as tx:
        tx.policy = policy
        again = await import_scores(_file((DALE, "9.80")), tx=tx)
    same = await _import(context, (DALE, "9.80"))

    assert (first.levels, again.levels, again.repeats) == ((0, 0, 1, 0), (0, 0, 0, 1), None)
    assert same.repeats == first.id
    assert (await _standing(context, DALE)).level is RiskLevel.VERY_HIGH


async def test_score_deletion_is_scheduled_only_when_needed(context: RunningContext) -> None:
    scheduled = "SELECT count(*) FROM deadline WHERE kind = 'risk-scores-expired'"
    counts: list[int] = []
    for day in (0, 91, 91, 91):
        await _import(context, (DALE, f"9.8{len(counts)}"), day=FIRST + timedelta(days=day))
        counts.append(await context.database.pool.fetchval(scheduled))

    assert counts == [0, 1, 1, 1]


@pytest.mark.parametrize("day", [date.min, date(26, 11, 20), date.max])
async def test_impossible_date_is_refused_alone(context: RunningContext, day: date) -> None:
    await _import(context, (DALE, "1.00"), (ANOTHER, "1.00"))
    content = _file((DALE, "27.10"), day=FIRST + timedelta(days=30)) + f"\n{ANOTHER},W07,27.10,3,{day.isoformat()}".encode()

    report = await _import_file(context, content)

    assert (report.accepted, report.crossings, [row.line for row in report.bad_rows]) == (1, 1, [3])
    assert {event.practice_code for event in await context.published(RiskLevelCrossed)} == {"W07"}
    assert (await _standing(context, ANOTHER)).level is RiskLevel.MEDIUM


async def test_impossible_date_is_refused_alone_over_http(context: RunningContext) -> None:
    headers = context.token("mdt:import-risk", actor="analyst-1", organisation="BCCG") | {
        "Content-Type": "text/csv",
        "Idempotency-Key": "first",
    }

    response = await context.http.post("/mdt/risk/imports", content=_file((DALE, "27.10"), day=date.min), headers=headers)

    assert (response.status_code, response.json()["bad_rows"]) == (201, [{"line": 2, "reason": "valid-from-too-old"}])


async def test_typed_forms_belong_to_the_same_person_and_practice(context: RunningContext) -> None:
    await _import(context, (DALE, "9.80"))
    typed = f"{HEADER}\n999\u00a0054\u20138609\u200b, w07 ,27.10,,{FIRST + timedelta(days=30)}\n"

    report = await _import_file(context, typed.encode())

    assert (report.accepted, report.crossings) == (1, 1)
    assert {event.practice_code for event in await context.published(RiskLevelCrossed)} == {"W07"}
    assert await context.database.pool.fetchval("SELECT count(DISTINCT person_id) FROM risk_score") == 1


def _file(*scores: tuple[str, str], day: date = FIRST) -> bytes:
    return "\n".join([HEADER, *(f"{number},W07,{ratio},,{day}" for number, ratio in scores)]).encode()


async def _import(context: RunningContext, *scores: tuple[str, str], day: date = FIRST) -> RiskImport:
    return await _import_file(context, _file(*scores, day=day))


async def _import_file(context: RunningContext, content: bytes) -> RiskImport:
    async with context.database.transaction(RequestContext.of_system("import-risk")) as tx:
        return await import_scores(content, tx=tx)


async def _import_when_unlocked(context: RunningContext, content: bytes) -> RiskImport:
    """Retries until PostgreSQL has released the lock of another import, whose process ended."""
    async with asyncio.timeout(LONGEST_WAIT):
        while True:
            try:
                return await _import_file(context, content)
            except ImportRunning:
                await asyncio.sleep(0.05)


async def _import_until_killed(programs: Programs, step: Step, file: Path, url: str) -> int | None:
    """The exit code of a process that imports the file and dies when the step begins."""
    process = await programs.start("tests.integration.mdt.import_process", url, str(file), step.value)
    return await process.wait()


async def _standing(context: RunningContext, nhs_number: str) -> Standing:
    async with context.database.transaction() as tx:
        return await standing_of(tx, context.database.secrets.pseudonym(nhs_number))


async def _all_rows(context: RunningContext) -> str:
    """Every row of the schema, as text."""
    tables = await context.database.pool.fetch(TABLES)
    texts = [await context.database.pool.fetchval(f"SELECT string_agg(t::text, ' ') FROM \"{row[0]}\" AS t") for row in tables]  # noqa: S608
    return " ".join(text or "" for text in texts)
