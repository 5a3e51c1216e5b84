"""Navigators and case managers, with their caseloads (G25)."""

from collections.abc import Sequence

import asyncpg
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from services.navigation.domain.assignment import Candidate
from services.navigation.domain.navigator import Navigator, NavigatorNotFound, id_of
from services.navigation.domain.policy import Policy
from services.navigation.domain.task import Status, Task
from services.navigation.store.tables import METADATA, Tx
from services.navigation.store.task import TASK
from shared.contracts.codes import Role
from shared.kernel.decision import Decision
from shared.persistence.batching.batch_repository import BatchRepository
from shared.persistence.batching.prefetch import PrefetchedLookup
from shared.persistence.schema import INSTANT
from shared.persistence.statements import Statement

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
    sa.Column("return_unknown_at", INSTANT),
    sa.Column("version", sa.Integer, nullable=False),
    comment="Care navigators and case managers: locality, role and availability.",
)

navigators = BatchRepository(
    Navigator, NAVIGATOR, topic="navigation.navigator", key=lambda navigator: navigator.id, not_found=NavigatorNotFound
)

_WEIGHT = sa.func.coalesce(sa.cast(sa.bindparam("weights", type_=JSONB).op("->>")(TASK.c.kind), sa.Integer), 1)
_OPEN_TASKS = sa.select(sa.func.count()).where(TASK.c.navigator_id == NAVIGATOR.c.code, TASK.c.ended_at.is_(None))
_LOAD = _OPEN_TASKS.with_only_columns(sa.func.coalesce(sa.func.sum(_WEIGHT), 0)).where(TASK.c.status != Status.BLOCKED.value)
_CANDIDATES = sa.select(NAVIGATOR, _OPEN_TASKS.scalar_subquery().label("open_tasks"), _LOAD.scalar_subquery().label("load"))
_OF_ROLE = Statement(_CANDIDATES.where(NAVIGATOR.c.role == sa.bindparam("role")))
_OF_ORGANISATION = Statement(
    _CANDIDATES.where(NAVIGATOR.c.organisation == sa.bindparam("organisation")).order_by(NAVIGATOR.c.locality, NAVIGATOR.c.code)
)
_ONE = Statement(_CANDIDATES.where(NAVIGATOR.c.id == sa.bindparam("id")))


async def _load_rosters(tx: Tx, roles: Sequence[Role]) -> dict[Role, dict[str, Candidate]]:
    rosters: dict[Role, dict[str, Candidate]] = {}
    for role in roles:
        roster = [_candidate(row) for row in await tx.fetch(_OF_ROLE, role=role, weights=_weights(tx.policy))]
        rosters[role] = {candidate.navigator.code: candidate for candidate in roster}
    return rosters


#: The candidates of a role by staff code. `update_caseloads` and `save` keep a batch's copy current (docs/performance.md).
ROSTERS: PrefetchedLookup[Role, dict[str, Candidate]] = PrefetchedLookup(_load_rosters, absent=dict)


async def candidates(tx: Tx, role: Role) -> list[Candidate]:
    """Every navigator of a role, present or away. The transaction holds the allocation lock."""
    return list((await ROSTERS.get(tx, role)).values())


def update_caseloads(tx: Tx, before: Task | None, after: Task) -> None:
    """Updates the loaded caseloads after a task changed its navigator or status."""
    concerned = {task.navigator_id for task in (before, after) if task and task.navigator_id}
    for roster in ROSTERS.known(tx).values():
        for code in concerned & roster.keys():
            roster[code] = roster[code].after(before, after, tx.policy)


async def save(tx: Tx, decision: Decision[Navigator]) -> Navigator:
    """Saves a navigator; the next choice reads the rosters again."""
    ROSTERS.known(tx).clear()
    return await navigators.save(tx, decision)


async def roster(tx: Tx, organisation: str) -> list[Candidate]:
    """The navigators of an organisation, by locality."""
    return [_candidate(row) for row in await tx.fetch(_OF_ORGANISATION, organisation=organisation, weights=_weights(tx.policy))]


async def candidate(tx: Tx, code: str) -> Candidate:
    """One navigator by staff code. Raises NavigatorNotFound."""
    row = await tx.fetch_one(_ONE, id=id_of(code), weights=_weights(tx.policy))
    if row is None:
        raise NavigatorNotFound("No navigator has this code.")
    return _candidate(row)


def _weights(policy: Policy) -> dict[str, int]:
    return {str(kind): weight for kind, weight in policy.task_weights.items()}


def _candidate(row: asyncpg.Record) -> Candidate:
    return Candidate(navigators.from_row(row), row["open_tasks"], row["load"])
