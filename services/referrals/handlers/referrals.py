"""Commands on a referral."""

from services.referrals import commands
from services.referrals.domain import access, closure, routing, triage
from services.referrals.domain import person as people
from services.referrals.domain.referral import Referral
from services.referrals.store import directory
from services.referrals.store.people import get_person, persons
from services.referrals.store.referrals import has_merged, person_of, referrals
from services.referrals.store.tables import Tx
from shared.kernel.target import Target


async def triage_referral(target: Target, command: commands.TriageReferral, *, tx: Tx) -> Referral:
    referral = await referrals.load(tx, target.id, if_version=target.version)
    return await referrals.save(tx, triage.triage(referral, command, triaged_by=tx.actor.id, now=tx.now, policy=tx.policy))


async def raise_urgency(target: Target, command: commands.RaiseUrgency, *, tx: Tx) -> Referral:
    referral = await referrals.load(tx, target.id, if_version=target.version)
    return await referrals.save(tx, triage.raise_urgency(referral, command, raised_by=tx.actor.id, now=tx.now, policy=tx.policy))


async def request_information(target: Target, command: commands.RequestInformation, *, tx: Tx) -> Referral:
    referral = await referrals.load(tx, target.id, if_version=target.version)
    return await referrals.save(tx, triage.request_information(referral, command, tx.now))


async def answer_information(target: Target, command: commands.AnswerInformation, *, tx: Tx) -> Referral:
    # The person is locked before the referral, in the same order as at receipt, so that no two transactions deadlock.
    person = await persons.load(tx, await person_of(tx, target.id))
    referral = await referrals.load(tx, target.id, if_version=target.version)
    access.require_referrer(referral, tx.actor)
    decision = triage.answer_information(referral, tx.now)
    await persons.save(tx, people.add_answer(person, command.answer, referral_id=referral.id))
    return await referrals.save(tx, decision)


async def route_referral(target: Target, command: commands.RouteReferral, *, tx: Tx) -> Referral:
    referral = await referrals.load(tx, target.id, if_version=target.version)
    service = await directory.active_service(tx, command.service_code, tx.policy.day_of(tx.now))
    person = await get_person(tx, referral.person_id)
    practice = await directory.practice(tx, person.practice_code, tx.policy.day_of(tx.now))
    decision = routing.route(referral, command, service=service, person=person, practice=practice, now=tx.now, policy=tx.policy)
    return await referrals.save(tx, decision)


async def signpost_referral(target: Target, command: commands.SignpostReferral, *, tx: Tx) -> Referral:
    referral = await referrals.load(tx, target.id, if_version=target.version)
    service = await directory.active_service(tx, command.service_code, tx.policy.day_of(tx.now))
    person = await get_person(tx, referral.person_id)
    practice = await directory.practice(tx, person.practice_code, tx.policy.day_of(tx.now))
    decision = routing.signpost(referral, command, service=service, person=person, practice=practice, now=tx.now, policy=tx.policy)
    return await referrals.save(tx, decision)


async def accept_referral(target: Target, *, tx: Tx) -> Referral:
    referral = await referrals.load(tx, target.id, if_version=target.version)
    access.require_receiver(referral, tx.actor, commands.AcceptReferral)
    return await referrals.save(tx, routing.accept(referral, tx.now, tx.policy))


async def return_referral(target: Target, command: commands.ReturnReferral, *, tx: Tx) -> Referral:
    referral = await referrals.load(tx, target.id, if_version=target.version)
    access.require_receiver(referral, tx.actor, commands.ReturnReferral)
    return await referrals.save(tx, routing.return_referral(referral, command, tx.now, tx.policy))


async def close_referral(target: Target, command: commands.CloseReferral, *, tx: Tx) -> Referral:
    referral = await referrals.load(tx, target.id, if_version=target.version)
    access.require_receiver(referral, tx.actor, commands.CloseReferral)
    return await referrals.save(tx, closure.close(referral, command, tx.now))


async def cancel_referral(target: Target, command: commands.CancelReferral, *, tx: Tx) -> Referral:
    referral = await referrals.load(tx, target.id, if_version=target.version)
    access.require_referrer(referral, tx.actor)
    others_rely = not access.is_triager(tx.actor) and await has_merged(tx, referral.id)
    return await referrals.save(tx, closure.cancel(referral, command, has_merged=others_rely, now=tx.now))
