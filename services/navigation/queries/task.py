"""Tasks with their person, lead and the navigator's employer; their histories; counts of outcomes."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import asyncpg
import orjson
import sqlalchemy as sa

from services.navigation.domain.access import Lead, contact_of
from services.navigation.domain.task import Task, TaskNotFound
from services.navigation.store.navigator import NAVIGATOR
from services.navigation.store.projections import CARE_PLAN, lead_query, record_query
from services.navigation.store.tables import MERGED, Tx
from services.navigation.store.task import ATTENTION, TASK, TOPIC, UNASSIGNED, tasks
from shared.contracts.codes import Locality, PlaceOfCare
from shared.contracts.persons import PersonRecordRecorded
from shared.contracts.practices import Practices
from shared.kernel.totality import total
from shared.persistence.practices import practices_of
from shared.persistence.schema import INSTANT
from shared.persistence.statements import ReadSession, Statement

UNKNOWN_TASK = "No task has this id."
_BEGINNING = (datetime.fromtimestamp(0, UTC), UUID(int=0))


class TaskFilter(StrEnum):
    """The lists of a coordinator."""

    UNASSIGNED = "unassigned"
    NEEDS_ATTENTION = "needs-attention"


@dataclass(frozen=True, slots=True)
class TaskDetails:
    """A task with its person's record, the lead, the contact of today, the preferred place of care and the navigator's employer."""

    task: Task
    record: PersonRecordRecorded | None
    lead: Lead | None
    preferred_place_of_care: PlaceOfCare | None
    employer: str | None
    contact: Lead | None = None


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One event of a task."""

    sequence: int
    type: str
    at: datetime
    organisation: str
    role: str
    data: dict[str, Any]


_PLACE_OF_CARE = (
    sa.select(CARE_PLAN.c.preferred_place_of_care)
    .where(MERGED.is_of_group(CARE_PLAN.c.person_id, TASK.c.person_id), CARE_PLAN.c.is_in_force)
    .order_by((CARE_PLAN.c.person_id == TASK.c.person_id).desc(), CARE_PLAN.c.care_plan_id)
    .limit(1)
    .scalar_subquery()
)
_PERSON, _LEAD = record_query(TASK.c.person_id).lateral("person_of_task"), lead_query(TASK.c.person_id).lateral("lead_of_task")
_DETAILS = (
    sa.select(
        TASK,
        _PERSON.c.record,
        _LEAD.c.professional_id.label("lead_id"),
        _LEAD.c.role.label("lead_role"),
        _LEAD.c.organisation.label("lead_organisation"),
        _LEAD.c.is_fallback.label("lead_is_fallback"),
        _PLACE_OF_CARE.label("preferred_place_of_care"),
        NAVIGATOR.c.organisation.label("employer"),
    )
    .select_from(TASK)
    .outerjoin(_PERSON, sa.true())
    .outerjoin(_LEAD, sa.true())
    .outerjoin(NAVIGATOR, NAVIGATOR.c.code == TASK.c.navigator_id)
)
_ONE = Statement(_DETAILS.where(TASK.c.id == sa.bindparam("id")))
_ABOUT = Statement(_DETAILS.where(MERGED.is_of_group(TASK.c.person_id)).order_by(TASK.c.created_at, TASK.c.id))
#: An open task is seen by those whose list it is in.
_IS_OPEN = TASK.c.ended_at.is_(None)
_PAGE = (
    _DETAILS.where(
        _IS_OPEN,
        sa.tuple_(TASK.c.due_at, TASK.c.id) > sa.tuple_(sa.bindparam("due_at", type_=INSTANT), sa.bindparam("id", type_=sa.Uuid)),
    )
    .order_by(TASK.c.due_at, TASK.c.id)
    .limit(sa.bindparam("limit", type_=sa.Integer))
)
_LOCALITY = sa.bindparam("locality", type_=sa.Text)
#: A task without a locality belongs to the coordinators of all of them.
_IN_LOCALITY = _PAGE.where(sa.or_(_LOCALITY.is_(None), TASK.c.locality == _LOCALITY, TASK.c.locality.is_(None)))
_WORK_LIST = Statement(_PAGE.where(TASK.c.navigator_id == sa.bindparam("navigator_id")))
_LISTS = total(
    TaskFilter,
    {
        TaskFilter.UNASSIGNED: Statement(_IN_LOCALITY.where(sa.text(UNASSIGNED))),
        TaskFilter.NEEDS_ATTENTION: Statement(_IN_LOCALITY.where(sa.text(ATTENTION))),
    },
)
_HISTORY = "SELECT sequence, type, occurred_at, actor_org, actor_role, data FROM event WHERE subject = $1 AND topic = $2 ORDER BY sequence"
_OUTCOMES = Statement(
    sa.select(TASK.c.kind, TASK.c.outcome, sa.func.count().label("tasks"))
    .where(
        TASK.c.outcome.is_not(None),
        TASK.c.ended_at >= sa.bindparam("since", type_=INSTANT),
        TASK.c.ended_at < sa.bindparam("until", type_=INSTANT),
    )
    .group_by(TASK.c.kind, TASK.c.outcome)
    .order_by(TASK.c.kind, TASK.c.outcome)
)


async def task_details(tx: Tx, task_id: UUID) -> TaskDetails:
    """Raises TaskNotFound."""
    row = await tx.fetch_one(_ONE, id=task_id)
    if row is None:
        raise TaskNotFound(UNKNOWN_TASK)
    [details] = await _details(tx, [row])
    return details


async def about(tx: Tx, person_id: UUID) -> list[TaskDetails]:
    """All tasks of a person under any of their ids, the oldest first."""
    return await _details(tx, await tx.fetch(_ABOUT, person_id=person_id))


async def work_list(tx: Tx, navigator_id: str, *, after: tuple[datetime, UUID] | None, limit: int) -> list[TaskDetails]:
    """The open tasks of a navigator, the soonest due first."""
    due_at, last = after or _BEGINNING
    return await _details(tx, await tx.fetch(_WORK_LIST, navigator_id=navigator_id, due_at=due_at, id=last, limit=limit))


async def tasks_where(
    tx: Tx, status: TaskFilter, *, locality: Locality | None, after: tuple[datetime, UUID] | None, limit: int
) -> list[TaskDetails]:
    """The soonest due first: the tasks of a locality and those without any; all when no locality is named."""
    due_at, last = after or _BEGINNING
    return await _details(tx, await tx.fetch(_LISTS[status], locality=locality, due_at=due_at, id=last, limit=limit))


async def history(reader: ReadSession, task_id: UUID) -> list[HistoryEntry]:
    """The events of a task, across all its navigators."""
    rows = await reader.connection.fetch(_HISTORY, task_id, TOPIC)
    return [_step(row) for row in rows]


async def outcomes(reader: ReadSession, since: datetime, until: datetime) -> Sequence[asyncpg.Record]:
    """Numbers of fulfilled tasks by kind and outcome (K19)."""
    return await reader.fetch(_OUTCOMES, since=since, until=until)


def _step(row: asyncpg.Record) -> HistoryEntry:
    actor = (row["actor_org"], row["actor_role"])
    return HistoryEntry(row["sequence"], row["type"], row["occurred_at"], *actor, orjson.loads(row["data"]))


async def _details(tx: Tx, rows: Sequence[asyncpg.Record]) -> list[TaskDetails]:
    """The rows with the contact of today."""
    found, today = [_details_of(row) for row in rows], tx.policy.day_of(tx.now)
    codes = {code for each in found for code in (_practice_code(each), each.lead.organisation if each.lead else None) if code}
    practices = await practices_of(tx, codes) if codes else Practices(())
    return [replace(each, contact=contact_of(each.lead, _practice_code(each), practices, today)) for each in found]


def _practice_code(details: TaskDetails) -> str | None:
    return details.record.practice_code if details.record else None


def _details_of(row: asyncpg.Record) -> TaskDetails:
    lead = Lead(row["lead_id"], row["lead_role"], row["lead_organisation"], row["lead_is_fallback"]) if row["lead_id"] else None
    record = PersonRecordRecorded.model_validate(row["record"], extra="ignore") if row["record"] else None
    place = PlaceOfCare(row["preferred_place_of_care"]) if row["preferred_place_of_care"] else None
    return TaskDetails(tasks.from_row(row), record, lead, place, row["employer"])
