"""Navigators and case managers, with what each has in hand."""

import sqlalchemy as sa

from services.navigation.domain.assignment import Candidate
from services.navigation.domain.navigator import Navigator, NavigatorNotFound, id_of
from services.navigation.store.tables import METADATA, Tx
from services.navigation.store.task import TASK
from shared.contracts.codes import Role
from shared.persistence.aggregates import Aggregates
from shared.persistence.platform import INSTANT
from shared.persistence.statements import Reader, Statement

NAVIGATOR = sa.Table(
    "navigator",
    METADATA,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("code", sa.Text, nullable=False, unique=True),
    sa.Column("organisation", sa.Text, nullable=False),
    sa.Column("locality", sa.Text, nullable=False),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("presence", sa.Text, nullable=False),
    sa.Column("away_until", INSTANT),
    sa.Column("correlation_id", sa.Uuid, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
)

navigators = Aggregates(Navigator, NAVIGATOR, topic="navigation.navigator", key=lambda navigator: navigator.id, not_found=NavigatorNotFound)

OPEN_TASKS = (
    sa.select(sa.func.count())
    .where(TASK.c.navigator_id == NAVIGATOR.c.code, TASK.c.ended_at.is_(None))
    .scalar_subquery()
    .label("open_tasks")
)
_OF_ROLE = Statement(sa.select(NAVIGATOR, OPEN_TASKS).where(NAVIGATOR.c.role == sa.bindparam("role")))
_ONE = Statement(sa.select(NAVIGATOR, OPEN_TASKS).where(NAVIGATOR.c.id == sa.bindparam("id")))


async def candidates(tx: Tx, role: Role) -> list[Candidate]:
    """Everybody of a role, there or away."""
    return [Candidate(navigators.of(row), row["open_tasks"]) for row in await tx.fetch(_OF_ROLE, role=role)]


async def candidate(reader: Reader, code: str) -> Candidate:
    """One navigator by staff code. Raises NavigatorNotFound."""
    row = await reader.fetch_one(_ONE, id=id_of(code))
    if row is None:
        raise NavigatorNotFound("There is no navigator with this code.")
    return Candidate(navigators.of(row), row["open_tasks"])
