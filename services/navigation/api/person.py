"""A person on navigation's own screen: what they told once, and everything that was to be done for them."""

from uuid import UUID

from fastapi import APIRouter

from services.navigation.api.callers import Staff
from services.navigation.api.views import StoryView, TaskView
from services.navigation.domain.access import NotOwnFeed, OrganisationNotInvolved, require_involved, require_reader
from services.navigation.domain.policy import Policy
from services.navigation.queries import person as queries
from services.navigation.queries import task as tasks
from services.navigation.queries.person import StoryNotFound, Told
from shared.persistence.transaction import Transaction
from shared.web.problems import problems
from shared.web.request import Unit

router = APIRouter(tags=["people"])

_REFUSALS = problems(StoryNotFound, OrganisationNotInvolved, NotOwnFeed)


@router.get("/people/{person_id:uuid}/story", responses=_REFUSALS)
async def read_story(person_id: UUID, caller: Staff, unit: Unit) -> StoryView:
    """What the person told once, from navigation's own copy: nobody asks them again (AC1)."""
    async with unit.viewing(caller, person_id) as tx:
        return StoryView.of(person_id, await _told(person_id, tx))


@router.get("/people/{person_id:uuid}/tasks", responses=_REFUSALS)
async def tasks_about(person_id: UUID, caller: Staff, unit: Unit) -> list[TaskView]:
    """Every task there ever was for the person, oldest first (AC6)."""
    async with unit.viewing(caller, person_id) as tx:
        await _told(person_id, tx)
        return [TaskView.of(shown) for shown in await tasks.about(tx, person_id)]


async def _told(person_id: UUID, tx: Transaction[Policy]) -> Told:
    """For navigators who have or had a task for the person, their coordinators, and the accountable lead professional (IG8)."""
    told = await queries.story(tx, person_id)
    require_involved(tx.actor, tx.policy.organisation, told.navigators.values(), told.lead)
    require_reader(tx.actor, told.navigators, told.lead)
    return told
