"""Referrals enter cases: a new one, or the open case of their person.

A merge lets a referral wait in the case under another id of its person. After a separation it follows its own person, so that no answer is
that of another one.
"""

from datetime import datetime
from uuid import UUID

from services.mdt.domain import case as domain
from services.mdt.domain import case_end, plan_end
from services.mdt.domain.case import Case, Status
from services.mdt.handlers.schedule import find_slot
from services.mdt.handlers.settlement import save_case, save_plan
from services.mdt.store.care_plan import open_plan
from services.mdt.store.case import cases, open_case_of, open_cases_of
from services.mdt.store.joined_referral import JoinedReferral, forget_joined, joined_among, record_joined
from services.mdt.store.risk_standing import standing_of
from services.mdt.store.tables import MERGED, Tx
from shared.kernel.ids import PersonId, new_id
from shared.kernel.working_days import working_days_later


def screen_by(tx: Tx) -> datetime:
    """The time until which a case is screened; then, and as often again, the chair is notified."""
    return working_days_later(tx.now, tx.policy.screened_within_working_days, tx.policy.zone)


async def refer(case: Case, tx: Tx) -> Case:
    """Saves a new case, which waits for its screening."""
    standing = await standing_of(tx, case.person_id)
    return await cases.save(tx, domain.refer(case, standing, screen_by=screen_by(tx)))


async def add_referral(referral: JoinedReferral, correlation_id: UUID, *, tx: Tx) -> Case:
    """Adds the referral to the open case of its person, first to that under the same id, or opens a case. The diary is locked."""
    case = await open_case_of(tx, referral.person_id)
    return await refer(_new_case(referral, correlation_id), tx) if case is None else await refer_again(case, referral, tx=tx)


async def refer_again(case: Case, referral: JoinedReferral, *, tx: Tx) -> Case:
    """Adds the referral to an open case, and records it when the case is under another id."""
    if referral.referral_id in case.referral_ids:
        return case
    if case.person_id != referral.person_id:
        await record_joined(tx, referral)
    is_urgent, standing = referral.is_urgent, await standing_of(tx, case.person_id)
    free = await find_slot(tx, is_urgent=is_urgent)
    slot = free if domain.should_move(case, free, is_urgent=is_urgent) else None
    return await cases.save(tx, domain.refer_again(case, referral.referral_id, is_urgent=is_urgent, standing=standing, slot=slot))


async def lock_cases(tx: Tx, person_id: PersonId) -> None:
    """Locks the open cases of the person and their plans."""
    for case in await open_cases_of(tx, person_id):
        await open_plan(tx, case.person_id)


async def return_referrals(person_id: PersonId, *, tx: Tx) -> None:
    """Returns the referrals of other people, which waited in the cases and plans of this person when they counted as one."""
    for case in await open_cases_of(tx, person_id):
        plan, group = await open_plan(tx, case.person_id), await MERGED.group(tx, case.person_id)
        waiting = {*case.referral_ids, *(plan.referral_ids if plan else ())}
        for referral in await joined_among(tx, sorted(waiting)):
            if referral.person_id not in group:
                await _return(case.id, referral, tx)


async def _return(case_id: UUID, referral: JoinedReferral, tx: Tx) -> None:
    case = await cases.load(tx, case_id)
    withdrawn = case_end.withdraw(case, referral.referral_id, tx.now)
    if withdrawn:
        await save_case(tx, case, withdrawn)
    plan = await open_plan(tx, case.person_id)
    if plan and referral.referral_id in plan.referral_ids:
        await save_plan(tx, plan, plan_end.withdraw(plan, referral.referral_id))
    await forget_joined(tx, referral.referral_id)
    await add_referral(referral, referral.referral_id, tx=tx)


def _new_case(referral: JoinedReferral, correlation_id: UUID) -> Case:
    return Case(
        id=new_id(),
        person_id=referral.person_id,
        correlation_id=correlation_id,
        status=Status.REFERRED,
        practice_code=referral.practice_code,
        locality=referral.locality,
        is_urgent=referral.is_urgent,
        referred_at=referral.referred_at,
        referral_ids=(referral.referral_id,),
    )
