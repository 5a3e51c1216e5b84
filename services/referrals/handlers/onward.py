"""Decisions of other services by which another service continues the care: each becomes one onward referral."""

from uuid import UUID

from services.referrals.domain import onward
from services.referrals.domain.life import LifeStatus, contradiction
from services.referrals.domain.onward import Request, Requester, Standing
from services.referrals.domain.reference import reference_of
from services.referrals.store import directory
from services.referrals.store.life import lock_life
from services.referrals.store.people import find_person
from services.referrals.store.referrals import REFERENCE_NUMBERS, referrals
from services.referrals.store.tables import Tx
from shared.contracts.codes import Locality
from shared.contracts.envelope import Envelope
from shared.contracts.mdt import CaseSteppedDown
from shared.contracts.rapid_care import ResponseSteppedDown
from shared.contracts.referral_codes import AskingService
from shared.kernel.ids import PersonId


async def on_response_stepped_down(event: ResponseSteppedDown, envelope: Envelope, *, tx: Tx) -> None:
    requester = _requester(AskingService.RAPID_CARE, envelope, event.locality)
    await refer(onward.of_step_down(event.destination), requester, tx=tx)


async def on_case_stepped_down(event: CaseSteppedDown, envelope: Envelope, *, tx: Tx) -> None:
    requester = _requester(AskingService.MDT, envelope, event.locality, event.practice_code)
    await refer(onward.of_step_down(event.destination), requester, tx=tx)


async def refer(request: Request | None, requester: Requester, *, tx: Tx) -> None:
    """Makes the onward referral once: a repeated delivery of the event finds it. The person is locked before any referral."""
    if request is None:
        return
    life = await lock_life(tx, requester.person_id)
    if await referrals.find(tx, onward.id_of(request, requester)) is None:
        standing = await _standing(request, requester, contradiction(life), tx)
        await referrals.save(tx, onward.refer(request, requester, standing, now=tx.now, policy=tx.policy))


async def _standing(request: Request, requester: Requester, recorded_as: LifeStatus | None, tx: Tx) -> Standing:
    today = tx.policy.day_of(tx.now)
    person = await find_person(tx, requester.person_id)
    practice_code = person.practice_code if person else requester.practice_code
    return Standing(
        reference=reference_of(await REFERENCE_NUMBERS.take(tx)),
        origin=await referrals.find(tx, requester.correlation_id),
        person=person,
        practice=await directory.practice(tx, practice_code, today) if practice_code else None,
        service=await directory.service(tx, request.service_code, today),
        recorded_as=recorded_as,
    )


def _requester(service: AskingService, envelope: Envelope, locality: Locality | None, practice_code: str | None = None) -> Requester:
    return Requester(
        cause_id=envelope.id,
        service=service,
        subject_id=UUID(envelope.subject),
        organisation=envelope.actor_org,
        person_id=PersonId(UUID(envelope.key)),
        correlation_id=envelope.correlation_id,
        asked_at=envelope.time,
        locality=locality,
        practice_code=practice_code,
    )
