"""The services of the directory for a need on a day (AC11)."""

from datetime import date

import sqlalchemy as sa
from pydantic import TypeAdapter
from sqlalchemy.dialects.postgresql import JSONB

from services.referrals.domain.directory import Need, Service
from services.referrals.store import directory
from services.referrals.store.directory import SERVICE, valid_on
from shared.persistence.statements import ReadSession, Statement

_SERVICES = TypeAdapter(list[Service])
_ALL = Statement(valid_on(SERVICE).order_by(SERVICE.c.code))
_FOR_NEED = Statement(valid_on(SERVICE).where(SERVICE.c.needs.contains(sa.bindparam("needs", type_=JSONB))).order_by(SERVICE.c.code))

#: One entry, if it is valid on the day.
service = directory.service


async def services(reader: ReadSession, *, need: Need | None, on: date) -> list[Service]:
    """The entries that are valid on the day, all or those for a need."""
    rows = await (reader.fetch(_ALL, on=on) if need is None else reader.fetch(_FOR_NEED, on=on, needs=[need]))
    return _SERVICES.validate_python([dict(row) for row in rows])
