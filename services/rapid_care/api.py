"""Rapid Care over HTTP: the queue, one response, and what may be done with it."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi import Response as HttpResponse
from pydantic import AwareDatetime

from services.rapid_care import commands, domain, handlers, queries
from shared.contracts.codes import Condition, Locality
from shared.contracts.rapid_care import ContactMode, DeclineReason
from shared.kernel.actor import Actor
from shared.kernel.at import At
from shared.kernel.errors import IllegalTransition, VersionConflict
from shared.web.answers import Action, Body, VersionedView, actions, answer
from shared.web.problems import problems
from shared.web.request import IfMatch, Unit, requires

router = APIRouter(prefix="/rapid-care", tags=["rapid-care"])

Staff = Annotated[Actor, requires("rapid-care:respond")]


class FirstContact(Body):
    contacted_at: AwareDatetime
    mode: ContactMode = ContactMode.FACE_TO_FACE

    def command(self) -> commands.RecordFirstContact:
        return commands.RecordFirstContact(self.contacted_at, self.mode)


class Decline(Body):
    reason: DeclineReason

    def command(self) -> commands.DeclineResponse:
        return commands.DeclineResponse(self.reason)


class ResponseView(VersionedView):
    id: UUID
    person_id: UUID
    referral_id: UUID
    status: domain.Status
    condition: Condition
    locality: Locality
    received_at: datetime
    due_at: datetime
    seconds_left: int
    clinician_id: str | None
    contacted_at: datetime | None
    breached_at: datetime | None

    @classmethod
    def of(cls, response: domain.Response, now: datetime) -> "ResponseView":
        fields = {name: getattr(response, name) for name in cls.model_fields if name != "seconds_left"}
        return cls(**fields, seconds_left=round((response.due_at - now).total_seconds()))


@router.get("/responses/{response_id:uuid}", response_model=ResponseView, responses=problems(domain.ResponseNotFound))
async def read_response(response_id: UUID, caller: Staff, unit: Unit) -> HttpResponse:
    """One response with its clock."""
    async with unit.viewing(caller, response_id) as tx:
        response = await queries.response(tx, response_id)
        return answer(ResponseView.of(response, tx.now))


@router.get("/responses/{response_id:uuid}/actions", responses=problems(domain.ResponseNotFound))
async def response_actions(response_id: UUID, caller: Staff, unit: Unit, request: Request) -> list[Action]:  # noqa: ARG001  the scope counts
    """What may be done with it now."""
    async with unit.reading() as reader:
        response = await queries.response(reader, response_id)
    return actions(request, response.status, [domain.RESPONSE], response_id=response_id)


@router.post(
    "/responses/{response_id:uuid}/acceptance",
    name="AcceptResponse",
    response_model=ResponseView,
    responses=problems(domain.ResponseNotFound, IllegalTransition, VersionConflict),
)
async def accept_response(response_id: UUID, caller: Staff, version: IfMatch, unit: Unit) -> HttpResponse:
    """Rapid Care takes it."""
    async with unit.transaction(caller) as tx:
        response = await handlers.accept_response(At(response_id, version), tx=tx)
    return answer(ResponseView.of(response, tx.now))


@router.post(
    "/responses/{response_id:uuid}/decline",
    name="DeclineResponse",
    response_model=ResponseView,
    responses=problems(domain.ResponseNotFound, IllegalTransition, VersionConflict),
)
async def decline_response(response_id: UUID, body: Decline, caller: Staff, version: IfMatch, unit: Unit) -> HttpResponse:
    """Rapid Care gives it back to the Community Point of Access."""
    async with unit.transaction(caller) as tx:
        response = await handlers.decline_response(At(response_id, version), body.command(), tx=tx)
    return answer(ResponseView.of(response, tx.now))


@router.post(
    "/responses/{response_id:uuid}/first-contact",
    name="RecordFirstContact",
    response_model=ResponseView,
    responses=problems(domain.ResponseNotFound, IllegalTransition, domain.ContactInFuture, domain.ContactBeforeReceipt, VersionConflict),
)
async def first_contact(response_id: UUID, body: FirstContact, caller: Staff, version: IfMatch, unit: Unit) -> HttpResponse:
    """A clinician reached the person."""
    async with unit.transaction(caller) as tx:
        response = await handlers.record_first_contact(At(response_id, version), body.command(), tx=tx)
    return answer(ResponseView.of(response, tx.now))
