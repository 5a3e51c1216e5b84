"""The directory: reference data that migrations insert and change, each entry valid between two days (G52)."""

from collections.abc import Iterable
from datetime import date

import sqlalchemy as sa
from pydantic import TypeAdapter
from sqlalchemy.dialects.postgresql import JSONB

from services.referrals.domain.directory import Organisation, Practice, Service, ServiceNotInDirectory
from services.referrals.store.tables import METADATA, Tx
from shared.persistence.batching.prefetch import PrefetchedLookup
from shared.persistence.statements import ReadSession, Statement

SERVICE = sa.Table(
    "service",
    METADATA,
    sa.Column("code", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("organisation", sa.Text, comment="absent for the GP: the practice where the person is registered"),
    sa.Column("route", sa.Text, nullable=False),
    sa.Column("tier", sa.Integer, nullable=False, comment="tier of integrated care, 1 to 5"),
    sa.Column("needs", JSONB, nullable=False),
    sa.Column("telephone", sa.Text, nullable=False),
    sa.Column("serves", sa.Text, nullable=False),
    sa.Column("minimum_age", sa.Integer),
    sa.Column("localities", JSONB, nullable=False),
    sa.Column("opens", sa.Time),
    sa.Column("closes", sa.Time),
    sa.Column("valid_from", sa.Date, primary_key=True),
    sa.Column("valid_until", sa.Date, comment="the first day on which the entry is no longer valid"),
    comment="Directory of services, each entry valid between two days.",
)

PRACTICE = sa.Table(
    "practice",
    METADATA,
    sa.Column("code", sa.Text, primary_key=True),
    sa.Column("locality", sa.Text, nullable=False),
    sa.Column("telephone", sa.Text, nullable=False),
    sa.Column("valid_from", sa.Date, primary_key=True),
    sa.Column("valid_until", sa.Date),
    comment="GP practices of the borough with their localities, each entry valid between two days.",
)

ORGANISATION = sa.Table(
    "organisation",
    METADATA,
    sa.Column("code", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("telephone", sa.Text, nullable=False),
    sa.Column("valid_from", sa.Date, primary_key=True),
    sa.Column("valid_until", sa.Date),
    comment="Organisations with their telephone numbers, each entry valid between two days.",
)

_SERVICES, _PRACTICES, _ORGANISATIONS = TypeAdapter(Service), TypeAdapter(Practice), TypeAdapter(Organisation)


def valid_on(table: sa.Table) -> sa.Select[tuple[object, ...]]:
    """The entries of a directory table that are valid on the day `on`."""
    day = sa.bindparam("on", type_=sa.Date)
    return sa.select(table).where(table.c.valid_from <= day, sa.or_(table.c.valid_until.is_(None), table.c.valid_until > day))


def _one(table: sa.Table) -> Statement:
    return Statement(valid_on(table).where(table.c.code == sa.bindparam("code")))


_THESE_PRACTICES = Statement(valid_on(PRACTICE).where(PRACTICE.c.code == sa.any_(sa.bindparam("codes", type_=sa.ARRAY(sa.Text)))))
_SERVICE, _PRACTICE, _ORGANISATION = _one(SERVICE), _one(PRACTICE), _one(ORGANISATION)


async def service(reader: ReadSession, code: str, on: date) -> Service | None:
    row = await reader.fetch_one(_SERVICE, code=code, on=on)
    return None if row is None else _SERVICES.validate_python(dict(row))


async def active_service(reader: ReadSession, code: str, on: date) -> Service:
    """Raises ServiceNotInDirectory."""
    entry = await service(reader, code, on)
    if entry is None:
        raise ServiceNotInDirectory(f"No service with this code is active on {on}.")
    return entry


async def practice(reader: ReadSession, code: str, on: date) -> Practice | None:
    """None for a practice outside the borough."""
    row = await reader.fetch_one(_PRACTICE, code=code, on=on)
    return None if row is None else _PRACTICES.validate_python(dict(row))


async def _practices_of_today(tx: Tx, codes: Iterable[str]) -> dict[str, Practice | None]:
    return {**await practices(tx, codes, tx.policy.day_of(tx.now))}


#: The practices of today by code; None for one outside the borough.
PRACTICES: PrefetchedLookup[str, Practice | None] = PrefetchedLookup(_practices_of_today, absent=lambda: None, tables=("practice",))


async def practices(reader: ReadSession, codes: Iterable[str], on: date) -> dict[str, Practice]:
    """By code; those outside the borough are absent."""
    rows = await reader.fetch(_THESE_PRACTICES, codes=list(codes), on=on)
    return {row["code"]: _PRACTICES.validate_python(dict(row)) for row in rows}


async def organisation(reader: ReadSession, code: str, on: date) -> Organisation | None:
    row = await reader.fetch_one(_ORGANISATION, code=code, on=on)
    return None if row is None else _ORGANISATIONS.validate_python(dict(row))
