"""The directory of services, practices and organisations: reference data, each entry valid between two days (G52)."""

from collections.abc import Iterable
from datetime import date

import sqlalchemy as sa
from pydantic import TypeAdapter
from sqlalchemy.dialects.postgresql import JSONB

from services.referrals.domain.directory import Organisation, Service, ServiceNotInDirectory
from services.referrals.domain.referral import Referral
from services.referrals.domain.referrer_view import needs_practice
from services.referrals.store.tables import METADATA, Tx
from shared.contracts.practices import Practice
from shared.persistence.batching.prefetch import PrefetchedLookup
from shared.persistence.practices import practices_of
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

_SERVICES, _ORGANISATIONS = TypeAdapter(Service), TypeAdapter(Organisation)


def valid_on(table: sa.Table) -> sa.Select[tuple[object, ...]]:
    """The entries of a directory table that are valid on the day `on`."""
    day = sa.bindparam("on", type_=sa.Date)
    return sa.select(table).where(table.c.valid_from <= day, sa.or_(table.c.valid_until.is_(None), table.c.valid_until > day))


def _one(table: sa.Table) -> Statement:
    return Statement(valid_on(table).where(table.c.code == sa.bindparam("code")))


_SERVICE, _ORGANISATION = _one(SERVICE), _one(ORGANISATION)
_CODES = Statement(valid_on(SERVICE).with_only_columns(SERVICE.c.code))


async def service(reader: ReadSession, code: str, on: date) -> Service | None:
    row = await reader.fetch_one(_SERVICE, code=code, on=on)
    return None if row is None else _SERVICES.validate_python(dict(row))


async def codes(reader: ReadSession, on: date) -> frozenset[str]:
    """The codes of the services of that day."""
    return frozenset(row["code"] for row in await reader.fetch(_CODES, on=on))


async def active_service(reader: ReadSession, code: str, on: date) -> Service:
    """Raises ServiceNotInDirectory."""
    entry = await service(reader, code, on)
    if entry is None:
        raise ServiceNotInDirectory(f"No service with this code is active on {on}.")
    return entry


async def practice(reader: ReadSession, code: str, on: date) -> Practice | None:
    """The practice for which the code stands on the day: None for one outside the borough, and for one that closed without successor."""
    return (await practices_of(reader, [code])).on(code, on)


async def acting_practice(reader: ReadSession, code: str, on: date) -> str | None:
    """The code under which people of this code are cared for on the day; a code outside the table stands for itself."""
    return (await practices_of(reader, [code])).acting(code, on)


async def same_practice(reader: ReadSession, code: str, on: date) -> frozenset[str]:
    """The codes that stand for the same practice on the day, as each comparison of two practices needs them."""
    return (await practices_of(reader, [code])).same_as(code, on)


async def is_practice_closed(reader: ReadSession, code: str, on: date) -> bool:
    """Whether the table has the practice, and no practice stands for it on the day."""
    return await acting_practice(reader, code, on) is None


async def codes_of_practice(reader: ReadSession, code: str, on: date) -> frozenset[str]:
    """The codes whose people this practice cares for on the day; none once it has closed."""
    return (await practices_of(reader, [code])).codes_of(code, on)


async def _practices_of_today(tx: Tx, codes: Iterable[str]) -> dict[str, Practice | None]:
    today, wanted = tx.policy.day_of(tx.now), list(codes)
    practices = await practices_of(tx, wanted)
    return {code: practices.on(code, today) for code in wanted}


#: The practices of today by the code that stands for them; None as of `practice`.
PRACTICES: PrefetchedLookup[str, Practice | None] = PrefetchedLookup(_practices_of_today, absent=lambda: None, tables=("practice",))


async def _same_today(tx: Tx, codes: Iterable[str]) -> dict[str, frozenset[str]]:
    today, wanted = tx.policy.day_of(tx.now), list(codes)
    practices = await practices_of(tx, wanted)
    return {code: practices.same_as(code, today) for code in wanted}


#: As `same_practice`, today.
SAME_PRACTICE: PrefetchedLookup[str, frozenset[str]] = PrefetchedLookup(_same_today, absent=frozenset, tables=("practice",))


async def same_as_referrer(tx: Tx, own: Referral) -> frozenset[str]:
    """The codes that stand for the referrer's practice today; none where the receipt does not depend on them."""
    return await SAME_PRACTICE.get(tx, own.referrer_organisation) if needs_practice(own) else frozenset()


async def organisation(reader: ReadSession, code: str, on: date) -> Organisation | None:
    row = await reader.fetch_one(_ORGANISATION, code=code, on=on)
    return None if row is None else _ORGANISATIONS.validate_python(dict(row))
