"""The codes of the directory of services, in the schema of a context that checks codes itself. One file loads every context."""

from dataclasses import dataclass
from datetime import date

import sqlalchemy as sa

from shared.persistence.statements import ReadSession, Statement


@dataclass(frozen=True, slots=True)
class CallableService:
    """A service of the directory with its telephone."""

    code: str
    name: str
    telephone: str


class ServiceCodes:
    """The table of one context, which this adds to its metadata."""

    def __init__(self, metadata: sa.MetaData) -> None:
        code = sa.Table(
            "service_code",
            metadata,
            sa.Column("code", sa.Text, primary_key=True),
            sa.Column("valid_from", sa.Date, primary_key=True),
            sa.Column("valid_until", sa.Date, comment="the first day on which the entry is no longer valid"),
            sa.Column("name", sa.Text, nullable=False),
            sa.Column("telephone", sa.Text, nullable=False),
            comment="Codes of the directory of services, each entry valid between two days.",
        )
        day = sa.bindparam("on", type_=sa.Date)
        valid = (code.c.valid_from <= day, sa.or_(code.c.valid_until.is_(None), code.c.valid_until > day))
        self._valid = Statement(sa.select(code.c.code).where(*valid))
        named = code.c.code == sa.bindparam("code", type_=sa.Text)
        self._named = Statement(sa.select(code.c.code, code.c.name, code.c.telephone).where(named, *valid))

    async def on(self, reader: ReadSession, day: date) -> frozenset[str]:
        """The codes of the services that exist on that day."""
        return frozenset(row["code"] for row in await reader.fetch(self._valid, on=day))

    async def find(self, reader: ReadSession, code: str, day: date) -> CallableService | None:
        """The service with this code on that day."""
        row = await reader.fetch_one(self._named, code=code, on=day)
        return CallableService(**dict(row)) if row else None
