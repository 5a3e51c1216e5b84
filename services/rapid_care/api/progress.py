"""What the clinician records, from setting out to the outcome."""

from uuid import UUID

from fastapi import APIRouter
from fastapi import Response as HttpResponse

from services.rapid_care import handlers
from services.rapid_care.api.auth import REFUSALS, Clinician
from services.rapid_care.api.requests import Assessment, Closure, FirstContact, Package, SteppedDown
from services.rapid_care.api.responses import ResponseView
from services.rapid_care.domain.response import (
    ContactBeforeReceipt,
    ContactInFuture,
    NeedsInvalid,
    OutcomeInconsistent,
    ResponseNotFound,
    TelephoneNotAuthorised,
)
from shared.kernel.target import Target
from shared.web.dependencies import IfMatch, Unit
from shared.web.problems import problems
from shared.web.responses import json_response

router = APIRouter(prefix="/responses/{response_id:uuid}")


@router.post("/departure", name="Depart", response_model=ResponseView, responses=problems(ResponseNotFound, *REFUSALS))
async def leave_for_person(response_id: UUID, caller: Clinician, version: IfMatch, unit: Unit) -> HttpResponse:
    """The clinician sets out."""
    async with unit.transaction(caller) as tx:
        response = await handlers.leave_for_person(Target(response_id, version), tx=tx)
    return json_response(ResponseView.of(response, tx.policy, tx.now))


@router.post(
    "/first-contact",
    name="RecordFirstContact",
    response_model=ResponseView,
    responses=problems(ResponseNotFound, ContactInFuture, ContactBeforeReceipt, TelephoneNotAuthorised, *REFUSALS),
)
async def first_contact(response_id: UUID, body: FirstContact, caller: Clinician, version: IfMatch, unit: Unit) -> HttpResponse:
    """A clinician reached the person; the clock stops at the time that is stated."""
    async with unit.transaction(caller) as tx:
        response = await handlers.record_first_contact(Target(response_id, version), body.command(), tx=tx)
    return json_response(ResponseView.of(response, tx.policy, tx.now))


@router.post(
    "/assessment", name="RecordAssessment", response_model=ResponseView, responses=problems(ResponseNotFound, NeedsInvalid, *REFUSALS)
)
async def record_assessment(response_id: UUID, body: Assessment, caller: Clinician, version: IfMatch, unit: Unit) -> HttpResponse:
    """Health and social need, assessed together."""
    async with unit.transaction(caller) as tx:
        response = await handlers.record_assessment(Target(response_id, version), body.command(), tx=tx)
    return json_response(ResponseView.of(response, tx.policy, tx.now))


@router.post("/package", name="AgreePackage", response_model=ResponseView, responses=problems(ResponseNotFound, *REFUSALS))
async def agree_package(response_id: UUID, body: Package, caller: Clinician, version: IfMatch, unit: Unit) -> HttpResponse:
    """Care at home is arranged, or arranged anew; it may begin after Rapid Care closes."""
    async with unit.transaction(caller) as tx:
        response = await handlers.agree_package(Target(response_id, version), body.command(), tx=tx)
    return json_response(ResponseView.of(response, tx.policy, tx.now))


@router.post("/step-down", name="StepDownResponse", response_model=ResponseView, responses=problems(ResponseNotFound, *REFUSALS))
async def step_down(response_id: UUID, body: SteppedDown, caller: Clinician, version: IfMatch, unit: Unit) -> HttpResponse:
    """The crisis is over; somebody else carries on."""
    async with unit.transaction(caller) as tx:
        response = await handlers.step_down_response(Target(response_id, version), body.command(), tx=tx)
    return json_response(ResponseView.of(response, tx.policy, tx.now))


@router.post(
    "/closure", name="CloseResponse", response_model=ResponseView, responses=problems(ResponseNotFound, OutcomeInconsistent, *REFUSALS)
)
async def close_response(response_id: UUID, body: Closure, caller: Clinician, version: IfMatch, unit: Unit) -> HttpResponse:
    """It ends with a stated outcome; nothing ends without one."""
    async with unit.transaction(caller) as tx:
        response = await handlers.close_response(Target(response_id, version), body.command(), tx=tx)
    return json_response(ResponseView.of(response, tx.policy, tx.now))
