"""Risk: the standing of each person of case finding, and every score of the last months.

COPY writes the scores, which never change. For a person and a day the score of the newest import counts.
"""

from collections.abc import AsyncIterable, AsyncIterator, Collection, Iterable, Mapping
from dataclasses import fields
from datetime import date, datetime
from functools import reduce
from itertools import repeat
from operator import attrgetter
from typing import Any
from uuid import UUID

import asyncpg
import sqlalchemy as sa
from pydantic import TypeAdapter
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import JSONB

from services.mdt.domain.risk import PRESENT, Risk, RiskNotFound, Score, ScoredPerson, ScoreHistory
from services.mdt.domain.risk_file import Columns
from services.mdt.domain.risk_importer import NO_IMPORTERS, Importer, Importers
from services.mdt.store.tables import CHANGES, MERGED, METADATA, Tx
from shared.contracts.codes import RiskLevel
from shared.contracts.event import Event
from shared.contracts.persons import PersonChange
from shared.kernel.decision import Decision
from shared.persistence.batching.batch_repository import BatchRepository
from shared.persistence.statements import Statement, is_one_of
from shared.persistence.transaction import EventSubject

RISK = sa.Table(
    "risk",
    METADATA,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("person_id", sa.Uuid, nullable=False, unique=True),
    sa.Column("correlation_id", sa.Uuid, nullable=False, comment="the case-finding id: each rise starts a new chain of events"),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("practice_code", sa.Text, nullable=False, index=True),
    sa.Column("level", sa.SmallInteger, nullable=False),
    sa.Column("ratio", sa.Numeric, nullable=False),
    sa.Column("valid_from", sa.Date, nullable=False),
    sa.Column("climbed_on", sa.Date),
    sa.Column("climber_until", sa.Date),
    sa.Column("destination", sa.Text),
    sa.Column("reason", sa.Text),
    sa.Column("ended", JSONB, comment="the death or move after which the person is not listed, and the status before"),
    sa.Column("imported_by", JSONB, nullable=False, comment="issuer, organisation and subject of each caller whose scores it follows"),
    sa.Column("version", sa.Integer, nullable=False),
    comment="Case finding: people who ever were at level 2 or 3 or were high climbers.",
)

RISK_SCORE = sa.Table(
    "risk_score",
    METADATA,
    sa.Column("person_id", sa.Uuid, nullable=False),
    sa.Column("import_number", sa.Integer, nullable=False),
    sa.Column("valid_from", sa.Date, nullable=False),
    sa.Column("level", sa.SmallInteger, nullable=False),
    sa.Column("ratio", sa.Numeric, nullable=False),
    sa.Column("practice_code", sa.Text, nullable=False),
    sa.Index("ix_risk_score_person_id", "person_id", postgresql_using="hash"),
    sa.Index("ix_risk_score_import_number", "import_number", postgresql_using="brin"),
    comment="Scores of every registered person in the imports that the high-climber window needs; written by COPY.",
)

_IMPORTERS = TypeAdapter(Importers)
#: The organisations of those who imported the scores of an entry.
SENDERS = sa.func.jsonb_path_query_array(RISK.c.imported_by, sa.literal_column("'$.callers[*].organisation'"), type_=JSONB)

risks = BatchRepository(Risk, RISK, topic="mdt.risk", key=lambda risk: risk.person_id, not_found=RiskNotFound)

#: An import takes seconds, on a slow machine minutes; the pool's limits are for single commands.
_TIMEOUT_SECONDS = 600
_BATCH = 1000
#: Plans for the values of this import, without nested loops: the planner has no statistics for rows just copied and underestimates them.
_PREPARE = f"""
SET LOCAL statement_timeout = '{_TIMEOUT_SECONDS}s';
SET LOCAL work_mem = '64MB';
SET LOCAL enable_nestloop = off;
SET LOCAL plan_cache_mode = auto"""
#: Screening waits for the import, so that no event sequence of a person is used twice.
_LOCK = "LOCK TABLE risk IN SHARE ROW EXCLUSIVE MODE"

#: People who may have crossed or climbed: a superset, from which the domain decides.
_FINDINGS = """
WITH scored AS MATERIALIZED (
    SELECT score.*, risk.level AS known_level, greatest(score.valid_from - $2::integer, risk.climbed_on) AS since
    FROM risk_score AS score LEFT JOIN risk USING (person_id)
    WHERE score.import_number = $1 AND (score.level >= 2 OR risk.level >= 2 OR score.ratio >= $3)),
earlier AS (
    SELECT person_id, max(ARRAY[before.valid_from - DATE 'epoch', before.import_number, before.level]) AS newest,
        min(before.ratio) FILTER (WHERE before.valid_from >= since AND before.valid_from < scored.valid_from) AS lowest_ratio,
        min(before.level) FILTER (WHERE before.valid_from >= since AND before.valid_from < scored.valid_from) AS lowest_level,
        array_agg(before.import_number) AS imports
    FROM scored JOIN risk_score AS before USING (person_id)
    WHERE before.import_number <> $1
    GROUP BY person_id),
compared AS (
    SELECT scored.*, lowest_ratio, lowest_level, imports, DATE 'epoch' + newest[1] AS newest_on, newest[3] AS newest_level,
        coalesce(newest[3], known_level) AS previous_level
    FROM scored LEFT JOIN earlier USING (person_id))
SELECT person_id, practice_code, ratio, level, valid_from, newest_on, newest_level, lowest_ratio, lowest_level, import_number, imports
FROM compared
WHERE (greatest(level, previous_level) >= 2 AND level IS DISTINCT FROM previous_level)
    OR (level >= 2 AND level > lowest_level) OR ratio - lowest_ratio >= $3"""
#: Two entries of case finding stay apart after a merge: that of this id counts, else that of another one.
OF_PERSON = (
    sa.select(RISK)
    .where(MERGED.is_of_group(RISK.c.person_id))
    .order_by((RISK.c.person_id == sa.bindparam("person_id", type_=sa.Uuid)).desc(), RISK.c.id)
    .limit(1)
)
_ID_OF_PERSON = Statement(OF_PERSON.with_only_columns(RISK.c.id))
_IMPORTED_BY = Statement(sa.select(RISK.c.imported_by).where(MERGED.is_of_group(RISK.c.person_id)))
_ID_UNDER = Statement(sa.select(RISK.c.id).where(RISK.c.person_id == sa.bindparam("person_id")))
#: The people of case finding whose death was recorded while an import, which had not yet listed them, was running.
_PRESENT_BUT_DEAD = Statement(
    sa.select(RISK)
    .join(CHANGES.table, CHANGES.table.c.person_id == RISK.c.person_id)
    .where(CHANGES.holds(PersonChange.DEATH), is_one_of(RISK.c.status, PRESENT))
    .order_by(RISK.c.id)
    .with_for_update(of=RISK)
)
_KNOWN = "SELECT * FROM risk WHERE person_id = ANY($1::uuid[])"

#: For the same day the newer import counts.
_REPLACE = """
DELETE FROM risk_score AS old USING risk_score AS new
WHERE new.import_number = $1 AND old.import_number < $1 AND old.person_id = new.person_id AND old.valid_from = new.valid_from"""
#: A person's newest score stays, however old.
_DELETE_EXPIRED = """
DELETE FROM risk_score AS old WHERE old.valid_from < $1 AND EXISTS (
    SELECT FROM risk_score AS newer WHERE newer.person_id = old.person_id AND newer.valid_from > old.valid_from)"""


def _save_many() -> str:
    names, dialect = RISK.columns.keys(), postgresql.dialect()  # type: ignore[no-untyped-call]
    arrays = ", ".join(f"${position}::{column.type.compile(dialect)}[]" for position, column in enumerate(RISK.columns, 1))
    changes = ", ".join(f"{name} = excluded.{name}" for name in names if name != "id")
    return f"INSERT INTO risk ({', '.join(names)}) SELECT * FROM unnest({arrays}) ON CONFLICT (id) DO UPDATE SET {changes}"  # noqa: S608  names of columns


_SAVE_MANY = _save_many()
#: In the order of `risk_file.Columns`.
_COPIED = ("person_id", "practice_code", "ratio", "level", "valid_from", "import_number")
_all_but_version = attrgetter(*(field.name for field in fields(Risk) if field.name != "version"))


def is_imported_by(issuer: sa.ColumnElement[str], subject: sa.ColumnElement[str]) -> sa.ColumnElement[bool]:
    """Whether this caller, of any organisation, imported a score that the entry follows."""
    caller = sa.func.jsonb_build_object(sa.literal_column("'issuer'"), issuer, sa.literal_column("'subject'"), subject)
    callers = sa.func.jsonb_build_object(sa.literal_column("'callers'"), sa.func.jsonb_build_array(caller), type_=JSONB)
    return RISK.c.imported_by.contains(callers)


def is_imported_within(organisations: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
    """Whether one of these organisations imported a score that the entry follows."""
    is_sent: sa.ColumnElement[bool] = SENDERS.has_any(organisations)
    return is_sent


async def of_person(tx: Tx, person_id: UUID, *, if_version: int) -> Risk:
    """The entry of the person, locked. Raises RiskNotFound, VersionConflict."""
    risk_id: UUID | None = await tx.fetch_value(_ID_OF_PERSON, person_id=person_id)
    if risk_id is None:
        raise RiskNotFound("Case finding has not listed this person.")
    return await risks.load(tx, risk_id, if_version=if_version)


async def importers_of(tx: Tx, person_id: UUID) -> Importers:
    """Who imported the scores of the person, under all ids."""
    found = [_IMPORTERS.validate_python(row["imported_by"]) for row in await tx.fetch(_IMPORTED_BY, person_id=person_id)]
    return reduce(Importers.joined, found, NO_IMPORTERS)


async def find_risk(tx: Tx, person_id: UUID) -> Risk | None:
    """The entry under this id, locked; None for a person whom case finding has not listed."""
    risk_id: UUID | None = await tx.fetch_value(_ID_UNDER, person_id=person_id)
    return None if risk_id is None else await risks.load(tx, risk_id)


async def present_but_dead(tx: Tx) -> list[Risk]:
    """The people of case finding whose death is recorded, locked."""
    return [risks.attach(tx, row) for row in await tx.fetch(_PRESENT_BUT_DEAD)]


async def prepare(tx: Tx) -> None:
    """Sets planner and timeout of this transaction for statements over the whole population."""
    await tx.connection.execute(_PREPARE)


async def copy_scores(tx: Tx, import_number: int, blocks: AsyncIterable[Columns]) -> None:
    async def lines() -> AsyncIterable[bytes]:
        async for block in blocks:
            yield ("\n".join(map("\t".join, zip(*block, repeat(str(import_number))))) + "\n").encode()

    await tx.connection.copy_to_table("risk_score", source=lines(), columns=_COPIED, timeout=_TIMEOUT_SECONDS)


async def scored_people(tx: Tx, import_number: int, importers: Mapping[int, Importer]) -> AsyncIterator[list[ScoredPerson]]:
    """People who may have crossed or climbed by this import, with their earlier scores, in batches.

    `importers` has who sent each file. Locks the risks until the transaction ends.
    """
    await tx.connection.execute(_LOCK)
    window, rise = tx.policy.climber_window.days, tx.policy.climber_rise
    cursor = await tx.connection.cursor(_FINDINGS, import_number, window, rise, timeout=_TIMEOUT_SECONDS)
    while rows := await cursor.fetch(_BATCH, timeout=_TIMEOUT_SECONDS):
        people = [row["person_id"] for row in rows]
        known = {row["person_id"]: risks.from_row(row) for row in await tx.connection.fetch(_KNOWN, people)}
        dead = await CHANGES.dead_among(tx, people)
        yield [_scored(row, tx.now, known.get(row["person_id"]), dead, importers) for row in rows]


async def save_all(tx: Tx, decisions: Iterable[Decision[Risk]]) -> None:
    """Saves many decisions in one statement, as `risks.save` saves one; `scored_people` has locked the rows."""
    states = []
    for decision in decisions:
        state, version = decision.state, decision.state.version
        about = EventSubject(state.id, state.person_id, state.correlation_id)
        for event in decision.events:
            if isinstance(event, Event):
                version += 1
                tx.record(about, event, version)
        _set_deadlines(tx, about, decision)
        tx.audit(state.id, version)
        states.append((*_all_but_version(state), version))
    if states:
        await tx.connection.execute(_SAVE_MANY, *map(list, zip(*states, strict=True)), timeout=_TIMEOUT_SECONDS)


async def replace_same_day(tx: Tx, import_number: int) -> None:
    """Deletes scores of earlier imports for the same people and days."""
    await tx.connection.execute(_REPLACE, import_number, timeout=_TIMEOUT_SECONDS)


async def delete_expired(tx: Tx, before: date) -> None:
    """Deletes scores from before a day, except the newest of each person."""
    await prepare(tx)
    await tx.connection.execute(_DELETE_EXPIRED, before, timeout=_TIMEOUT_SECONDS)


def _set_deadlines(tx: Tx, about: EventSubject, decision: Decision[Risk]) -> None:
    for kind in decision.cancels if decision.state.version else ():
        tx.cancel_deadlines(about.id, kind)
    for deadline in decision.deadlines:
        tx.set_deadline(about, deadline)


def _scored(
    row: asyncpg.Record, now: datetime, known: Risk | None, dead: Collection[UUID], importers: Mapping[int, Importer]
) -> ScoredPerson:
    by = Importers(tuple(dict.fromkeys(importers[number] for number in sorted({row["import_number"], *(row["imports"] or ())}))))
    return ScoredPerson(_score(row), _earlier(row), now, known, has_died=row["person_id"] in dead, imported_by=by)


def _score(row: asyncpg.Record) -> Score:
    return Score(row["person_id"], row["practice_code"], row["ratio"], RiskLevel(row["level"]), row["valid_from"])


def _earlier(row: asyncpg.Record) -> ScoreHistory:
    return ScoreHistory(row["newest_on"], _level(row["newest_level"]), row["lowest_ratio"], _level(row["lowest_level"]))


def _level(stored: int | None) -> RiskLevel | None:
    return None if stored is None else RiskLevel(stored)
