"""Navigators over HTTP: the roster, availability and work lists."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import Header, Request, Response
from pydantic import ValidationInfo, field_validator

from services.navigation import commands
from services.navigation.api.auth import Coordinator, Cursor, Limit, NavigatorCode, Staff
from services.navigation.api.responses import NavigatorView, TaskView
from services.navigation.api.task import audit, page
from services.navigation.domain.access import require_employer, require_own
from services.navigation.domain.navigator import NAVIGATOR, Navigator, NavigatorNotFound, ReturnTimePassed
from services.navigation.domain.permission import navigator_commands
from services.navigation.domain.policy import Policy
from services.navigation.handlers import navigator as handlers
from services.navigation.queries import feed as feeds
from services.navigation.queries import navigator as queries
from services.navigation.queries import task as tasks
from shared.contracts.codes import Locality, Role
from shared.contracts.input_types import Flag, Instant
from shared.kernel.date_limits import DateOutOfLimits
from shared.kernel.errors import FeedAccessDenied, OrganisationNotInvolved, VersionConflict
from shared.persistence.transaction import Transaction
from shared.web.dependencies import IfMatch, Unit, version_of
from shared.web.pagination import decode_cursor
from shared.web.problems import problems
from shared.web.requests import CommandModel, strict_router
from shared.web.responses import Action, Page, actions, created, json_response

router = strict_router(prefix="/navigation", tags=["navigators"])

_REFUSALS = (NavigatorNotFound, OrganisationNotInvolved, FeedAccessDenied)


class Registration(CommandModel[commands.RegisterNavigator]):
    locality: Locality
    role: Literal[Role.CARE_NAVIGATOR, Role.CASE_MANAGER]


class Availability(CommandModel[commands.DeclareAvailability]):
    is_available: Flag
    until: Instant | None = None

    @field_validator("until")
    @classmethod
    def _until_belongs_to_an_absence(cls, until: datetime | None, others: ValidationInfo) -> datetime | None:
        if until is not None and others.data.get("is_available"):
            raise ValueError("only an absence has an end")
        return until


@router.put(
    "/navigators/{navigator_id}",
    name="RegisterNavigator",
    response_model=NavigatorView,
    status_code=201,
    responses={200: {"model": NavigatorView}, **problems(OrganisationNotInvolved, VersionConflict)},
)
async def register_navigator(
    navigator_id: NavigatorCode,
    body: Registration,
    caller: Coordinator,
    unit: Unit,
    version: Annotated[str | None, Header(alias="If-Match")] = None,
) -> Response:
    """Registers a navigator, or with If-Match moves them to another locality or role."""
    expected = version_of(version) if version is not None else 0
    async with unit.transaction(caller) as tx:
        navigator = await handlers.register_navigator(navigator_id, body.command(), expected, tx=tx)
        view = await _view(navigator.code, tx)
        if navigator.version == 1 and tx.has_recorded:
            return created(tx, view, f"/navigation/navigators/{navigator.code}")
    return json_response(view)


@router.get("/navigators", responses=problems())
async def read_roster(caller: Coordinator, unit: Unit) -> Page[NavigatorView]:
    """The navigators of the caller's organisation by locality, each with the number of open tasks."""
    async with unit.transaction(caller) as tx:
        roster = await queries.roster(tx, caller.organisation)
        newest = await feeds.newest(tx, [candidate.navigator.code for candidate in roster])
    return Page(items=[NavigatorView.of(candidate, newest.get(candidate.navigator.code, 0)) for candidate in roster])


@router.get("/navigators/{navigator_id}", response_model=NavigatorView, responses=problems(*_REFUSALS))
async def read_navigator(navigator_id: NavigatorCode, caller: Staff, unit: Unit) -> Response:
    """One navigator: locality, availability, caseload and the end of the feed."""
    async with unit.transaction(caller) as tx:
        await readable(navigator_id, tx)
        view = await _view(navigator_id, tx)
    return json_response(view)


@router.get("/navigators/{navigator_id}/actions", responses=problems(*_REFUSALS))
async def navigator_actions(navigator_id: NavigatorCode, caller: Staff, unit: Unit, request: Request) -> list[Action]:
    """The commands that the caller may send in the present state."""
    async with unit.transaction(caller) as tx:
        navigator = await readable(navigator_id, tx)
    permitted = {command.__name__ for command in navigator_commands(navigator, caller)}
    return [each for each in actions(request, navigator.presence, [NAVIGATOR], navigator_id=navigator_id) if each.name in permitted]


@router.post(
    "/navigators/{navigator_id}/availability",
    name="DeclareAvailability",
    response_model=NavigatorView,
    responses=problems(*_REFUSALS, DateOutOfLimits, ReturnTimePassed, VersionConflict),
)
async def declare_availability(navigator_id: NavigatorCode, body: Availability, caller: Staff, version: IfMatch, unit: Unit) -> Response:
    """Declares the navigator available, or away; the tasks of one who goes away are reallocated. A repetition changes nothing."""
    async with unit.transaction(caller) as tx:
        await handlers.declare_availability(navigator_id, body.command(), version, tx=tx)
        view = await _view(navigator_id, tx)
    return json_response(view)


@router.get("/navigators/{navigator_id}/tasks", responses=problems(*_REFUSALS))
async def work_list(navigator_id: NavigatorCode, caller: Staff, unit: Unit, cursor: Cursor = None, limit: Limit = 50) -> Page[TaskView]:
    """The navigator's open tasks, the soonest due first."""
    last = decode_cursor(cursor) if cursor else None
    async with unit.transaction(caller) as tx:
        await readable(navigator_id, tx)
        found = await tasks.work_list(tx, navigator_id, after=last, limit=limit + 1)
        audit(found[:limit], tx)
    return page(found, limit)


async def readable(navigator_id: str, tx: Transaction[Policy], subject: str = "The list") -> Navigator:
    """The navigator, when the caller is that navigator or coordinates them. `subject` is what the caller asks for.

    Raises FeedAccessDenied, also for an unknown code: a navigator cannot find out which codes exist. Then NavigatorNotFound
    and StaffCodeTaken.
    """
    navigator = await queries.find_navigator(tx, navigator_id)
    require_own(tx.actor, [navigator.professional] if navigator else [], subject)
    if navigator is None:
        raise NavigatorNotFound("No navigator has this code.")
    require_employer(tx.actor, navigator.organisation)
    return navigator


async def _view(navigator_id: str, tx: Transaction[Policy]) -> NavigatorView:
    newest = await feeds.newest(tx, [navigator_id])
    return NavigatorView.of(await queries.caseload(tx, navigator_id), newest.get(navigator_id, 0))
