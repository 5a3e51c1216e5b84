"""Tasks."""

from uuid import UUID

import sqlalchemy as sa

from services.navigation.domain.task import Status, Task, TaskNotFound
from services.navigation.store.tables import METADATA, Tx
from shared.contracts.codes import Role
from shared.contracts.navigation import TaskSource
from shared.kernel.ids import PersonId
from shared.persistence.batching.batch_repository import BatchRepository
from shared.persistence.schema import INSTANT
from shared.persistence.statements import Statement

TOPIC = "navigation.task"

#: Literal text, so that the planner uses the index with the same condition.
UNASSIGNED = f"status = '{Status.UNASSIGNED}'"
#: Tasks that need a coordinator's attention: blocked, escalated or overdue.
ATTENTION = f"ended_at IS NULL AND (status = '{Status.BLOCKED}' OR escalated_at IS NOT NULL OR overdue_at IS NOT NULL)"

TASK = sa.Table(
    "task",
    METADATA,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("person_id", sa.Uuid, nullable=False, index=True),
    sa.Column("correlation_id", sa.Uuid, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("source_id", sa.Uuid, nullable=False, index=True),
    sa.Column("action_id", sa.Uuid),
    sa.Column("service_code", sa.Text),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("locality", sa.Text),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("created_at", INSTANT, nullable=False),
    sa.Column("due_at", INSTANT, nullable=False),
    sa.Column("acknowledge_by", INSTANT, nullable=False),
    sa.Column("referral_reason", sa.Text),
    sa.Column("happened_at", INSTANT),
    sa.Column("navigator_id", sa.Text),
    sa.Column("escalated_at", INSTANT),
    sa.Column("escalation", sa.Text),
    sa.Column("overdue_at", INSTANT),
    sa.Column("block_reason", sa.Text),
    sa.Column("navigator_reschedules", sa.Integer, nullable=False),
    sa.Column("outcome", sa.Text),
    sa.Column("cancel_reason", sa.Text),
    sa.Column("ended_at", INSTANT),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Index("ix_task_held", "navigator_id", "due_at", "id", postgresql_where=sa.text("ended_at IS NULL")),
    sa.Index("ix_task_waiting", "due_at", "id", postgresql_where=sa.text(UNASSIGNED)),
    sa.Index("ix_task_attention", "due_at", "id", postgresql_where=sa.text(ATTENTION)),
    sa.Index("ix_task_ended_at", "ended_at", postgresql_where=sa.text("outcome IS NOT NULL")),
    comment="Tasks of care navigators and case managers with their due times.",
)

tasks = BatchRepository(Task, TASK, topic=TOPIC, key=lambda task: task.person_id, not_found=TaskNotFound)

_OPEN = sa.select(TASK).where(TASK.c.ended_at.is_(None)).order_by(TASK.c.due_at, TASK.c.id)
_OF_SOURCE = Statement(_OPEN.where(TASK.c.source == sa.bindparam("source"), TASK.c.source_id == sa.bindparam("source_id")))
_OF_PERSON = Statement(_OPEN.where(TASK.c.person_id == sa.bindparam("person_id")))
_OF_NAVIGATOR = Statement(_OPEN.where(TASK.c.navigator_id == sa.bindparam("navigator_id")))
_ENDED = sa.select(TASK).where(TASK.c.ended_at.is_not(None)).order_by(TASK.c.due_at, TASK.c.id)
_ENDED_OF_SOURCE = Statement(_ENDED.where(TASK.c.source == sa.bindparam("source"), TASK.c.source_id == sa.bindparam("source_id")))
_ENDED_OF_PERSON = Statement(_ENDED.where(TASK.c.person_id == sa.bindparam("person_id")))
_WAITING = Statement(_OPEN.where(sa.text(UNASSIGNED), TASK.c.locality.is_not(None), TASK.c.role == sa.bindparam("role")).limit(1))


async def open_tasks_from(tx: Tx, source: TaskSource, source_id: UUID) -> list[Task]:
    """Open tasks of this origin: a plan, referral, response, lead, case or finding."""
    return [tasks.from_row(row) for row in await tx.fetch(_OF_SOURCE, source=source, source_id=source_id)]


async def open_tasks_about(tx: Tx, person_id: PersonId) -> list[Task]:
    """Open tasks under this id. A death or a move arrives for each id of a person."""
    return [tasks.from_row(row) for row in await tx.fetch(_OF_PERSON, person_id=person_id)]


async def ended_tasks_from(tx: Tx, source: TaskSource, source_id: UUID) -> list[Task]:
    return [tasks.from_row(row) for row in await tx.fetch(_ENDED_OF_SOURCE, source=source, source_id=source_id)]


async def ended_tasks_about(tx: Tx, person_id: PersonId) -> list[Task]:
    """Ended tasks under this id."""
    return [tasks.from_row(row) for row in await tx.fetch(_ENDED_OF_PERSON, person_id=person_id)]


async def open_tasks_of(tx: Tx, navigator_id: str) -> list[Task]:
    """Open tasks of one navigator, the soonest due first."""
    return [tasks.from_row(row) for row in await tx.fetch(_OF_NAVIGATOR, navigator_id=navigator_id)]


async def first_waiting(tx: Tx, role: Role) -> Task | None:
    """The soonest due task of the queue of a role; a task without a locality waits for a coordinator."""
    row = await tx.fetch_one(_WAITING, role=role)
    return None if row is None else tasks.from_row(row)
