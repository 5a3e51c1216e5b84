"""A person over HTTP: their story, and all their tasks."""

from uuid import UUID

from services.navigation.api.auth import Reader
from services.navigation.api.responses import StoryView, TaskView
from services.navigation.queries import person as queries
from services.navigation.queries import task as tasks
from services.navigation.queries.access import require_person
from shared.access import Part
from shared.kernel.errors import PersonRecordNotFound, StoryWithheld
from shared.web.dependencies import Unit
from shared.web.problems import problems
from shared.web.requests import strict_router
from shared.web.responses import Page

router = strict_router(prefix="/navigation", tags=["people"])


@router.get("/people/{person_id:uuid}/story", responses=problems(PersonRecordNotFound, StoryWithheld))
async def read_story(person_id: UUID, caller: Reader, unit: Unit) -> StoryView:
    """The person's record with their story, so that they give it once (AC1)."""
    async with unit.audited_read(caller, person_id) as tx:
        await require_person(tx, person_id, Part.STORY)
        person = await queries.story(tx, person_id)
    return StoryView.of(person_id, person)


@router.get("/people/{person_id:uuid}/tasks", responses=problems(PersonRecordNotFound))
async def tasks_about(person_id: UUID, caller: Reader, unit: Unit) -> Page[TaskView]:
    """All tasks of the person, the oldest first (AC6)."""
    async with unit.audited_read(caller, person_id) as tx:
        await require_person(tx, person_id)
        found = await tasks.about(tx, person_id)
    return Page(items=[TaskView.of(details) for details in found])
