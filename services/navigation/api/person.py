"""A person over HTTP: their story, all their tasks, and the home check after a discharge."""

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
from shared.web.requests import RequestModel
from shared.web.responses import Page, created

router = APIRouter(tags=["people"])

_RELATED = (PersonRecordNotFound, OrganisationNotInvolved, FeedAccessDenied)


class Discharge(RequestModel):
    discharged_on: date


@router.get("/people/{person_id:uuid}/story", responses=problems(*_RELATED, StoryWithheld))
async def read_story(person_id: UUID, caller: Staff, unit: Unit) -> StoryView:
    """The person's record with their story, so that they give it once (AC1)."""
    async with unit.audited_read(caller, person_id) as tx:
        person = await _person_with_lead(person_id, tx)
        if not is_shared(person.record.sharing):
            raise StoryWithheld("The person has withheld their story.")
    return StoryView.of(person_id, person)


@router.get("/people/{person_id:uuid}/tasks", responses=problems(*_RELATED))
async def tasks_about(person_id: UUID, caller: Staff, unit: Unit) -> Page[TaskView]:
    """All tasks of the person, the oldest first (AC6)."""
    async with unit.audited_read(caller, person_id) as tx:
        await _person_with_lead(person_id, tx)
        found = await tasks.about(tx, person_id)
    return Page(items=[TaskView.of(details) for details in found])


@router.post(
    "/people/{person_id:uuid}/home-checks",
    response_model=HomeCheckView,
    status_code=201,
    responses=problems(*_RELATED, DischargeInFuture, HomeCheckInPast),
)
async def expect_home_check(person_id: UUID, body: Discharge, caller: Staff, key: IdempotencyHeader, unit: Unit) -> Response:
    """Records a discharge from hospital: 91 days later a task checks whether the person is still at home (T11)."""
    async with unit.transaction(caller, key) as tx:
        await _person_with_lead(person_id, tx)
        check = await handlers.expect_home_check(PersonId(person_id), body.discharged_on, tx=tx)
        return created(tx, HomeCheckView.model_validate(check), f"/navigation/people/{person_id}/tasks")


async def _person_with_lead(person_id: UUID, tx: Transaction[Policy]) -> PersonWithLead:
    """Requires a navigator with a present or past task, a coordinator, or the accountable lead professional (IG8)."""
    person = await queries.story(tx, person_id)
    require_involved(tx.actor, tx.policy.organisation, person.navigators.values(), person.lead)
    require_reader(tx.actor, person.navigators, person.lead)
    return person
