"""The search for records by what a caller knows of a person. Case, spaces and punctuation of a value make no difference.

The database computes the compared form of a column and of a value by the same expression, which is indexed.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from typing import Any, TypeAlias
from uuid import UUID

import sqlalchemy as sa

from services.referrals.store.people import PERSON
from shared.persistence.statements import ReadSession, Statement

_Text: TypeAlias = sa.ColumnElement[Any]

# Not literal columns: an index belongs to the table of the first column of its expression.
_PUNCTUATION = sa.text("' -.''’'")
_NONE = sa.text("''")
_ALL = sa.text("'g'")


def _family_name(value: _Text) -> _Text:
    return sa.func.lower(sa.func.translate(value, _PUNCTUATION, _NONE))


def _telephone(value: _Text) -> _Text:
    """The last ten digits of the number; words may follow it."""
    number = sa.func.regexp_replace(value, sa.text("'[^+0-9 ()./-].*$'"), _NONE)
    digits = sa.func.regexp_replace(number, sa.text("'[^0-9]'"), _NONE, _ALL)
    return sa.func.regexp_replace(digits, sa.text("'^.*(.{10})$'"), sa.text(r"'\1'"))


def _address(value: _Text) -> _Text:
    return sa.func.lower(sa.func.regexp_replace(value, sa.text(r"'\W+'"), _NONE, _ALL))


def _postcode(value: _Text) -> _Text:
    """The postcode at the end of an address, which is stored in capitals with one space."""
    ending = sa.text("'^(.*[^A-Z0-9])?([A-Z]{1,2}[0-9][A-Z0-9]? [0-9][A-Z]{2})$'")
    return sa.func.regexp_replace(value, ending, sa.text(r"'\2'"))


def _number(value: _Text) -> _Text:
    return sa.func.translate(value, sa.text("' -'"), _NONE)


sa.Index("ix_person_born_on_family_name", PERSON.c.born_on, _family_name(PERSON.c.family_name))
sa.Index("ix_person_telephone", _telephone(PERSON.c.telephone))
sa.Index("ix_person_address", _address(PERSON.c.address))
sa.Index("ix_person_postcode", _postcode(PERSON.c.address))
sa.Index("ix_person_number_as_typed", _number(PERSON.c.number_as_typed), postgresql_where=sa.text("number_as_typed IS NOT NULL"))


def _given(name: str) -> _Text:
    return sa.bindparam(name, type_=sa.Text)


def _any(name: str, kind: Any) -> Any:
    return sa.any_(sa.bindparam(name, type_=sa.ARRAY(kind)))


def _found(*conditions: _Text) -> Statement:
    chosen = sa.select(PERSON.c.id).where(*conditions).order_by(PERSON.c.family_name, PERSON.c.given_name, PERSON.c.id)
    return Statement(chosen.limit(sa.bindparam("limit", type_=sa.Integer)))


_IS_NUMBER = sa.or_(PERSON.c.id == _any("ids", sa.Uuid), _number(PERSON.c.number_as_typed) == _any("numbers", sa.Text))
_IS_FAMILY = _family_name(PERSON.c.family_name) == _family_name(_given("family_name"))
_IS_ADDRESS = _address(PERSON.c.address) == _address(_given("sought_address"))
_IS_TELEPHONE = _telephone(PERSON.c.telephone) == _telephone(_given("sought_telephone"))

_BY_NUMBER = _found(_IS_NUMBER)
_BY_NAME = _found(PERSON.c.born_on == sa.bindparam("born_on", type_=sa.Date), _IS_FAMILY)
_BY_ADDRESS = _found(_IS_ADDRESS)
_BY_POSTCODE = _found(_postcode(PERSON.c.address) == _given("postcode"))
_BY_TELEPHONE = _found(_IS_TELEPHONE)
_LIKE = _found(
    sa.or_(
        _IS_NUMBER,
        sa.and_(PERSON.c.born_on == _any("birthdays", sa.Date), _IS_FAMILY),
        sa.and_(PERSON.c.born_on == sa.bindparam("born_on", type_=sa.Date), sa.func.lower(PERSON.c.given_name) == _given("given_name")),
        _IS_ADDRESS,
        _IS_TELEPHONE,
    ),
    PERSON.c.id != sa.all_(sa.bindparam("own", type_=sa.ARRAY(sa.Uuid))),
)


@dataclass(frozen=True, slots=True)
class Traits:
    """What a record says of its person, for the search of similar ones; None for what it lacks.

    `ids` are the pseudonyms of the number and of its transpositions, and `numbers` these themselves. `birthdays` are the date of birth and
    those that may have been meant.
    """

    ids: Collection[UUID]
    numbers: Collection[str]
    given_name: str | None
    family_name: str | None
    born_on: date | None
    birthdays: Collection[date]
    address: str | None
    telephone: str | None


async def by_number(reader: ReadSession, person_id: UUID, number: str, *, limit: int) -> list[UUID]:
    """The record of the number, and those with the number as typed."""
    return await _ids(reader, _BY_NUMBER, limit, ids=[person_id], numbers=[number])


async def by_name(reader: ReadSession, family_name: str, born_on: date, *, limit: int) -> list[UUID]:
    return await _ids(reader, _BY_NAME, limit, family_name=family_name, born_on=born_on)


async def by_address(reader: ReadSession, address: str, *, limit: int) -> list[UUID]:
    return await _ids(reader, _BY_ADDRESS, limit, sought_address=address)


async def by_postcode(reader: ReadSession, postcode: str, *, limit: int) -> list[UUID]:
    """`postcode` is in the normal form of an address."""
    return await _ids(reader, _BY_POSTCODE, limit, postcode=postcode)


async def by_telephone(reader: ReadSession, telephone: str, *, limit: int) -> list[UUID]:
    return await _ids(reader, _BY_TELEPHONE, limit, sought_telephone=telephone)


async def alike(reader: ReadSession, traits: Traits, own: Collection[UUID], *, limit: int) -> list[UUID]:
    """Records that share something with the traits, without those in `own`."""
    values = {name: getattr(traits, name) for name in Traits.__slots__}
    lists = {name: list(values[name]) for name in ("ids", "numbers", "birthdays")}
    sought = {"sought_address": traits.address, "sought_telephone": traits.telephone}
    given_name = {"given_name": traits.given_name.lower() if traits.given_name else None}
    return await _ids(reader, _LIKE, limit, **values | lists | sought | given_name, own=list(own))


async def _ids(reader: ReadSession, statement: Statement, limit: int, **values: Any) -> list[UUID]:
    return [row["id"] for row in await reader.fetch(statement, **values, limit=limit)]
