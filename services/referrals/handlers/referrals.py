"""Commands on a referral."""

from collections.abc import Sequence
from dataclasses import replace

from services.referrals import commands
from services.referrals.domain import (
    access,
    amendment,
    calls,
    closure,
    deadlines,
    discrepancies,
    receipt,
    reversal,
    routing,
    triage,
)
from services.referrals.domain import person as people
from services.referrals.domain.attribution import as_sent
from services.referrals.domain.differences import telephone_difference
from services.referrals.domain.life import contradiction
from services.referrals.domain.person import Person
from services.referrals.domain.referral import OPEN, Referral, permit
from services.referrals.domain.referrer_view import seen
from services.referrals.handlers import life
from services.referrals.handlers.discrepancies import is_gp_doubted, judge_practice, settle_discrepancies, settle_opened
from services.referrals.handlers.proposals import propose
from services.referrals.store import amendments, directory
from services.referrals.store.hidden_parts import unseen_of
from services.referrals.store.identity import lock_group
from services.referrals.store.people import find_person, get_person, persons, records_of
from services.referrals.store.referrals import is_relied_on, person_of, referrals, stated_by_referrer
from services.referrals.store.relationships import RELATIONSHIPS
from services.referrals.store.responses import is_contacted
from services.referrals.store.tables import Tx
from shared.access import Part, may_record_end
from shared.contracts.persons import PersonChange
from shared.contracts.referral_codes import Discrepancy
from shared.kernel.ids import PersonId
from shared.kernel.service_codes import require_known
from shared.kernel.target import Target


async def triage_referral(target: Target, command: commands.TriageReferral, *, tx: Tx) -> Referral:
    """The triage of a practice's own referral confirms or doubts that the person is registered with it.

    A doubt counts also where others say it; without one the triage judges only what the practice alone says.
    """
    person_id = await stated_by_referrer(tx, target.id, is_alone=command.is_practice_confirmed is not False)
    if person_id:
        await lock_group(tx, person_id)
    referral = await referrals.load(tx, target.id, if_version=target.version)
    triaged = await referrals.save(tx, triage.triage(referral, command, triaged_by=tx.actor.id, now=tx.now, policy=tx.policy))
    if not person_id:
        return triaged
    await judge_practice(person_id, is_confirmed=command.is_practice_confirmed, tx=tx)
    return await referrals.load(tx, target.id)


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
    access.require_permitted(referral, tx.actor, commands.AnswerInformation)
    joined = await _open_joined(referral, tx)
    decision = discrepancies.pass_on(triage.answer_information(referral, tx.now, is_joined_open=joined is not None), tx.now, tx.policy)
    await persons.save(tx, people.add_answer(person, command.answer, referral_id=referral.id))
    answer = commands.AmendReferral(command.answer)
    if not access.is_point_of_access(tx.actor):
        await amendments.add(tx, referral, answer)
    if joined:
        sent = await _amendment(answer, joined, referral, tx)
        await referrals.save(tx, as_sent(amendment.amend(joined, sent, now=tx.now, policy=tx.policy), referral.id))
    return await referrals.save(tx, decision)


async def amend_referral(target: Target, command: commands.AmendReferral, *, tx: Tx) -> Referral:
    """The referral that a merged one joined is amended too: its owner acts, and confirms what a stranger added to the record.

    The urgency that a stranger to that referral states never takes it from its receiver: the merged one goes to triage by itself.
    """
    person_id = await person_of(tx, target.id)
    await lock_group(tx, person_id)
    person = await persons.load(tx, person_id)
    referral = await referrals.load(tx, target.id, if_version=target.version)
    access.require_permitted(referral, tx.actor, commands.AmendReferral)
    joined = await _open_joined(referral, tx)
    sent = await _amendment(command, joined or referral, referral, tx)
    decision = amendment.amend(referral, sent, now=tx.now, policy=tx.policy, is_joined_open=joined is not None)
    faults = await _add_to_record(person, command, referral, tx)
    await amendments.add(tx, referral, command)
    if joined and amendment.takes_back(joined, command) and await _is_stranger_to(joined, tx):
        return await _amend_alone(referral, joined, sent, faults, tx)
    if joined:
        amended = as_sent(amendment.amend(joined, sent, now=tx.now, policy=tx.policy), referral.id)
        await _mark(await referrals.save(tx, amended), faults, referral, tx)
        return await referrals.save(tx, decision)
    return await _mark(await referrals.save(tx, decision), faults, referral, tx)


async def _amend_alone(merged: Referral, joined: Referral, sent: amendment.Amendment, faults: Sequence[Discrepancy], tx: Tx) -> Referral:
    """The receiver of the joined referral learns the news, without the urgency."""
    if news := amendment.without_urgency(sent):
        await referrals.save(tx, as_sent(amendment.amend(joined, news, now=tx.now, policy=tx.policy), merged.id))
    alone = await referrals.save(tx, amendment.amend_alone(merged, sent, now=tx.now, policy=tx.policy))
    await _mark(alone, faults, alone, tx)
    await settle_discrepancies(await persons.load(tx, alone.person_id), tx=tx, sent_as=alone.id)
    return await referrals.load(tx, alone.id)


async def _is_stranger_to(joined: Referral, tx: Tx) -> bool:
    """Whether the caller has no relationship with the referral, beside one that was merged into it."""
    basis = (await RELATIONSHIPS.access(tx, joined.person_id)).basis(Part.EXISTENCE, joined.id)
    return basis is None and joined.receiver_organisation != tx.actor.organisation


async def set_condition(target: Target, command: commands.SetCondition, *, tx: Tx) -> Referral:
    referral = await referrals.load(tx, target.id, if_version=target.version)
    return await referrals.save(tx, discrepancies.set_condition(referral, command, tx.now))


async def resolve_discrepancy(target: Target, command: commands.ResolveDiscrepancy, *, tx: Tx) -> Referral:
    access.require_settling({command.discrepancy}, tx.actor)
    referral = await referrals.load(tx, target.id, if_version=target.version)
    return await referrals.save(tx, discrepancies.resolve(referral, command, tx.now))


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
    """A practice in doubt learns why it may not accept, also when the doubt took the referral from it just before."""
    referral = await referrals.load(tx, target.id, if_version=target.version)
    practice = tx.actor.organisation
    if await is_gp_doubted(referral, practice, await find_person(tx, referral.person_id), tx=tx):
        raise access.ReceiverInDoubt(f"The Community Point of Access doubts that the person is registered with {practice}.")
    access.require_permitted(referral, tx.actor, commands.AcceptReferral)
    return await referrals.save(tx, routing.accept(referral, tx.now, tx.policy))


async def return_referral(target: Target, command: commands.ReturnReferral, *, tx: Tx) -> Referral:
    referral = await referrals.load(tx, target.id, if_version=target.version)
    access.require_permitted(referral, tx.actor, commands.ReturnReferral)
    if command.suggestion:
        require_known({"suggestion": command.suggestion}, await directory.codes(tx, tx.policy.day_of(tx.now)))
    return await referrals.save(tx, routing.return_referral(referral, command, tx.now, tx.policy))


async def recall_referral(target: Target, *, tx: Tx) -> Referral:
    """Rapid Care ends the response; its contact with the person, if it crosses with the recall, gives it the referral again."""
    referral = await referrals.load(tx, target.id, if_version=target.version)
    contacted = await is_contacted(tx, referral.id)
    return await referrals.save(tx, routing.recall(referral, is_contacted=contacted, now=tx.now, policy=tx.policy))


async def answer_call(target: Target, *, tx: Tx) -> Referral:
    referral = await referrals.load(tx, target.id, if_version=target.version)
    access.require_permitted(referral, tx.actor, commands.AnswerCall)
    return await referrals.save(tx, calls.answer(referral, tx.now))


async def close_referral(target: Target, command: commands.CloseReferral, *, tx: Tx) -> Referral:
    if closure.CHANGE_BY_OUTCOME[command.outcome]:
        await life.lock_care_of(target.id, tx=tx)
    referral = await referrals.load(tx, target.id, if_version=target.version)
    access.require_permitted(referral, tx.actor, commands.CloseReferral)
    closed = await referrals.save(tx, closure.close(referral, command, tx.now, tx.policy))
    await life.record_end(closed, tx=tx)
    return closed


async def cancel_referral(target: Target, command: commands.CancelReferral, *, tx: Tx) -> Referral:
    """A death or a move ends all care of the person: a caller who is a referrer alone reports it, and nothing ends."""
    change = closure.CHANGE_BY_REASON[command.reason]
    if change:
        await life.lock_care_of(target.id, tx=tx)
    referral = await referrals.load(tx, target.id, if_version=target.version)
    access.require_permitted(referral, tx.actor, commands.CancelReferral)
    if change and not may_record_end((await RELATIONSHIPS.access(tx, referral.person_id)).held):
        return await _report_end(referral, change, tx)
    others_rely = not access.is_triager(tx.actor) and await is_relied_on(tx, referral)
    is_joined_open = await _open_joined(referral, tx) is not None
    decision = closure.cancel(referral, command, has_merged=others_rely, now=tx.now, is_joined_open=is_joined_open)
    cancelled = await referrals.save(tx, decision)
    await life.record_end(cancelled, tx=tx)
    return cancelled


async def reopen_referral(target: Target, command: commands.ReopenReferral, *, tx: Tx) -> Referral:
    """The person's recorded life, which the open referral may contradict, is locked with the person before the referral."""
    recorded = await life.lock_care(PersonId(await person_of(tx, target.id)), tx=tx)
    referral = await referrals.load(tx, target.id, if_version=target.version)
    service = await directory.service(tx, referral.service_code or "", tx.policy.day_of(tx.now))
    contradicts = contradiction(recorded)
    decision = reversal.reopen(referral, command, service=service, contradicts=contradicts, now=tx.now, policy=tx.policy)
    opened = await referrals.save(tx, decision)
    await settle_opened(opened.person_id, tx=tx)
    return await referrals.load(tx, opened.id)


async def _amendment(command: commands.AmendReferral, acting: Referral, sent_as: Referral, tx: Tx) -> amendment.Amendment:
    service = await directory.service(tx, acting.service_code or "", tx.policy.day_of(tx.now))
    return amendment.Amendment(command, sent_as.id, deadlines.answer_call_by(service, tx.now, tx.policy))


async def _add_to_record(person: Person, command: commands.AmendReferral, referral: Referral, tx: Tx) -> Sequence[Discrepancy]:
    """The fault of a record that a stranger has completed, if so. A telephone other than the recorded one is proposed."""
    records = await records_of(tx, person.id)
    change = people.add_amendment(person, command, referral_id=referral.id)
    own = change.state if change else person
    before, after = records.as_one(person), records.as_one(own)
    if change:
        await persons.save(tx, change)
    found = telephone_difference(after, command.telephone)
    if found:
        await propose([found], replace(person, id=records.group.survivor), referral, tx=tx)
    practice = await directory.practice(tx, before.practice_code, tx.policy.day_of(tx.now))
    is_by_stranger = receipt.is_completed_by_stranger(before, ((person, own), (before, after)), practice, tx.actor, tx.policy)
    return [Discrepancy.DETAILS_UNCONFIRMED] if is_by_stranger else []


async def _mark(referral: Referral, faults: Sequence[Discrepancy], sent: Referral, tx: Tx) -> Referral:
    """`sent` is the referral whose referrer brought the faults."""
    if not faults:
        return referral
    return await referrals.save(tx, as_sent(discrepancies.join_faults(referral, faults, tx.now, tx.policy), sent.id))


async def _report_end(referral: Referral, change: PersonChange, tx: Tx) -> Referral:
    """The referral that a merged one joined has the mark: its owner acts. A report that stands is repeated, which changes nothing.

    One by another, which the referrer does not see, is no repetition.
    """
    permit(referral, commands.CancelReferral)
    joined = await _open_joined(referral, tx)
    if discrepancies.is_reported(joined or await _as_seen(referral, tx), change):
        tx.audit(referral.id)
        return referral
    reported = discrepancies.report_end(joined or referral, change, tx.now, tx.policy)
    marked = await referrals.save(tx, as_sent(reported, referral.id))
    return referral if joined else marked


async def _as_seen(referral: Referral, tx: Tx) -> Referral:
    """The referral as its referrer sees it."""
    return seen(referral, (await unseen_of(tx, [(referral, referral)]))[referral.id])


async def _open_joined(referral: Referral, tx: Tx) -> Referral | None:
    """The open referral that a merged one joined, locked. The earlier referral is locked after the later one, by no other command."""
    joined = await referrals.find(tx, referral.merged_into, lock=True) if referral.merged_into else None
    return joined if joined and joined.status in OPEN else None
