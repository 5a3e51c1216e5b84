"""Accountable leads: answers to proposals, hand-overs, deadlines. A person's leads are locked before any is read."""

from uuid import UUID

from services.mdt.commands import DeclineLead, HandOverLead, LeadProposal
from services.mdt.domain import lead as domain
from services.mdt.domain import lead_succession
from services.mdt.domain.care_plan import CarePlan
from services.mdt.domain.lead import Lead, LeadNotFound, Status
from services.mdt.domain.lead_succession import CasePerson, Decisions, LeadContext, Leads
from services.mdt.domain.notification import Kind
from services.mdt.domain.person_change import Mistake, is_restored
from services.mdt.domain.table_16 import require_allowed
from services.mdt.store.care_plan import open_plans_of
from services.mdt.store.lead import (
    all_open_leads,
    ended_leads,
    leads,
    led_by_practices,
    lock_leads,
    open_leads,
    open_leads_under,
    save_leads,
)
from services.mdt.store.notification import notify
from services.mdt.store.person import doubted_practices, fallback_practice, practice_of
from services.mdt.store.practices import practice_today
from services.mdt.store.risk_standing import standing_of
from services.mdt.store.tables import Tx
from shared.contracts.mdt import CaseCloseReason
from shared.kernel.ids import PersonId, new_id
from shared.kernel.target import Target
from shared.kernel.working_days import working_days_later
from shared.persistence.deadlines import DueDeadline
from shared.persistence.merged_persons import Merge
from shared.persistence.practices import all_practices


async def accept_lead(target: Target, *, tx: Tx) -> Lead:
    lead, current = await _locked(tx, target.id)
    domain.require_own(lead, tx.actor)
    domain.require_unanswered(lead)
    target.require(f"The lead {target.id}", lead.version)
    return _with_id(target.id, await _save(tx, lead.person_id, lead_succession.accept(lead, current, tx.now)))


async def decline_lead(target: Target, command: DeclineLead, *, tx: Tx) -> Lead:
    lead, current = await _locked(tx, target.id)
    domain.require_own(lead, tx.actor)
    target.require(f"The lead {target.id}", lead.version)
    decisions = lead_succession.decline(await _person(tx, lead), lead, current, command.reason, _now(tx))
    return _with_id(target.id, await _save(tx, lead.person_id, decisions))


async def hand_over_lead(target: Target, command: HandOverLead, *, tx: Tx) -> Lead:
    """Returns the successor: active, or proposed.

    Raises NotYourLead, NotMdtMember, LeadNotAllowed, LeadPracticeUnknown, LeadPracticeUnconfirmed, AlreadyLead.
    """
    lead, current = await _locked(tx, target.id)
    domain.require_lead_or_stand_in(lead, tx.actor, tx.policy)
    domain.require_reason(lead, tx.actor, command.reason)
    target.require(f"The lead {target.id}", lead.version)
    await _require_allowed(tx, lead.person_id, command.to)
    saved = await _save(tx, lead.person_id, await _succession(lead, current, command, tx))
    return next((each for each in reversed(saved) if each.id != target.id), lead)


async def _succession(lead: Lead, current: Leads, command: HandOverLead, tx: Tx) -> Decisions:
    person = await _person(tx, lead)
    if lead.professional == tx.actor.professional or command.reason is None:
        return lead_succession.hand_over(person, lead, current, command.to, _now(tx))
    return lead_succession.replace_absent(person, lead, current, command.to, command.reason, _now(tx))


async def appoint_lead(person: CasePerson, proposal: LeadProposal | None, *, tx: Tx) -> Lead:
    """Carries out the meeting's proposal; without one the present lead stays. Returns the active lead.

    Raises LeadNotAllowed, LeadPracticeUnknown, LeadPracticeUnconfirmed.
    """
    await _require_allowed(tx, person.id, proposal)
    await lock_leads(tx, person.id)
    current = await open_leads(tx, person.id)
    saved = await _save(tx, person.id, lead_succession.appoint(person, current, proposal, _now(tx, is_meeting=True)))
    return lead_succession.Leads.of([*saved, *([current.active] if current.active else [])]).require_active()


async def end_leads(person_id: PersonId, reason: CaseCloseReason, *, tx: Tx) -> None:
    """Ends the leads and proposals under this id."""
    await lock_leads(tx, person_id)
    await save_leads(tx, lead_succession.end_all(await open_leads_under(tx, person_id), reason, tx.now))


async def leave_plan(person_id: PersonId, reason: CaseCloseReason, *, tx: Tx) -> None:
    """The plan under this id has closed: the lead leads another plan of the person, under another id, or ends."""
    await lock_leads(tx, person_id)
    own, others = await open_leads_under(tx, person_id), await open_plans_of(tx, person_id)
    continues = lead_succession.move(own, await _led(tx, others[0]), _now(tx)) if others else None
    await save_leads(tx, lead_succession.end_all(own, reason, tx.now) if continues is None else continues)


async def ensure_lead(person_id: PersonId, *, tx: Tx) -> None:
    """A plan without a lead, after a separation, has the lead whom the merge ended, else the GP."""
    await lock_leads(tx, person_id)
    for plan in [plan for plan in await open_plans_of(tx, person_id) if plan.person_id == person_id]:
        decisions = lead_succession.resume(
            await _led(tx, plan), await open_leads(tx, person_id), await ended_leads(tx, person_id), _now(tx)
        )
        await _save(tx, person_id, decisions)


async def unite_leads(merge: Merge, *, tx: Tx) -> tuple[Lead | None, Lead | None]:
    """Ends the lead of the merged record when the other record has one. Returns the lead of the person, and the one who ended."""
    found = await all_open_leads(tx, PersonId(merge.person_id))
    own = Leads.of([lead for lead in found if lead.person_id == merge.person_id])
    others = Leads.of([lead for lead in found if lead.person_id != merge.person_id])
    ended = await save_leads(tx, lead_succession.merge(own, others, merge.merged_at))
    return others.active or own.active, next(iter(ended), None)


async def restore_leads(person_id: PersonId, mistaken: Mistake, *, tx: Tx) -> None:
    """Restores the leads that a mistaken death or move ended."""
    await lock_leads(tx, person_id)
    ended = [lead for lead in await ended_leads(tx, person_id) if is_restored(lead.by_change, mistaken)]
    await _save(tx, person_id, lead_succession.restore(await open_leads(tx, person_id), ended, _now(tx)))


async def follow_registration(person_id: PersonId, *, tx: Tx) -> None:
    """Hands over from the GP of the person's former practice to that of today's, and ends proposals to practices in doubt."""
    await lock_leads(tx, person_id)
    current = await open_leads(tx, person_id)
    if current.active:
        person = await _person(tx, current.active)
        await _save(tx, person_id, lead_succession.follow_registration(person, current, _now(tx)))
    for proposed in current.proposed:
        await _withdraw_doubted(tx, proposed)


async def _withdraw_doubted(tx: Tx, lead: Lead) -> None:
    current = await open_leads(tx, lead.person_id)
    decisions = lead_succession.withdraw(await _person(tx, lead), lead, current, _now(tx))
    await _save(tx, lead.person_id, decisions, withdrawn=lead.id)


async def on_practices_changed(_: DueDeadline, *, tx: Tx) -> None:
    """Hands over from each practice that leads to the person's practice of today: its successor, or itself when a closing was withdrawn.

    A practice that closed without a successor stays the lead by name only: the chair is asked to find another one.
    """
    practices, today = await all_practices(tx), tx.policy.day_of(tx.now)
    for lead in await led_by_practices(tx):
        practice_code = await practice_of(tx, lead.person_id)
        if practice_code is None and practices.acting(lead.organisation, today) is None:
            await notify(tx, tx.policy.chair, lead.person_id, Kind.NO_LEAD_FOUND, lead.id, tx.now)
        elif practice_code != lead.organisation:
            await follow_registration(lead.person_id, tx=tx)


async def on_answer_due(deadline: DueDeadline, *, tx: Tx) -> None:
    """Proposes the next candidate after a proposal expired; without one notifies the chair (G15)."""
    lead, current = await _locked(tx, deadline.subject)
    await _save(tx, lead.person_id, lead_succession.expire(await _person(tx, lead), lead, current, _now(tx)))


async def _led(tx: Tx, plan: CarePlan) -> CasePerson:
    """The person of a plan, with their practice of today, else the one that has closed."""
    return CasePerson(plan.person_id, plan.correlation_id, await fallback_practice(tx, plan.person_id), plan.id)


async def _require_allowed(tx: Tx, person_id: PersonId, proposal: LeadProposal | None) -> None:
    """Applies Table 16 to the candidate and the alternatives. Raises LeadNotAllowed, LeadPracticeUnknown, LeadPracticeUnconfirmed."""
    standing, doubted = await standing_of(tx, person_id), await doubted_practices(tx, person_id)
    for candidate in (proposal.candidate, *proposal.alternatives) if proposal else ():
        require_allowed(candidate.role, standing)
        domain.require_known(candidate)
        domain.require_confirmed(candidate, doubted)


async def _locked(tx: Tx, lead_id: UUID) -> tuple[Lead, Leads]:
    """The lead and the person's open leads, under the person's lock. Raises LeadNotFound."""
    lead = await leads.find(tx, lead_id)
    if lead is None:
        raise LeadNotFound(f"No lead has the id {lead_id}.")
    await lock_leads(tx, lead.person_id)
    return await leads.load(tx, lead_id), await open_leads(tx, lead.person_id)


async def _save(tx: Tx, person_id: PersonId, decisions: Decisions, withdrawn: UUID | None = None) -> list[Lead]:
    """Saves, notifies proposed leads, and notifies the chair when no candidate is left or the practice that leads is unknown.

    `withdrawn` is a proposal that ends as if it were refused.
    """
    saved = await save_leads(tx, decisions)
    for lead in saved:
        if lead.status is Status.PROPOSED:
            await notify(tx, lead.professional, person_id, Kind.LEAD_PROPOSED, lead.id, tx.now)
    refused = [lead for lead in saved if lead.status in domain.REFUSED or lead.id == withdrawn]
    has_candidate = any(lead.status in domain.OPEN and not lead.is_fallback for lead in saved)
    fallbacks = [lead for lead in saved if lead.status is Status.ACTIVE and lead.is_fallback]
    unknown = [lead for lead in fallbacks if await practice_today(tx, lead.organisation) is None]
    for lead in [*(refused if not has_candidate else []), *unknown][:1]:
        await notify(tx, tx.policy.chair, person_id, Kind.NO_LEAD_FOUND, lead.id, tx.now)
    return saved


def _now(tx: Tx, *, is_meeting: bool = False) -> LeadContext:
    answer_by = working_days_later(tx.now, tx.policy.lead_answers_within_working_days, tx.policy.zone)
    return LeadContext(tx.now, answer_by, lead_id=new_id(), fallback_id=new_id(), is_meeting=is_meeting)


async def _person(tx: Tx, lead: Lead) -> CasePerson:
    """The person with their practice of today, whose GP is the fallback."""
    practice_code, doubted = await fallback_practice(tx, lead.person_id), await doubted_practices(tx, lead.person_id)
    return CasePerson(lead.person_id, lead.correlation_id, practice_code, lead.care_plan_id, doubted)


def _with_id(lead_id: UUID, saved: list[Lead]) -> Lead:
    return next(lead for lead in saved if lead.id == lead_id)
