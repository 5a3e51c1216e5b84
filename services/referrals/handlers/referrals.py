"""What is done to a referral by people."""

from services.referrals import commands
from services.referrals.domain import access, closure, person, routing, triage
from services.referrals.domain.referral import Referral
from services.referrals.store import directory
from services.referrals.store.people import persons, seen
from services.referrals.store.referrals import has_merged, person_of, referrals
from services.referrals.store.tables import Tx
from shared.kernel.target import Target


async def triage_referral(at: Target, command: commands.TriageReferral, *, tx: Tx) -> Referral:
    referral = await referrals.load(tx, at.id, if_version=at.version)
    return await referrals.save(tx, triage.triage(referral, command, triaged_by=tx.actor.id, now=tx.now, policy=tx.policy))


async def raise_urgency(at: Target, command: commands.RaiseUrgency, *, tx: Tx) -> Referral:
    referral = await referrals.load(tx, at.id, if_version=at.version)
    return await referrals.save(tx, triage.raise_urgency(referral, command, raised_by=tx.actor.id, now=tx.now, policy=tx.policy))


async def request_information(at: Target, command: commands.RequestInformation, *, tx: Tx) -> Referral:
    referral = await referrals.load(tx, at.id, if_version=at.version)
    return await referrals.save(tx, triage.request_information(referral, command, tx.now))


async def answer_information(at: Target, command: commands.AnswerInformation, *, tx: Tx) -> Referral:
    # The person is locked before the referral, as intake does it: two transactions never wait for each other.
    known = await persons.load(tx, await person_of(tx, at.id))
    referral = await referrals.load(tx, at.id, if_version=at.version)
    access.require_referrer(referral, tx.actor)
    decision = triage.answer_information(referral, tx.now)
    await persons.save(tx, person.add_answer(known, command.answer, referral_id=referral.id))
    return await referrals.save(tx, decision)


async def route_referral(at: Target, command: commands.RouteReferral, *, tx: Tx) -> Referral:
    referral = await referrals.load(tx, at.id, if_version=at.version)
    service = await directory.active_service(tx, command.service_code, tx.policy.day_of(tx.now))
    known = await seen(tx, referral.person_id)
    practice = await directory.practice(tx, known.practice_code, tx.policy.day_of(tx.now))
    decision = routing.route(referral, command, service=service, person=known, practice=practice, now=tx.now, policy=tx.policy)
    return await referrals.save(tx, decision)


async def signpost_referral(at: Target, command: commands.SignpostReferral, *, tx: Tx) -> Referral:
    referral = await referrals.load(tx, at.id, if_version=at.version)
    service = await directory.active_service(tx, command.service_code, tx.policy.day_of(tx.now))
    known = await seen(tx, referral.person_id)
    practice = await directory.practice(tx, known.practice_code, tx.policy.day_of(tx.now))
    decision = routing.signpost(referral, command, service=service, person=known, practice=practice, now=tx.now, policy=tx.policy)
    return await referrals.save(tx, decision)


async def accept_referral(at: Target, *, tx: Tx) -> Referral:
    referral = await referrals.load(tx, at.id, if_version=at.version)
    access.require_receiver(referral, tx.actor, commands.AcceptReferral)
    return await referrals.save(tx, routing.accept(referral, tx.now, tx.policy))


async def return_referral(at: Target, command: commands.ReturnReferral, *, tx: Tx) -> Referral:
    referral = await referrals.load(tx, at.id, if_version=at.version)
    access.require_receiver(referral, tx.actor, commands.ReturnReferral)
    return await referrals.save(tx, routing.return_referral(referral, command, tx.now, tx.policy))


async def close_referral(at: Target, command: commands.CloseReferral, *, tx: Tx) -> Referral:
    referral = await referrals.load(tx, at.id, if_version=at.version)
    access.require_receiver(referral, tx.actor, commands.CloseReferral)
    return await referrals.save(tx, closure.close(referral, command, tx.now))


async def cancel_referral(at: Target, command: commands.CancelReferral, *, tx: Tx) -> Referral:
    referral = await referrals.load(tx, at.id, if_version=at.version)
    access.require_referrer(referral, tx.actor)
    others_rely = not access.is_triager(tx.actor) and await has_merged(tx, referral.id)
    return await referrals.save(tx, closure.cancel(referral, command, has_joined=others_rely, now=tx.now))
