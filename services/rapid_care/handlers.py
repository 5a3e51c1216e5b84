"""One function per command, event and deadline: load, decide, save."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from services.rapid_care.commands import (
    AgreePackage,
    AssignClinician,
    CloseResponse,
    DeclineResponse,
    RecordAssessment,
    RecordFirstContact,
    RosterClinician,
    StepDownResponse,
)
from services.rapid_care.domain import capacity, care, clock, dispatch, roster
from services.rapid_care.domain.opening import month_of
from services.rapid_care.domain.response import Occurrence, Response
from services.rapid_care.domain.roster import Clinician
from services.rapid_care.store import projections
from services.rapid_care.store.capacity import capacities, capacity_of, count_referral
from services.rapid_care.store.responses import LATEST, is_admitted_since, latest_of, responses, unfinished_of
from services.rapid_care.store.roster import enter_clinician, find_clinician, locked_clinician, locked_roster
from services.rapid_care.store.tables import Tx
from shared.contracts.envelope import Envelope
from shared.contracts.mdt import CarePlanClosed, CarePlanRecorded, LeadActivated, LeadEnded, LeadHandedOver
from shared.contracts.referrals import CancelReason, PersonRecordRecorded, ReferralCancelled, ReferralReturned, ReferralRouted, Route
from shared.kernel.errors import VersionConflict
from shared.kernel.ids import PersonId, derived_id, new_id
from shared.kernel.target import Target
from shared.persistence.deadlines import DueDeadline

#: Why a response is cancelled whose referral is no longer with Rapid Care.
TAKEN_BACK, ROUTED_ELSEWHERE = "taken-back", "routed-elsewhere"
_GONE = frozenset({CancelReason.DIED, CancelReason.MOVED_AWAY})


async def accept_response(at: Target, *, tx: Tx) -> Response:
    response = await responses.load(tx, at.id, if_version=at.version)
    return await responses.save(tx, clock.accept(response, tx.now))


async def decline_response(at: Target, command: DeclineResponse, *, tx: Tx) -> Response:
    response = await responses.load(tx, at.id, if_version=at.version)
    return await responses.save(tx, clock.decline(response, command, tx.now))


async def assign_clinician(at: Target, command: AssignClinician, *, tx: Tx) -> Response:
    response = await responses.load(tx, at.id, if_version=at.version)
    clinician = await _who_goes(response, command, tx)
    plan = await projections.crisis_plan(tx, response.person_id)
    return await responses.save(tx, dispatch.assign(response, clinician, plan, tx.policy))


async def leave_for_person(at: Target, *, tx: Tx) -> Response:
    response = await responses.load(tx, at.id, if_version=at.version)
    return await responses.save(tx, dispatch.leave(response, tx.now))


async def record_first_contact(at: Target, command: RecordFirstContact, *, tx: Tx) -> Response:
    response = await responses.load(tx, at.id, if_version=at.version)
    return await responses.save(tx, clock.record_first_contact(response, command, tx.now))


async def record_assessment(at: Target, command: RecordAssessment, *, tx: Tx) -> Response:
    response = await responses.load(tx, at.id, if_version=at.version)
    return await responses.save(tx, care.assess(response, command))


async def agree_package(at: Target, command: AgreePackage, *, tx: Tx) -> Response:
    response = await responses.load(tx, at.id, if_version=at.version)
    return await responses.save(tx, care.agree_package(response, command))


async def step_down_response(at: Target, command: StepDownResponse, *, tx: Tx) -> Response:
    response = await responses.load(tx, at.id, if_version=at.version)
    return await responses.save(tx, care.step_down(response, command))


async def close_response(at: Target, command: CloseResponse, *, tx: Tx) -> Response:
    response = await responses.load(tx, at.id, if_version=at.version)
    return await responses.save(tx, care.close(response, command, tx.policy, tx.now))


async def roster_clinician(clinician_id: str, version: int, command: RosterClinician, *, tx: Tx) -> Clinician:
    """`version` 0 says: not on the roster yet. The same again is answered the same."""
    known = await find_clinician(tx, clinician_id)
    after = roster.enter(known, clinician_id, command)
    if known and after == known:
        return known
    if known and version != known.version:
        raise VersionConflict(clinician_id, version, known.version)
    await enter_clinician(tx, after)
    tx.audit(derived_id("rapid-care", "clinician", clinician_id), after.version)
    return after


async def before_referrals_routed(coming: Sequence[tuple[ReferralRouted, Envelope]], *, tx: Tx) -> None:
    await LATEST.prefetch(tx, [UUID(envelope.subject) for _, envelope in coming])


async def before_deadlines(coming: Sequence[DueDeadline], *, tx: Tx) -> None:
    await responses.prefetch(tx, [deadline.subject for deadline in coming])


async def on_referral_routed(event: ReferralRouted, envelope: Envelope, *, tx: Tx) -> None:
    """Raises IllegalTransition when it went elsewhere after somebody here had accepted it."""
    before = await latest_of(tx, UUID(envelope.subject))
    is_unfinished = before is not None and before.ended_at is None
    if event.route is not Route.RAPID_CARE:
        await _cancel(before if is_unfinished else None, event.TYPE, ROUTED_ELSEWHERE, tx=tx)
        return
    if before and is_unfinished:
        await responses.save(tx, clock.reconfirm_acceptance(before, event, tx.now))
        return
    decision = clock.request(
        event,
        response_id=new_id(),
        person_id=PersonId(UUID(envelope.key)),
        referral_id=UUID(envelope.subject),
        correlation_id=envelope.correlation_id,
        before=before,
        policy=tx.policy,
        now=tx.now,
    )
    await responses.save(tx, decision)
    if before is None:
        await _count(event.received_at, tx)


async def on_referral_cancelled(event: ReferralCancelled, envelope: Envelope, *, tx: Tx) -> None:
    """Raises IllegalTransition when somebody here has accepted it, unless the person died or moved away."""
    told_by = Occurrence.PERSON_GONE if event.reason in _GONE else event.TYPE
    await _cancel(await unfinished_of(tx, UUID(envelope.subject)), told_by, event.reason, tx=tx)


async def on_referral_returned(event: ReferralReturned, envelope: Envelope, *, tx: Tx) -> None:
    """The Community Point of Access took it back unanswered; after our own decline there is nothing left to end.

    Raises IllegalTransition when somebody here has accepted it.
    """
    await _cancel(await unfinished_of(tx, UUID(envelope.subject)), event.TYPE, TAKEN_BACK, tx=tx)


async def on_person_record_recorded(event: PersonRecordRecorded, envelope: Envelope, *, tx: Tx) -> None:
    await projections.copy_person(tx, envelope, event)


async def on_care_plan_recorded(event: CarePlanRecorded, envelope: Envelope, *, tx: Tx) -> None:
    await projections.copy_plan(tx, envelope, event)


async def on_care_plan_closed(_: CarePlanClosed, envelope: Envelope, *, tx: Tx) -> None:
    await projections.close_plan(tx, envelope)


async def on_lead_activated(event: LeadActivated, envelope: Envelope, *, tx: Tx) -> None:
    await projections.copy_lead(tx, envelope, event)


async def on_lead_ended(_: LeadEnded | LeadHandedOver, envelope: Envelope, *, tx: Tx) -> None:
    await projections.copy_lead(tx, envelope, None)


async def on_opening(deadline: DueDeadline, *, tx: Tx) -> None:
    response = await responses.load(tx, deadline.subject)
    await responses.save(tx, clock.open_held_response(response))


async def on_at_risk(deadline: DueDeadline, *, tx: Tx) -> None:
    response = await responses.load(tx, deadline.subject)
    await responses.save(tx, clock.warn(response, deadline.due_at))


async def on_breach(deadline: DueDeadline, *, tx: Tx) -> None:
    response = await responses.load(tx, deadline.subject)
    await responses.save(tx, clock.judge_deadline(response, deadline.due_at))


async def on_avoidance_confirmation(deadline: DueDeadline, *, tx: Tx) -> None:
    response = await responses.load(tx, deadline.subject)
    is_admitted = await is_admitted_since(tx, response)
    await responses.save(tx, care.confirm_avoidance(response, is_admitted_since=is_admitted, now=tx.now))


async def _who_goes(response: Response, command: AssignClinician, tx: Tx) -> Clinician:
    """Raises ClinicianNotFound, NoClinicianAvailable."""
    if command.clinician_id is not None:
        return await locked_clinician(tx, command.clinician_id)
    others = [each for each in await locked_roster(tx) if each.id != response.clinician_id]
    return roster.choose(others, response.condition, tx.policy)


async def _cancel(unfinished: Response | None, told_by: str, reason: str, *, tx: Tx) -> None:
    """What has ended, or never was here, needs no cancelling."""
    if unfinished:
        await responses.save(tx, clock.cancel(unfinished, told_by=told_by, reason=reason, now=tx.now))


async def _count(received_at: datetime, tx: Tx) -> None:
    month = month_of(received_at, tx.policy)
    referrals = await count_referral(tx, month)
    if capacity.level_of(referrals, tx.policy) is None:
        return
    decision = capacity.warn(await capacity_of(tx, month), referrals, tx.policy)
    if decision:
        await capacities.save(tx, decision)
