"""Reports of risk imports, and the lock that allows one import at a time."""

from collections.abc import Mapping
from datetime import date, timedelta
from uuid import UUID

import asyncpg
import sqlalchemy as sa
from pydantic import TypeAdapter
from sqlalchemy.dialects.postgresql import BYTEA, JSONB

from services.mdt.domain.risk_import import ImportNotFound, ImportRunning, RiskImport
from services.mdt.domain.risk_importer import Importer
from services.mdt.store.tables import METADATA, Tx
from shared.persistence.schema import INSTANT
from shared.persistence.statements import ReadSession, Statement

RISK_IMPORT = sa.Table(
    "risk_import",
    METADATA,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("number", sa.Integer, nullable=False, unique=True),
    sa.Column("digest", BYTEA, nullable=False, comment="SHA-256 of the file"),
    sa.Column("imported_at", INSTANT, nullable=False),
    sa.Column("imported_by", JSONB, nullable=False, comment="issuer, organisation and subject of the caller"),
    sa.Column("rule_version", sa.Text, nullable=False),
    sa.Column("rows", sa.Integer, nullable=False),
    sa.Column("levels", JSONB, nullable=False, comment="number of people at the levels 0 to 3"),
    sa.Column("mismatched", sa.Integer, nullable=False),
    sa.Column("first_valid_from", sa.Date),
    sa.Column("last_valid_from", sa.Date),
    sa.Column("crossings", sa.Integer, nullable=False),
    sa.Column("climbers", sa.Integer, nullable=False),
    sa.Column("refused", JSONB, nullable=False, comment="number of lines for each reason"),
    sa.Column("bad_rows", JSONB, nullable=False, comment="line number and reason of the first thousand; never their content"),
    sa.Column("repeats", sa.Uuid, comment="the earlier import of the same content"),
    sa.Index("uq_risk_import_digest_rule_version", "digest", "rule_version", unique=True, postgresql_where=sa.text("repeats IS NULL")),
    comment="Imports of risk scores with their counts; one row for each file received.",
)

_ADAPTER = TypeAdapter(RiskImport)
_LOCK = "SELECT pg_try_advisory_xact_lock(hashtext('risk import ' || current_schema()))"
_NEXT = "SELECT coalesce(max(number), 0) + 1 FROM risk_import"
_BY_ID = Statement(sa.select(RISK_IMPORT).where(RISK_IMPORT.c.id == sa.bindparam("id")))
_SAME_DIGEST = RISK_IMPORT.c.digest == sa.bindparam("digest")
_SAME_RULE = RISK_IMPORT.c.rule_version == sa.bindparam("rule_version")
_BY_DIGEST = Statement(sa.select(RISK_IMPORT).where(_SAME_DIGEST, _SAME_RULE, RISK_IMPORT.c.repeats.is_(None)))
_INSERT = Statement(sa.insert(RISK_IMPORT).values({column.name: sa.bindparam(column.name) for column in RISK_IMPORT.columns}))
_IMPORTERS = "SELECT number, imported_by FROM risk_import WHERE repeats IS NULL"
_NEWEST_DAY = "SELECT max(last_valid_from) FROM risk_import"
#: Earlier imports deleted their expired scores; scores of later imports and of this one may have expired since.
_HAS_EXPIRED = """
WITH horizon AS (
    SELECT max(last_valid_from) - $1::integer AS now, max(last_valid_from) FILTER (WHERE number < $2) - $1::integer AS before
    FROM risk_import WHERE number <= $2)
SELECT EXISTS (
    SELECT FROM risk_import, horizon WHERE repeats IS NULL AND number <= $2 AND first_valid_from < horizon.now
    AND (number = $2 OR last_valid_from >= horizon.before))"""
_HAS_DAYS = """
SELECT EXISTS (SELECT FROM risk_import WHERE repeats IS NULL AND number <> $1 AND first_valid_from <= $3 AND last_valid_from >= $2)"""


async def lock_import(tx: Tx) -> int:
    """The number of this import. Excludes other imports until the transaction ends. Raises ImportRunning."""
    if not await tx.connection.fetchval(_LOCK):
        raise ImportRunning("Another import of risk scores is in progress.")
    number: int = await tx.connection.fetchval(_NEXT)
    return number


async def same_content(tx: Tx, begun: RiskImport) -> RiskImport | None:
    """The earlier import of the same content under the same rule version."""
    row = await tx.fetch_one(_BY_DIGEST, digest=begun.digest, rule_version=begun.rule_version)
    return None if row is None else _of(row)


async def save(tx: Tx, report: RiskImport) -> RiskImport:
    refused = {reason.value: count for reason, count in report.refused.items()}
    await tx.execute(_INSERT, **_ADAPTER.dump_python(report) | {"refused": refused})
    tx.audit(report.id)
    return report


async def load(reader: ReadSession, import_id: UUID) -> RiskImport:
    """Raises ImportNotFound."""
    row = await reader.fetch_one(_BY_ID, id=import_id)
    if row is None:
        raise ImportNotFound(f"No import has the id {import_id}.")
    return _of(row)


async def shares_days(tx: Tx, report: RiskImport) -> bool:
    """Whether another import may have scores for the same days."""
    shares: bool = await tx.connection.fetchval(_HAS_DAYS, report.number, report.first_valid_from, report.last_valid_from)
    return shares


async def has_expired(tx: Tx, report: RiskImport, window: timedelta) -> bool:
    """Whether scores lie before the high-climber window after this import."""
    expired: bool = await tx.connection.fetchval(_HAS_EXPIRED, window.days, report.number)
    return expired


async def importers(tx: Tx) -> Mapping[int, Importer]:
    """Who sent each file, by the number of its import."""
    return {row["number"]: Importer(**row["imported_by"]) for row in await tx.connection.fetch(_IMPORTERS)}


async def newest_day(tx: Tx) -> date | None:
    day: date | None = await tx.connection.fetchval(_NEWEST_DAY)
    return day


def _of(row: asyncpg.Record) -> RiskImport:
    return _ADAPTER.validate_python(dict(row))
