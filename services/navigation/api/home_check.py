"""Home checks over HTTP: recorded after a discharge, listed, and cancelled."""

from datetime import UTC, datetime
from functools import partial
from uuid import UUID

from fastapi import Request, Response

from services.navigation import commands
from services.navigation.api.auth import Coordinator, Cursor, Limit, Staff
from services.navigation.api.responses import HomeCheckView
from services.navigation.domain.access import require_involved
from services.navigation.domain.closure import CancelReasonNotYours
from services.navigation.domain.home_check import HOME_CHECK, DischargeInFuture, HomeCheckInPast, HomeCheckNotFound
from services.navigation.domain.person_change import PersonDied
from services.navigation.handlers import home_check as handlers
from services.navigation.queries import home_check as queries
from services.navigation.queries.access import require_person
from shared.contracts.input_types import Day
from shared.contracts.navigation import CancelReason
from shared.kernel.errors import IllegalTransition, OrganisationNotInvolved, PersonRecordNotFound, VersionConflict
from shared.kernel.ids import PersonId
from shared.kernel.target import Target
from shared.web.dependencies import IdempotencyHeader, IfMatch, Unit
from shared.web.pagination import decode_cursor, encode_cursor
from shared.web.problems import problems
from shared.web.requests import CommandModel, RequestModel, strict_router
from shared.web.responses import Action, Page, actions, created, json_response

router = strict_router(prefix="/navigation", tags=["people"])

_BEGINNING = (datetime.fromtimestamp(0, UTC), UUID(int=0))


class Discharge(RequestModel):
    discharged_on: Day


class HomeCheckCancellation(CommandModel[commands.CancelHomeCheck]):
    reason: CancelReason


@router.post(
    "/people/{person_id:uuid}/home-checks",
    response_model=HomeCheckView,
    status_code=201,
    responses=problems(PersonRecordNotFound, DischargeInFuture, HomeCheckInPast, PersonDied),
)
async def expect_home_check(person_id: UUID, body: Discharge, caller: Staff, key: IdempotencyHeader, unit: Unit) -> Response:
    """Records a discharge from hospital: 91 days later a task checks whether the person is still at home (T11)."""
    async with unit.repeatable(caller, person_id, partial(require_person, person_id=person_id), key=key) as tx:
        check = await handlers.expect_home_check(PersonId(person_id), body.discharged_on, tx=tx)
        return created(tx, HomeCheckView.of(check), f"/navigation/people/{person_id}/home-checks")


@router.get("/people/{person_id:uuid}/home-checks", responses=problems(PersonRecordNotFound))
async def home_checks_about(person_id: UUID, caller: Staff, unit: Unit) -> Page[HomeCheckView]:
    """All home checks of the person, the soonest due first."""
    async with unit.audited_read(caller, person_id) as tx:
        await require_person(tx, person_id)
        found = await queries.of_person(tx, PersonId(person_id))
    return Page(items=[HomeCheckView.of(check) for check in found])


@router.get("/people/{person_id:uuid}/home-checks/{check_id:uuid}/actions", responses=problems(PersonRecordNotFound, HomeCheckNotFound))
async def home_check_actions(person_id: UUID, check_id: UUID, caller: Staff, unit: Unit, request: Request) -> list[Action]:
    """The commands that the present state permits."""
    async with unit.audited_read(caller, person_id) as tx:
        await require_person(tx, person_id)
        found = {check.id: check for check in await queries.of_person(tx, PersonId(person_id))}
    if check_id not in found:
        raise HomeCheckNotFound(f"No home check of this person has the id {check_id}.")
    return actions(request, found[check_id].status, [HOME_CHECK], person_id=person_id, check_id=check_id)


@router.post(
    "/people/{person_id:uuid}/home-checks/{check_id:uuid}/cancellation",
    name="CancelHomeCheck",
    response_model=HomeCheckView,
    responses=problems(PersonRecordNotFound, HomeCheckNotFound, IllegalTransition, VersionConflict, CancelReasonNotYours),
)
async def cancel_home_check(
    person_id: UUID, check_id: UUID, body: HomeCheckCancellation, caller: Staff, version: IfMatch, unit: Unit
) -> Response:
    """The check is not needed, or the day of discharge was wrong."""
    async with unit.transaction(caller) as tx:
        await require_person(tx, person_id)
        check = await handlers.cancel_home_check(person_id, Target(check_id, version), body.command(), tx=tx)
    return json_response(HomeCheckView.of(check))


@router.get("/home-checks", responses=problems(OrganisationNotInvolved))
async def list_home_checks(caller: Coordinator, unit: Unit, cursor: Cursor = None, limit: Limit = 50) -> Page[HomeCheckView]:
    """The expected home checks of all people, the soonest due first."""
    last = decode_cursor(cursor) if cursor else _BEGINNING
    async with unit.transaction(caller) as tx:
        require_involved(caller, tx.policy.organisation)
        found = await queries.expected(tx, after=last, limit=limit + 1)
        for check in found[:limit]:
            tx.audit(check.id)
    items = [HomeCheckView.of(check) for check in found[:limit]]
    return Page(items=items, next=encode_cursor(items[-1].due_at, items[-1].id) if len(found) > limit else None)
