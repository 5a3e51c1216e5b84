"""Ends case, plan and lead together: on closure by the meeting, and when the person died or moved away (G39, mdt-10).

A mistaken death or move restores what it ended; the return of a person restores nothing but case finding. Locks are taken in one
order: the finding, the diary, the case, the plan, the leads.
"""

from uuid import UUID

from services.mdt.commands import CloseCase
from services.mdt.domain import case_end, person_change, plan_end
from services.mdt.domain import risk as findings
from services.mdt.domain.case import CASE, Case, Occurrence
from services.mdt.domain.notification import Kind
from services.mdt.domain.person_change import CHANGE_OF, REASON_OF, Mistake
from services.mdt.domain.risk import RISK
from services.mdt.handlers.intake import refer_again, return_referrals, screen_by
from services.mdt.handlers.lead import end_leads, ensure_lead, follow_registration, leave_plan, restore_leads
from services.mdt.handlers.notification import notify_lead
from services.mdt.handlers.schedule import find_slot
from services.mdt.handlers.settlement import save_case, save_plan
from services.mdt.store.care_plan import care_plans, closed_plans, open_plan
from services.mdt.store.case import OPEN_CASES, cases, closed_cases, open_case_of, open_cases_of
from services.mdt.store.joined_referral import JoinedReferral
from services.mdt.store.lead import active_professional
from services.mdt.store.meeting import lock_diary
from services.mdt.store.risk import find_risk, risks
from services.mdt.store.tables import CHANGES, MERGED, Tx
from shared.contracts.envelope import Envelope
from shared.contracts.mdt import CaseCloseReason
from shared.contracts.persons import PersonChange, PersonDeceased, PersonMoved, PersonRestored, PersonReturned, RecordedChange
from shared.contracts.referral_codes import ReopenReason
from shared.contracts.referrals import ReferralReopened
from shared.kernel.ids import PersonId


async def on_person_deceased(event: PersonDeceased, envelope: Envelope, *, tx: Tx) -> None:
    await _follow(tx, PersonId(UUID(envelope.key)), RecordedChange(PersonChange.DEATH, event.recorded_at))


async def on_person_moved(event: PersonMoved, envelope: Envelope, *, tx: Tx) -> None:
    await _follow(tx, PersonId(UUID(envelope.key)), RecordedChange(PersonChange.MOVE, event.recorded_at))


async def on_person_restored(event: PersonRestored, envelope: Envelope, *, tx: Tx) -> None:
    """Restores what ended because of the mistaken change, with deadlines from now. A late reversal of an older record changes nothing."""
    person_id = PersonId(UUID(envelope.key))
    if not await CHANGES.reverse(tx, person_id, RecordedChange(event.mistaken, event.recorded_at), event.restored_at):
        return
    mistaken = person_change.mistake(event.mistaken, event.recorded_at, recorded_within=tx.policy.change_recorded_within)
    await _restore_finding(tx, person_id, mistaken)
    await lock_diary(tx)
    newer = await OPEN_CASES.find(tx, person_id)
    case = newer or await _restore_case(tx, person_id, mistaken)
    if case:
        has_plan = await _restore_plan(tx, case, mistaken)
        await restore_leads(person_id, mistaken, tx=tx)
        await ensure_lead(person_id, tx=tx)
        await follow_registration(person_id, tx=tx)
        if has_plan or case is not newer:
            await notify_lead(tx, person_id, Kind.CARE_RESTORED, case.id, tx.now)
        await return_referrals(person_id, tx=tx)  # of a person who was separated since


async def on_person_returned(event: PersonReturned, envelope: Envelope, *, tx: Tx) -> None:
    """Case finding has the person again. Case, plan and lead stay ended: new care begins with a new referral."""
    person_id = PersonId(UUID(envelope.key))
    await CHANGES.end(tx, person_id, event.recorded_at)
    finding = await find_risk(tx, person_id)
    if finding and finding.status in RISK[findings.Occurrence.PERSON_RETURNED].sources:
        await risks.save(tx, findings.find_again(finding, tx.now, tx.policy))


async def on_referral_reopened(event: ReferralReopened, envelope: Envelope, *, tx: Tx) -> None:
    """Restores a case that waited for this referral and ended with it, when the two events crossed.

    A referral whose end was itself a mistake is triaged again, and returns by another route.
    """
    if event.reason is not ReopenReason.PERSON_RESTORED:
        return
    person_id, referral_id = PersonId(UUID(envelope.key)), UUID(envelope.subject)
    await lock_diary(tx)
    if await open_case_of(tx, person_id) is None:
        ended = [
            case
            for case in await closed_cases(tx, await MERGED.groups.get(tx, person_id))
            if case.ended and referral_id in case.referral_ids
        ]
        if ended:
            await _restored(tx, ended[0])


async def end_case(tx: Tx, case: Case, command: CloseCase) -> Case:
    """Ends the case with its plan. The lead stays for a plan under another id of the person. Raises IllegalTransition, CaseNotDiscussed."""
    closed = await save_case(tx, case, case_end.close(case, command, tx.now))
    await _end_plan(tx, case.person_id, command.reason)
    leave = end_leads if CHANGE_OF[command.reason] else leave_plan
    await leave(case.person_id, command.reason, tx=tx)
    return closed


async def end_duplicate(tx: Tx, case: Case, command: CloseCase) -> Case:
    """Ends the case; its referrals, also those that wait for the answer to its plan, follow the other open case of the person.

    Raises IllegalTransition, NoOtherCase, OtherCaseWithoutPlan.
    """
    other = case_end.continued_by(case, await open_cases_of(tx, case.person_id))
    plan = await open_plan(tx, case.person_id)
    waiting = dict.fromkeys((*case.referral_ids, *(plan.referral_ids if plan else ())))
    closed = await end_case(tx, case, command)
    for referral_id in waiting:
        other = await refer_again(other, JoinedReferral.of(case, referral_id), tx=tx)
    return closed


async def _follow(tx: Tx, person_id: PersonId, recorded: RecordedChange) -> None:
    """Ends care, unless the record is older than its reversal or than the return of the person."""
    if await CHANGES.record(tx, person_id, recorded):
        await _end_care(tx, person_id, recorded.change)


async def _end_care(tx: Tx, person_id: PersonId, change: PersonChange) -> None:
    """Ends finding, case, plan and lead under this id; the change arrives for each id of the person.

    Idempotent: the meeting itself may have reported the change.
    """
    finding = await find_risk(tx, person_id)
    if finding and finding.status in RISK[findings.Occurrence.CARE_ENDED].sources:
        await risks.save(tx, findings.end(finding, change, tx.now))
    case = await OPEN_CASES.find(tx, person_id)
    if case:
        await _notify_of_end(tx, case)
        await save_case(tx, case, case_end.end(case, change, tx.now))
    await _end_plan(tx, person_id, REASON_OF[change])
    await end_leads(person_id, REASON_OF[change], tx=tx)


async def _end_plan(tx: Tx, person_id: PersonId, reason: CaseCloseReason) -> None:
    plan = await open_plan(tx, person_id)
    if plan:
        await save_plan(tx, plan, plan_end.close(plan, reason, tx.now))


async def _notify_of_end(tx: Tx, case: Case) -> None:
    if await active_professional(tx, case.person_id):
        await notify_lead(tx, case.person_id, Kind.CARE_ENDED, case.id, tx.now)


async def _restore_finding(tx: Tx, person_id: PersonId, mistaken: Mistake) -> None:
    finding = await find_risk(tx, person_id)
    if finding and person_change.is_restored(finding.ended, mistaken):
        await risks.save(tx, findings.restore(finding, tx.now, tx.policy))


async def _restore_case(tx: Tx, person_id: PersonId, mistaken: Mistake) -> Case | None:
    ended = [case for case in await closed_cases(tx, [person_id]) if person_change.is_restored(case.ended, mistaken)]
    return await _restored(tx, ended[0]) if ended else None


async def _restored(tx: Tx, case: Case) -> Case:
    slot = await find_slot(tx, is_urgent=case.is_urgent) if case_end.was_listed(case) else None
    return await cases.save(tx, case_end.restore(case, slot, screen_by=screen_by(tx)))


async def _restore_plan(tx: Tx, case: Case, mistaken: Mistake) -> bool:
    """Whether a plan is restored: the person has no other. A case that is newer than the plan takes it over."""
    ended = [plan for plan in await closed_plans(tx, case.person_id) if person_change.is_restored(plan.ended, mistaken)]
    if not ended or await open_plan(tx, case.person_id):
        return False
    plan = await care_plans.save(tx, plan_end.restore(ended[0], tx.now, tx.policy))
    if case.care_plan_id != plan.id and case.status in CASE[Occurrence.PLAN_RESTORED].sources:
        await save_case(tx, case, case_end.take_plan(case, plan.id, await find_slot(tx, is_urgent=case.is_urgent)))
    return True
