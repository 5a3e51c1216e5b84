"""The search for records by what a caller knows of a person. It finds the values that `record_fields` compares as equal."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, TypeAlias
from uuid import UUID

import sqlalchemy as sa

from services.referrals.domain.record_fields import address_forms, search_form
from services.referrals.store.people import PERSON
from shared.contracts.persons import RecordField
from shared.persistence.statements import ReadSession, Statement

_Text: TypeAlias = sa.ColumnElement[Any]


def _given(name: str) -> _Text:
    return sa.bindparam(name, type_=sa.Text)


def _any(name: str, kind: Any) -> Any:
    return sa.any_(sa.bindparam(name, type_=sa.ARRAY(kind)))


def _found(*conditions: _Text) -> Statement:
    chosen = sa.select(PERSON.c.id).where(*conditions).order_by(PERSON.c.family_name, PERSON.c.given_name, PERSON.c.id)
    return Statement(chosen.limit(sa.bindparam("limit", type_=sa.Integer)))


_IS_NUMBER = sa.or_(PERSON.c.id == _any("ids", sa.Uuid), PERSON.c.number_form == _any("numbers", sa.Text))
_IS_FAMILY = PERSON.c.family_name_form == _given("family_name_form")
_IS_ADDRESS = PERSON.c.address_form == _given("address_form")
_IS_TELEPHONE = PERSON.c.telephone_form == _given("telephone_form")

_BY_NUMBER = _found(_IS_NUMBER)
_BY_NAME = _found(PERSON.c.born_on == sa.bindparam("born_on", type_=sa.Date), _IS_FAMILY)
_BY_ADDRESS = _found(_IS_ADDRESS)
_BY_POSTCODE = _found(PERSON.c.postcode_form == _given("postcode_form"))
_BY_TELEPHONE = _found(_IS_TELEPHONE)
_LIKE = _found(
    sa.or_(
        _IS_NUMBER,
        sa.and_(PERSON.c.born_on == _any("birthdays", sa.Date), _IS_FAMILY),
        sa.and_(PERSON.c.born_on == sa.bindparam("born_on", type_=sa.Date), PERSON.c.given_name_form == _given("given_name_form")),
        _IS_ADDRESS,
        _IS_TELEPHONE,
    ),
    PERSON.c.id != sa.all_(sa.bindparam("own", type_=sa.ARRAY(sa.Uuid))),
)


@dataclass(frozen=True, slots=True)
class Traits:
    """What a record says of its person, for the search of similar ones.

    `ids` are the pseudonyms of the number and of its transpositions, and `numbers` these themselves. `birthdays` are the date of birth and
    those that may have been meant. `forms` are the compared columns.
    """

    ids: Collection[UUID]
    numbers: Collection[str]
    born_on: date | None
    birthdays: Collection[date]
    forms: Mapping[str, str | None]


async def by_number(reader: ReadSession, person_id: UUID, number: str, *, limit: int) -> list[UUID]:
    """The record of the number, and those with the number as typed."""
    return await _ids(reader, _BY_NUMBER, limit, ids=[person_id], numbers=[number])


async def by_name(reader: ReadSession, family_name: str, born_on: date, *, limit: int) -> list[UUID]:
    return await _ids(reader, _BY_NAME, limit, family_name_form=search_form(RecordField.FAMILY_NAME, family_name), born_on=born_on)


async def by_address(reader: ReadSession, address: str, *, limit: int) -> list[UUID]:
    return await _ids(reader, _BY_ADDRESS, limit, address_form=search_form(RecordField.ADDRESS, address))


async def by_postcode(reader: ReadSession, postcode: str, *, limit: int) -> list[UUID]:
    """`postcode` is in the normal form of an address."""
    _, form = address_forms(postcode)
    return await _ids(reader, _BY_POSTCODE, limit, postcode_form=form)


async def by_telephone(reader: ReadSession, telephone: str, *, limit: int) -> list[UUID]:
    return await _ids(reader, _BY_TELEPHONE, limit, telephone_form=search_form(RecordField.TELEPHONE, telephone))


async def alike(reader: ReadSession, traits: Traits, own: Collection[UUID], *, limit: int) -> list[UUID]:
    """Records that share something with the traits, without those in `own`."""
    lists = {name: list(getattr(traits, name)) for name in ("ids", "numbers", "birthdays")}
    return await _ids(reader, _LIKE, limit, **lists, **traits.forms, born_on=traits.born_on, own=list(own))


async def _ids(reader: ReadSession, statement: Statement, limit: int, **values: Any) -> list[UUID]:
    return [row["id"] for row in await reader.fetch(statement, **values, limit=limit)]
