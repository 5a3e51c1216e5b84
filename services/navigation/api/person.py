"""A person on navigation's own screen: what they told once, everything that was to be done for them, and the check after hospital."""

from datetime import date
from uuid import UUID

from fastapi import APIRouter, Response

from services.navigation.api.auth import Staff
from services.navigation.api.responses import HomeCheckView, StoryView, TaskView
from services.navigation.domain.access import is_shared, require_involved, require_reader
from services.navigation.domain.home_check import DischargeInFuture, HomeCheckInPast
from services.navigation.domain.policy import Policy
from services.navigation.handlers import person as handlers
from services.navigation.queries import person as queries
from services.navigation.queries import task as tasks
from services.navigation.queries.person import PersonWithLead
from shared.kernel.errors import FeedAccessDenied, OrganisationNotInvolved, PersonRecordNotFound, StoryWithheld
from shared.kernel.ids import PersonId
from shared.persistence.transaction import Transaction
from shared.web.dependencies import IdempotencyHeader, Unit
from shared.web.problems import problems
from shared.web.responses import Page, RequestModel, created

router = APIRouter(tags=["people"])

_RELATED = (PersonRecordNotFound, OrganisationNotInvolved, FeedAccessDenied)


class Discharge(RequestModel):
    discharged_on: date


@router.get("/people/{person_id:uuid}/story", responses=problems(*_RELATED, StoryWithheld))
async def read_story(person_id: UUID, caller: Staff, unit: Unit) -> StoryView:
    """What the person told once, from navigation's own copy: nobody asks them again (AC1)."""
    async with unit.audited_read(caller, person_id) as tx:
        person = await _person_with_lead(person_id, tx)
        if not is_shared(person.record.sharing):
            raise StoryWithheld("The person has withheld their story.")
    return StoryView.of(person_id, person)


@router.get("/people/{person_id:uuid}/tasks", responses=problems(*_RELATED))
async def tasks_about(person_id: UUID, caller: Staff, unit: Unit) -> Page[TaskView]:
    """Every task there ever was for the person, oldest first (AC6)."""
    async with unit.audited_read(caller, person_id) as tx:
        await _person_with_lead(person_id, tx)
        shown = await tasks.about(tx, person_id)
    return Page(items=[TaskView.of(details) for details in shown])


@router.post(
    "/people/{person_id:uuid}/home-checks",
    response_model=HomeCheckView,
    status_code=201,
    responses=problems(*_RELATED, DischargeInFuture, HomeCheckInPast),
)
async def expect_home_check(person_id: UUID, body: Discharge, caller: Staff, key: IdempotencyHeader, unit: Unit) -> Response:
    """The person left hospital on this day: 91 days later somebody looks whether they are still at home (T11)."""
    async with unit.transaction(caller, key) as tx:
        await _person_with_lead(person_id, tx)
        check = await handlers.expect_home_check(PersonId(person_id), body.discharged_on, tx=tx)
        return created(tx, HomeCheckView.model_validate(check), f"/navigation/people/{person_id}/tasks")


async def _person_with_lead(person_id: UUID, tx: Transaction[Policy]) -> PersonWithLead:
    """For navigators who have or had a task for the person, their coordinators, and the accountable lead professional (IG8)."""
    person = await queries.story(tx, person_id)
    require_involved(tx.actor, tx.policy.organisation, person.navigators.values(), person.lead)
    require_reader(tx.actor, person.navigators, person.lead)
    return person
