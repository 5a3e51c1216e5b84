"""One function per command, event and deadline: load, decide, save."""

from uuid import UUID

from services.rapid_care import domain
from services.rapid_care.commands import DeclineResponse, RecordFirstContact
from services.rapid_care.domain import Response
from services.rapid_care.store import Tx, copy_person, responses
from shared.contracts.envelope import Envelope
from shared.contracts.referrals import PersonRecordRecorded, ReferralRouted, Route
from shared.kernel.at import At
from shared.kernel.ids import PersonId, new_id
from shared.persistence.timers import Timer


async def accept_response(at: At, *, tx: Tx) -> Response:
    response = await responses.load(tx, at.id, if_version=at.version)
    return await responses.save(tx, domain.accept(response, tx.now))


async def decline_response(at: At, command: DeclineResponse, *, tx: Tx) -> Response:
    response = await responses.load(tx, at.id, if_version=at.version)
    return await responses.save(tx, domain.decline(response, command))


async def record_first_contact(at: At, command: RecordFirstContact, *, tx: Tx) -> Response:
    response = await responses.load(tx, at.id, if_version=at.version)
    return await responses.save(tx, domain.record_first_contact(response, command, tx.now))


async def on_referral_routed(event: ReferralRouted, envelope: Envelope, *, tx: Tx) -> None:
    if event.route is Route.RAPID_CARE:
        person_id, referral_id = PersonId(UUID(envelope.key)), UUID(envelope.subject)
        decision = domain.request(event, response_id=new_id(), person_id=person_id, referral_id=referral_id, policy=tx.policy)
        await responses.save(tx, decision)


async def on_person_record_recorded(event: PersonRecordRecorded, envelope: Envelope, *, tx: Tx) -> None:
    await copy_person(tx, PersonId(UUID(envelope.key)), envelope.sequence, event)


async def on_opening(timer: Timer, *, tx: Tx) -> None:
    response = await responses.load(tx, timer.subject)
    await responses.save(tx, domain.open_held(response, tx.policy))


async def on_at_risk(timer: Timer, *, tx: Tx) -> None:
    response = await responses.load(tx, timer.subject)
    await responses.save(tx, domain.warn(response, timer.due_at))


async def on_breach(timer: Timer, *, tx: Tx) -> None:
    response = await responses.load(tx, timer.subject)
    await responses.save(tx, domain.judge_deadline(response, timer.due_at))
