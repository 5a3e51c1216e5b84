"""A person's recorded life: death, move, return, and the reversal of a mistake, by the Community Point of Access."""

from collections.abc import Awaitable, Callable
from datetime import date, datetime
from functools import partial
from uuid import UUID

from fastapi import Request
from fastapi import Response as HttpResponse

from services.referrals import commands
from services.referrals.api.auth import PointOfAccess, Triager
from services.referrals.domain.life import DeathReversible, Life, LifeStatus, MoveReversible, RestorationTooLate, available_changes
from services.referrals.domain.person import PersonNotFound
from services.referrals.handlers import life as handlers
from services.referrals.queries import life as queries
from services.referrals.queries.people import require_person
from shared.contracts.input_types import Day, LongText, OrAbsent
from shared.contracts.persons import PersonChange
from shared.kernel.actor import Actor
from shared.kernel.date_limits import DateOutOfLimits
from shared.kernel.errors import IllegalTransition, VersionConflict
from shared.kernel.target import Target
from shared.web.dependencies import IfMatch, Unit, UnitOfWork
from shared.web.problems import problems
from shared.web.requests import CommandModel, strict_router
from shared.web.responses import Action, ResponseModel, VersionedResponse, actions, json_response

router = strict_router(prefix="/referrals/people/{person_id:uuid}", tags=["referrals", "people"])

_ANY = (PersonNotFound, IllegalTransition, VersionConflict)


class Death(CommandModel[commands.RecordDeath]):
    died_on: OrAbsent[Day] = None


class Move(CommandModel[commands.RecordMove]):
    moved_on: OrAbsent[Day] = None


class Reversal(CommandModel[commands.RestorePerson]):
    reason: LongText


class PersonsReturn(CommandModel[commands.RecordReturn]):
    reason: LongText


class ChangeView(ResponseModel):
    """A recorded death or move. `reported_by` is an organisation, or the service that reported it."""

    kind: PersonChange
    happened_on: date | None
    reported_by: str
    recorded_at: datetime


class RestorationView(ResponseModel):
    """The last reversal of a mistaken change."""

    mistaken: PersonChange
    restored_at: datetime
    restored_by: str
    reason: str


class ReturnView(ResponseModel):
    """The last return of the person after a recorded move, or after a death that was recorded by mistake."""

    after: PersonChange
    returned_at: datetime
    returned_by: str
    reason: str


class LifeView(VersionedResponse):
    """The recorded life of a person; version 0 without a recorded change. `changes` are those that hold."""

    person_id: UUID
    status: LifeStatus
    changes: tuple[ChangeView, ...]
    restoration: RestorationView | None
    returned: ReturnView | None


@router.get("/life", response_model=LifeView, responses=problems(PersonNotFound))
async def read_life(person_id: UUID, caller: PointOfAccess, unit: Unit) -> HttpResponse:
    """Whether the person is recorded as living, deceased or moved, also for a person without a referral."""
    async with unit.audited_read(caller, person_id) as tx:
        await require_person(tx, person_id)
        life = await queries.life(tx, person_id)
    return json_response(LifeView.model_validate(life))


@router.get("/life/actions", responses=problems(PersonNotFound))
async def life_actions(person_id: UUID, caller: PointOfAccess, unit: Unit, request: Request) -> list[Action]:
    """The commands that the person's recorded life permits now."""
    async with unit.audited_read(caller, person_id) as tx:
        await require_person(tx, person_id)
        life = await queries.life(tx, person_id)
        permitted = available_changes(life, tx.now, tx.policy)
    return actions(request, life.status, [permitted], person_id=person_id)


@router.post("/death", name="RecordDeath", response_model=LifeView, responses=problems(*_ANY, DateOutOfLimits))
async def record_death(person_id: UUID, body: Death, caller: Triager, version: IfMatch, unit: Unit) -> HttpResponse:
    """The person has died: every service ends its care. If-Match is the version of the life."""
    return await _change(unit, caller, handlers.record_death, Target(person_id, version), body.command())


@router.post("/move", name="RecordMove", response_model=LifeView, responses=problems(*_ANY, DateOutOfLimits))
async def record_move(person_id: UUID, body: Move, caller: Triager, version: IfMatch, unit: Unit) -> HttpResponse:
    """The person has moved out of the area: every service ends its care. If-Match is the version of the life."""
    return await _change(unit, caller, handlers.record_move, Target(person_id, version), body.command())


@router.post("/restoration", name="RestorePerson", response_model=LifeView, responses=problems(*_ANY, RestorationTooLate))
async def restore_person(person_id: UUID, body: Reversal, caller: Triager, version: IfMatch, unit: Unit) -> HttpResponse:
    """The recorded death or move was a mistake: every service reopens what ended with it. Permitted within a day."""
    return await _change(unit, caller, handlers.restore_person, Target(person_id, version), body.command())


@router.post("/return", name="RecordReturn", response_model=LifeView, responses=problems(*_ANY, DeathReversible, MoveReversible))
async def record_return(person_id: UUID, body: PersonsReturn, caller: Triager, version: IfMatch, unit: Unit) -> HttpResponse:
    """The person lives in the area, after a move or a mistaken record of a death, once neither can be reversed.

    Ended care stays ended; a referral that ended with the person may be opened again (ReopenReferral).
    """
    return await _change(unit, caller, handlers.record_return, Target(person_id, version), body.command())


async def _change(
    unit: UnitOfWork, caller: Actor, handler: Callable[..., Awaitable[Life]], target: Target, command: object
) -> HttpResponse:
    require = partial(require_person, person_id=target.id)
    return await unit.change(caller, handler, target, command, view=LifeView.model_validate, require=require)
