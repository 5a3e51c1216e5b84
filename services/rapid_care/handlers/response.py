"""Commands on a response."""

from collections.abc import Sequence

from services.rapid_care.commands import (
    AgreePackage,
    AssignClinician,
    CloseResponse,
    DeclineResponse,
    Depart,
    RecordAssessment,
    RecordFirstContact,
    StepDownResponse,
)
from services.rapid_care.domain import care, clock, contact, dispatch, roster, second_call
from services.rapid_care.domain.repetition import is_repeated
from services.rapid_care.domain.response import Response, ResponseTakenBack
from services.rapid_care.domain.roster import Clinician, ClinicianOffDuty
from services.rapid_care.handlers.clinician import unassign_if_off_duty
from services.rapid_care.handlers.referral import end_if_gone
from services.rapid_care.store import projections
from services.rapid_care.store.responses import is_superseded, responses
from services.rapid_care.store.roster import is_on_duty, locked_clinician, locked_roster
from services.rapid_care.store.tables import SERVICE_CODES, Tx
from shared.kernel.service_codes import require_known
from shared.kernel.target import Target


async def find_repeated(target: Target, command: object, *, tx: Tx) -> Response | None:
    """The present response if the command has been carried out; None if it is refused for another reason."""
    response = await responses.load(tx, target.id)
    if not is_repeated(response, command, target.version):
        return None
    tx.audit(response.id)
    return response


async def accept_response(target: Target, *, tx: Tx) -> Response:
    response = await responses.load(tx, target.id, if_version=target.version)
    return await responses.save(tx, clock.accept(response, tx.policy, tx.now))


async def decline_response(target: Target, command: DeclineResponse, *, tx: Tx) -> Response:
    response = await responses.load(tx, target.id, if_version=target.version)
    return await responses.save(tx, clock.decline(response, command, tx.now))


async def assign_clinician(target: Target, command: AssignClinician, *, tx: Tx) -> Response:
    """Locks the candidates before the response, as a clinician who goes off duty does: so the two never wait for each other."""
    candidates = await _lock_candidates(command, tx)
    response = await responses.load(tx, target.id, if_version=target.version)
    clinician = _choose_clinician(candidates, response, command, tx)
    plan = await projections.crisis_plan(tx, response.person_id)
    return await responses.save(tx, dispatch.assign(response, clinician, plan, tx.policy, tx.now))


async def hand_back_response(target: Target, *, tx: Tx) -> Response:
    response = await responses.load(tx, target.id, if_version=target.version)
    return await responses.save(tx, dispatch.hand_back(response, tx.policy, tx.now))


async def answer_call(target: Target, *, tx: Tx) -> Response:
    response = await responses.load(tx, target.id, if_version=target.version)
    return await responses.save(tx, second_call.answer_call(response, tx.policy, tx.now))


async def depart(target: Target, command: Depart, *, tx: Tx) -> Response:
    """Locks the colleague who sets out before the response, as an assignment does. Raises ClinicianOffDuty."""
    if command.clinician_id is not None and not await is_on_duty(tx, command.clinician_id):
        raise ClinicianOffDuty(f"The clinician {command.clinician_id} is not on duty.")
    response = await responses.load(tx, target.id, if_version=target.version)
    return await responses.save(tx, dispatch.depart(response, command, tx.now))


async def record_first_contact(target: Target, command: RecordFirstContact, *, tx: Tx) -> Response:
    """A contact that crossed a recall also ends with a death or a move that was recorded since.

    A clinician who went off duty since the recall, or a visitor who is off duty, does not keep the response.
    """
    response = await responses.load(tx, target.id, if_version=target.version)
    if response.ended_at and await is_superseded(tx, response):
        raise ResponseTakenBack("The referral was routed to Rapid Care again, and has a later response.")
    visited = await responses.save(tx, contact.record_first_contact(response, command, tx.policy, tx.now))
    if response.ended_at or visited.clinician_id != response.clinician_id:
        visited = await unassign_if_off_duty(visited, tx)
    return await end_if_gone(visited, tx) if response.ended_at else visited


async def record_assessment(target: Target, command: RecordAssessment, *, tx: Tx) -> Response:
    response = await responses.load(tx, target.id, if_version=target.version)
    return await responses.save(tx, care.assess(response, command, tx.policy, tx.now))


async def agree_package(target: Target, command: AgreePackage, *, tx: Tx) -> Response:
    response = await responses.load(tx, target.id, if_version=target.version)
    decision = care.agree_package(response, command, tx.policy, tx.now)
    require_known(care.service_codes(command), await SERVICE_CODES.on(tx, tx.policy.day_of(tx.now)))
    return await responses.save(tx, decision)


async def step_down_response(target: Target, command: StepDownResponse, *, tx: Tx) -> Response:
    response = await responses.load(tx, target.id, if_version=target.version)
    return await responses.save(tx, care.step_down(response, command, tx.policy, tx.now))


async def close_response(target: Target, command: CloseResponse, *, tx: Tx) -> Response:
    response = await responses.load(tx, target.id, if_version=target.version)
    return await responses.save(tx, care.close(response, command, tx.policy, tx.now))


async def _lock_candidates(command: AssignClinician, tx: Tx) -> Sequence[Clinician]:
    """Raises ClinicianNotFound."""
    return await locked_roster(tx) if command.clinician_id is None else [await locked_clinician(tx, command.clinician_id)]


def _choose_clinician(candidates: Sequence[Clinician], response: Response, command: AssignClinician, tx: Tx) -> Clinician:
    """The named clinician, or another one than at present. Raises NoClinicianAvailable."""
    if command.clinician_id is not None:
        return candidates[0]
    others = [clinician for clinician in candidates if clinician.id != response.clinician_id]
    return roster.choose(others, response.condition, tx.policy)
