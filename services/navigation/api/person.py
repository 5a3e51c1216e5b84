"""A person over HTTP: their story, and all their tasks."""

from uuid import UUID

from services.navigation.api.auth import Reader
from services.navigation.api.responses import StoryView, TaskView
from services.navigation.domain.access import is_shared, require_reader
from services.navigation.domain.policy import Policy
from services.navigation.queries import person as queries
from services.navigation.queries import task as tasks
from services.navigation.queries.person import PersonWithLead
from shared.kernel.errors import FeedAccessDenied, OrganisationNotInvolved, PersonRecordNotFound, StoryWithheld
from shared.persistence.transaction import Transaction
from shared.web.dependencies import Unit
from shared.web.problems import problems
from shared.web.requests import strict_router
from shared.web.responses import Page

router = strict_router(prefix="/navigation", tags=["people"])

RELATED = (PersonRecordNotFound, OrganisationNotInvolved, FeedAccessDenied)


@router.get("/people/{person_id:uuid}/story", responses=problems(*RELATED, StoryWithheld))
async def read_story(person_id: UUID, caller: Reader, unit: Unit) -> StoryView:
    """The person's record with their story, so that they give it once (AC1)."""
    async with unit.audited_read(caller, person_id) as tx:
        person = await related_person(person_id, tx)
        if not is_shared(person.record.sharing):
            raise StoryWithheld("The person has withheld their story.")
    return StoryView.of(person_id, person)


@router.get("/people/{person_id:uuid}/tasks", responses=problems(*RELATED))
async def tasks_about(person_id: UUID, caller: Reader, unit: Unit) -> Page[TaskView]:
    """All tasks of the person, the oldest first (AC6)."""
    async with unit.audited_read(caller, person_id) as tx:
        await related_person(person_id, tx)
        found = await tasks.about(tx, person_id)
    return Page(items=[TaskView.of(details) for details in found])


async def related_person(person_id: UUID, tx: Transaction[Policy]) -> PersonWithLead:
    """Requires a navigator with a present or past task, a coordinator, or the accountable lead professional (IG8)."""
    person = await queries.story(tx, person_id)
    require_reader(tx.actor, tx.policy.organisation, person.navigators, person.lead, "The care of this person")
    return person
