"""Home checks: those whose day has not come, and those that became a task or were cancelled."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime
from uuid import UUID

import asyncpg
import sqlalchemy as sa
from pydantic import TypeAdapter
from sqlalchemy.dialects.postgresql import insert

from services.navigation.domain.home_check import HomeCheck, HomeCheckNotFound, Status
from services.navigation.store.tables import MERGED, METADATA, Tx
from shared.kernel.decision import Decision
from shared.kernel.errors import VersionConflict
from shared.kernel.ids import PersonId
from shared.persistence.schema import INSTANT
from shared.persistence.statements import ReadSession, Statement
from shared.persistence.transaction import EventSubject

#: Literal text, so that the planner uses the index with the same condition.
EXPECTED = f"status = '{Status.EXPECTED}'"

HOME_CHECK = sa.Table(
    "home_check",
    METADATA,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("person_id", sa.Uuid, nullable=False, index=True),
    sa.Column("discharged_on", sa.Date, nullable=False),
    sa.Column("due_at", INSTANT, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("cancel_reason", sa.Text),
    sa.Column("person_gone_at", INSTANT, comment="the record of the death or move that ended the check"),
    sa.Column("ended_at", INSTANT),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Index("ix_home_check_expected", "due_at", "id", postgresql_where=sa.text(EXPECTED)),
    comment="Checks 91 days after a discharge (T11).",
)

_ROW = TypeAdapter(HomeCheck)
_NEW = insert(HOME_CHECK).values({column.name: sa.bindparam(column.name) for column in HOME_CHECK.columns})
_SAVE = Statement(
    _NEW.on_conflict_do_update(
        index_elements=["id"],
        set_={name: _NEW.excluded[name] for name in ("status", "cancel_reason", "person_gone_at", "ended_at", "version")},
        where=HOME_CHECK.c.version == _NEW.excluded.version - 1,
    )
)
_LOCKED = Statement(sa.select(HOME_CHECK).where(HOME_CHECK.c.id == sa.bindparam("id")).with_for_update())
_IN_ORDER = sa.select(HOME_CHECK).order_by(HOME_CHECK.c.due_at, HOME_CHECK.c.id)
_OF_ID = Statement(_IN_ORDER.where(HOME_CHECK.c.person_id == sa.bindparam("person_id")))
_OF_PERSON = Statement(_IN_ORDER.where(MERGED.is_of_group(HOME_CHECK.c.person_id)))
_OF_DISCHARGE = Statement(_IN_ORDER.where(MERGED.is_of_group(HOME_CHECK.c.person_id), HOME_CHECK.c.discharged_on == sa.bindparam("day")))
_PAGE = Statement(
    sa.select(HOME_CHECK)
    .where(
        sa.text(EXPECTED),
        sa.tuple_(HOME_CHECK.c.due_at, HOME_CHECK.c.id)
        > sa.tuple_(sa.bindparam("due_at", type_=INSTANT), sa.bindparam("id", type_=sa.Uuid)),
    )
    .order_by(HOME_CHECK.c.due_at, HOME_CHECK.c.id)
    .limit(sa.bindparam("limit", type_=sa.Integer))
)


async def find(tx: Tx, check_id: UUID) -> HomeCheck | None:
    """Locks the row until the transaction ends."""
    row = await tx.fetch_one(_LOCKED, id=check_id)
    return None if row is None else _of(row)


async def load(tx: Tx, check_id: UUID) -> HomeCheck:
    """Locks the row until the transaction ends. Raises HomeCheckNotFound."""
    check = await find(tx, check_id)
    if check is None:
        raise HomeCheckNotFound(f"No home check has the id {check_id}.")
    return check


async def save(tx: Tx, decision: Decision[HomeCheck]) -> HomeCheck:
    """Writes the check under its next version, with its deadline and audit. Raises VersionConflict."""
    before = decision.state.version
    check = replace(decision.state, version=before + 1)
    if await tx.execute(_SAVE, **_ROW.dump_python(check)) != "INSERT 0 1":
        raise VersionConflict(f"The home check {check.id}", before, before + 1)
    for kind in decision.cancels:
        tx.cancel_deadlines(check.id, kind)
    for deadline in decision.deadlines:
        tx.set_deadline(EventSubject(check.id, check.person_id, check.id), deadline)
    tx.audit(check.id, check.version)
    return check


async def checks_under(reader: ReadSession, person_id: PersonId) -> list[HomeCheck]:
    """The home checks under this id, the soonest due first. A death or a move arrives for each id of a person."""
    return [_of(row) for row in await reader.fetch(_OF_ID, person_id=person_id)]


async def checks_after(reader: ReadSession, person_id: PersonId, discharged_on: date) -> list[HomeCheck]:
    """The home checks of a person after this discharge, under any of their ids."""
    return [_of(row) for row in await reader.fetch(_OF_DISCHARGE, person_id=person_id, day=discharged_on)]


async def checks_of(reader: ReadSession, person_id: PersonId) -> list[HomeCheck]:
    """All home checks of a person under any of their ids, the soonest due first."""
    return [_of(row) for row in await reader.fetch(_OF_PERSON, person_id=person_id)]


async def expected(reader: ReadSession, *, after: tuple[datetime, UUID], limit: int) -> Sequence[HomeCheck]:
    """The expected checks of all people, the soonest due first."""
    due_at, last = after
    return [_of(row) for row in await reader.fetch(_PAGE, due_at=due_at, id=last, limit=limit)]


def _of(row: asyncpg.Record) -> HomeCheck:
    return _ROW.validate_python(dict(row))
