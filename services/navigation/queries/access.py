"""What a caller may see of a person and of a task (shared/access.py)."""

from uuid import UUID

from services.navigation.domain.task import TaskNotFound
from services.navigation.queries.task import UNKNOWN_TASK, TaskDetails, task_details
from services.navigation.store.relationships import RELATIONSHIPS
from services.navigation.store.tables import Tx
from services.navigation.store.task import tasks
from shared.access import Part
from shared.kernel.errors import NotFound, PersonRecordNotFound
from shared.persistence.relationships import PersonAccess

__all__ = ["RELATIONSHIPS", "UNKNOWN_PERSON", "require_details", "require_person", "require_task"]

UNKNOWN_PERSON = "Care navigation has no record of the person."


async def require_person(tx: Tx, person_id: UUID, part: Part = Part.PLAN, unknown: NotFound | None = None) -> PersonAccess:
    """What the caller may see of the person, at least this part. Raises `unknown` or PersonRecordNotFound, PartNotShared, StoryWithheld."""
    access = await RELATIONSHIPS.access(tx, person_id)
    access.require(part, unknown or PersonRecordNotFound(UNKNOWN_PERSON))
    return access


async def require_task(tx: Tx, task_id: UUID) -> PersonAccess:
    """What the caller may see of the person of the task. Raises TaskNotFound."""
    task, unknown = await tasks.find(tx, task_id), TaskNotFound(UNKNOWN_TASK)
    if task is None:
        raise unknown
    return await require_person(tx, task.person_id, unknown=unknown)


async def require_details(tx: Tx, task_id: UUID) -> tuple[TaskDetails, PersonAccess]:
    """The task with its person, and what the caller may see of the person. Raises TaskNotFound."""
    details = await task_details(tx, task_id)
    return details, await require_person(tx, details.task.person_id, unknown=TaskNotFound(UNKNOWN_TASK))
