"""Commands of the clinician, from departure to the outcome."""

from dataclasses import replace
from uuid import UUID

from fastapi import Response as HttpResponse

from services.rapid_care import commands
from services.rapid_care.api.auth import REFUSALS, Clinician
from services.rapid_care.api.presenter import run_command
from services.rapid_care.api.requests import Assessment, Closure, FirstContact, Package, StepDownBody
from services.rapid_care.api.responses import ResponseView
from services.rapid_care.domain.access import visitor
from services.rapid_care.domain.response import (
    ContactBeforeReceipt,
    ContactInFuture,
    NeedsInvalid,
    OutcomeInconsistent,
    ResponseNotFound,
    ResponseTakenBack,
    TelephoneNotAuthorised,
)
from services.rapid_care.domain.roster import ClinicianOffDuty
from services.rapid_care.handlers import response as handlers
from shared.kernel.date_limits import DateOutOfLimits
from shared.kernel.service_codes import ServiceUnknown
from shared.kernel.target import Target
from shared.web.dependencies import IfMatch, Unit
from shared.web.problems import problems
from shared.web.requests import strict_router

router = strict_router(prefix="/rapid-care/responses/{response_id:uuid}", tags=["rapid-care"])


@router.post("/departure", name="Depart", response_model=ResponseView, responses=problems(ResponseNotFound, ClinicianOffDuty, *REFUSALS))
async def depart(response_id: UUID, caller: Clinician, version: IfMatch, unit: Unit) -> HttpResponse:
    """The clinician sets out. A colleague of the assigned clinician has the response from then on; a coordinator records it for theirs."""
    return await run_command(unit, caller, handlers.depart, Target(response_id, version), commands.Depart(visitor(caller)))


@router.post(
    "/first-contact",
    name="RecordFirstContact",
    response_model=ResponseView,
    responses=problems(ResponseNotFound, ContactInFuture, ContactBeforeReceipt, TelephoneNotAuthorised, ResponseTakenBack, *REFUSALS),
)
async def record_first_contact(response_id: UUID, body: FirstContact, caller: Clinician, version: IfMatch, unit: Unit) -> HttpResponse:
    """A clinician visited; the clock stops at the stated time. After a visit without access the next one is recorded in the same way.

    A colleague of the assigned clinician has the response from then on; a coordinator records the visit for the assigned one. A contact
    with the person is recorded also after a recall or a decline that crossed the visit. The response of a visitor who is off duty goes
    to the coordinator.
    """
    command = replace(body.command(), clinician_id=visitor(caller))
    return await run_command(unit, caller, handlers.record_first_contact, Target(response_id, version), command)


@router.post(
    "/assessment", name="RecordAssessment", response_model=ResponseView, responses=problems(ResponseNotFound, NeedsInvalid, *REFUSALS)
)
async def record_assessment(response_id: UUID, body: Assessment, caller: Clinician, version: IfMatch, unit: Unit) -> HttpResponse:
    """Health and social needs, assessed together."""
    return await run_command(unit, caller, handlers.record_assessment, Target(response_id, version), body.command())


@router.post(
    "/package",
    name="AgreePackage",
    response_model=ResponseView,
    responses=problems(ResponseNotFound, DateOutOfLimits, ServiceUnknown, *REFUSALS),
)
async def agree_package(response_id: UUID, body: Package, caller: Clinician, version: IfMatch, unit: Unit) -> HttpResponse:
    """Care at home is arranged or rearranged; it may begin after Rapid Care closes."""
    return await run_command(unit, caller, handlers.agree_package, Target(response_id, version), body.command())


@router.post("/step-down", name="StepDownResponse", response_model=ResponseView, responses=problems(ResponseNotFound, *REFUSALS))
async def step_down(response_id: UUID, body: StepDownBody, caller: Clinician, version: IfMatch, unit: Unit) -> HttpResponse:
    """The crisis is over; another service continues the care."""
    return await run_command(unit, caller, handlers.step_down_response, Target(response_id, version), body.command())


@router.post(
    "/closure", name="CloseResponse", response_model=ResponseView, responses=problems(ResponseNotFound, OutcomeInconsistent, *REFUSALS)
)
async def close_response(response_id: UUID, body: Closure, caller: Clinician, version: IfMatch, unit: Unit) -> HttpResponse:
    """The response ends with a stated outcome."""
    return await run_command(unit, caller, handlers.close_response, Target(response_id, version), body.command())
