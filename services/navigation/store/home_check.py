"""Home checks whose day has not come."""

from uuid import UUID

import asyncpg
import sqlalchemy as sa
from pydantic import TypeAdapter
from sqlalchemy.dialects.postgresql import insert

from services.navigation.domain.home_check import DUE, HomeCheck
from services.navigation.store.tables import METADATA, Tx
from shared.kernel.ids import PersonId
from shared.persistence.schema import INSTANT
from shared.persistence.statements import Statement
from shared.persistence.transaction import EventSubject

HOME_CHECK = sa.Table(
    "home_check",
    METADATA,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("person_id", sa.Uuid, nullable=False, index=True),
    sa.Column("discharged_on", sa.Date, nullable=False),
    sa.Column("due_at", INSTANT, nullable=False),
    comment="Checks 91 days after a discharge (T11).",
)

_ROW = TypeAdapter(HomeCheck)
_INSERT = Statement(
    insert(HOME_CHECK).values({column.name: sa.bindparam(column.name) for column in HOME_CHECK.columns}).on_conflict_do_nothing()
)
_TAKE = Statement(sa.delete(HOME_CHECK).where(HOME_CHECK.c.id == sa.bindparam("id")).returning(HOME_CHECK))
_FORGET = Statement(sa.delete(HOME_CHECK).where(HOME_CHECK.c.person_id == sa.bindparam("person_id")).returning(HOME_CHECK))


async def expect(tx: Tx, check: HomeCheck) -> None:
    """Inserts the check and its deadline; idempotent."""
    if await tx.execute(_INSERT, **_ROW.dump_python(check)) == "INSERT 0 1":
        tx.set_deadline(EventSubject(check.id, check.person_id, check.id), check.deadline)
        tx.audit(check.id)


async def take(tx: Tx, check_id: UUID) -> HomeCheck | None:
    """Deletes and returns the check on its day; None when the person died or moved away before."""
    row = await tx.fetch_one(_TAKE, id=check_id)
    return None if row is None else _of(row)


async def forget(tx: Tx, person_id: PersonId) -> None:
    """Deletes the checks of a person with their deadlines."""
    for row in await tx.fetch(_FORGET, person_id=person_id):
        tx.cancel_deadlines(row["id"], DUE)


def _of(row: asyncpg.Record) -> HomeCheck:
    return _ROW.validate_python(dict(row))
