"""Succession of accountable leads: a person with a plan has exactly one at every moment (AC7, G46).

Each function returns decisions in the order of saving: the outgoing lead before the incoming one.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from services.mdt.commands import LeadCandidate, LeadProposal
from services.mdt.domain import lead as leads
from services.mdt.domain.lead import AlreadyLead, Lead, LeadNotFound, Status
from shared.contracts.mdt import CaseCloseReason
from shared.kernel.decision import Decision
from shared.kernel.ids import PersonId

Decisions = list[Decision[Lead]]

SUPERSEDED = "superseded"
PRACTICE_CHANGED = "practice-changed"
PRACTICE_UNCONFIRMED = "practice-unconfirmed"


@dataclass(frozen=True, slots=True)
class CasePerson:
    """The person of a case, the correlation id of the case, the practice of the fallback lead, and the plan that is led.

    `doubted_practices` has the codes of practices in doubt, whose GP is proposed as no lead.
    """

    id: PersonId
    correlation_id: UUID
    practice_code: str
    care_plan_id: UUID | None = None
    doubted_practices: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class LeadContext:
    """Inputs of the rules: the time, the due time of an answer, ids for new leads, and whether the meeting decides."""

    at: datetime
    answer_by: datetime
    lead_id: UUID
    fallback_id: UUID
    is_meeting: bool = False


@dataclass(frozen=True, slots=True)
class Leads:
    """The active and the proposed leads of a person."""

    active: Lead | None = None
    proposed: tuple[Lead, ...] = ()

    @classmethod
    def of(cls, open_leads: Sequence[Lead]) -> "Leads":
        active = next((lead for lead in open_leads if lead.status is Status.ACTIVE), None)
        return cls(active, tuple(lead for lead in open_leads if lead.status is Status.PROPOSED))

    def require_active(self) -> Lead:
        """Raises LeadNotFound."""
        if self.active is None:
            raise LeadNotFound("This person has no lead.")
        return self.active


def appoint(person: CasePerson, current: Leads, proposal: LeadProposal | None, now: LeadContext) -> Decisions:
    """The meeting proposes a lead, and earlier open proposals end. Without a proposal the present lead stays.

    A candidate who has accepted, and a GP, takes over at once. Until another candidate answers the present lead stays; a
    person without a lead gets the GP.
    """
    if proposal is None:
        return _fallback(person, current.active, now)
    others = [lead for lead in current.proposed if lead.professional != proposal.candidate.professional]
    left = Leads(current.active, tuple(lead for lead in current.proposed if lead not in others))
    return [*(leads.end(lead, SUPERSEDED) for lead in others), *_propose(person, left, proposal, now)]


def accept(lead: Lead, current: Leads, now: datetime) -> Decisions:
    """The professional accepts and takes over in the same instant; of several proposals the first acceptance wins.

    Raises IllegalTransition.
    """
    return _succeed(current, leads.accept(lead, now))


def decline(person: CasePerson, lead: Lead, current: Leads, reason: str, now: LeadContext) -> Decisions:
    """Proposes the next candidate; the present lead, or the GP, continues (mdt-6)."""
    return [leads.decline(lead, reason), *_propose_next(person, lead, current, now)]


def expire(person: CasePerson, lead: Lead, current: Leads, now: LeadContext) -> Decisions:
    """A proposal without an answer in time counts as declined (G17, mdt-6)."""
    return [leads.expire(lead), *_propose_next(person, lead, current, now)]


def hand_over(person: CasePerson, lead: Lead, current: Leads, to: LeadProposal | None, now: LeadContext) -> Decisions:
    """The lead proposes a successor and stays until they accept; without a name the GP takes over at once.

    Raises IllegalTransition, AlreadyLead, LeadPracticeUnknown.
    """
    _require_another(person, lead, to)
    if to is None:
        return [leads.hand_over(lead, now.fallback_id), *_fallback(person, None, now)]
    return _propose(person, current, to, now)


def replace_absent(person: CasePerson, lead: Lead, current: Leads, to: LeadProposal | None, reason: str, now: LeadContext) -> Decisions:
    """Replaces an absent lead: the GP takes over at once, until the candidate accepts.

    Raises IllegalTransition, AlreadyLead, LeadPracticeUnknown.
    """
    _require_another(person, lead, to)
    proposed = _propose(person, Leads(None, current.proposed), to, now) if to else []
    active = next((decision.state for decision in proposed if decision.state.status is Status.ACTIVE), None)
    successions = [*proposed, *_fallback(person, active, now)]
    successor = next(decision.state for decision in successions if decision.state.status is Status.ACTIVE)
    return [leads.hand_over(lead, successor.id, reason), *successions]


def follow_registration(person: CasePerson, current: Leads, now: LeadContext) -> Decisions:
    """Hands over from the GP of the former practice to that of today's; a lead by name stays."""
    active = current.active
    if active is None or not leads.is_practice_gp(active) or active.professional == leads.gp(person.practice_code).professional:
        return []
    return [leads.hand_over(active, now.fallback_id, PRACTICE_CHANGED), *_fallback(person, None, now)]


def withdraw(person: CasePerson, lead: Lead, current: Leads, now: LeadContext) -> Decisions:
    """Ends an open proposal to the GP of a practice in doubt, and proposes the next candidate; any other proposal stays."""
    if lead not in current.proposed or not leads.is_doubted(leads.candidate_of(lead), person.doubted_practices):
        return []
    return [leads.end(lead, PRACTICE_UNCONFIRMED), *_propose_next(person, lead, current, now)]


def end_all(current: Leads, reason: CaseCloseReason, now: datetime) -> Decisions:
    """Ends all open leads of the person."""
    open_leads = [*current.proposed, *([current.active] if current.active else [])]
    return [leads.end_care(lead, reason, now) for lead in open_leads]


def restore(current: Leads, ended: Sequence[Lead], now: LeadContext) -> Decisions:
    """Restores the leads that a mistaken death or move ended, unless another lead or a proposal to the same professional is open."""
    taken = {lead.professional for lead in (*current.proposed, *([current.active] if current.active else []))}
    restored = [leads.restore(lead, now.at, now.answer_by) for lead in ended if lead.professional not in taken]
    return [each for each in restored if each.state.status is Status.PROPOSED or current.active is None]


def merge(own: Leads, others: Leads, merged_at: datetime) -> Decisions:
    """Two records of one person had a lead each: the lead of the merged record ends."""
    return [leads.end_by_merge(own.active, merged_at)] if own.active and others.active else []


def resume(person: CasePerson, current: Leads, ended: Sequence[Lead], now: LeadContext) -> Decisions:
    """A person with a plan and without a lead has the lead whom a merge ended last; else the GP."""
    merged = [(lead.by_merge, lead) for lead in ended if lead.by_merge is not None]
    if current.active is not None or not merged:
        return _fallback(person, current.active, now)
    _, former = max(merged, key=lambda each: each[0])
    same = [lead for lead in current.proposed if lead.professional == former.professional]
    return [*(leads.end(lead, SUPERSEDED) for lead in same), leads.resume(former, person.care_plan_id, now.at)]


def move(own: Leads, to: CasePerson, now: LeadContext) -> Decisions:
    """The plan under one id of the person has closed, and another one continues: its lead leads that plan, and open proposals end."""
    ending = [leads.end(lead, SUPERSEDED) for lead in own.proposed]
    if own.active is None:
        return ending
    present = own.active
    moved = replace(_new(to, now.lead_id, leads.candidate_of(present), (), now), is_fallback=present.is_fallback)
    return [*ending, leads.hand_over(present, moved.id), leads.take_over(moved, now.at)]


def _require_another(person: CasePerson, lead: Lead, to: LeadProposal | None) -> None:
    leads.require_hand_over(lead)
    candidate = to.candidate if to else leads.gp(person.practice_code)
    leads.require_known(candidate)
    if candidate.professional == lead.professional:
        raise AlreadyLead("This professional is the lead already.")


def _propose(person: CasePerson, current: Leads, proposal: LeadProposal, now: LeadContext) -> Decisions:
    candidate = proposal.candidate
    if current.active and current.active.professional == candidate.professional:
        return []
    proposed = next((lead for lead in current.proposed if lead.professional == candidate.professional), None)
    if proposed:
        return _succeed(current, leads.accept(proposed, now.at, is_from_meeting=now.is_meeting)) if proposal.has_accepted else []
    lead = _new(person, now.lead_id, candidate, proposal.alternatives, now)
    if proposal.has_accepted or candidate == leads.gp(person.practice_code):
        return _succeed(current, leads.propose_accepted(lead, now.at, is_from_meeting=now.is_meeting))
    return [leads.propose(lead), *_fallback(person, current.active, now)]


def _propose_next(person: CasePerson, lead: Lead, current: Leads, now: LeadContext) -> Decisions:
    alternatives = [each for each in lead.alternatives if not leads.is_doubted(each, person.doubted_practices)]
    if not alternatives:
        return _fallback(person, current.active, now)
    following, *others = alternatives
    rest = Leads(current.active, tuple(each for each in current.proposed if each.id != lead.id))
    return _propose(person, rest, LeadProposal(following, alternatives=tuple(others)), now)


def _fallback(person: CasePerson, active: Lead | None, now: LeadContext) -> Decisions:
    if active is not None:
        return []
    return [leads.fall_back(_new(person, now.fallback_id, leads.gp(person.practice_code), (), now), now.at, is_from_meeting=now.is_meeting)]


def _succeed(current: Leads, succeeding: Decision[Lead]) -> Decisions:
    """Ends the other proposals and hands over from the active lead to the new one."""
    others = [leads.end(lead, SUPERSEDED) for lead in current.proposed if lead.id != succeeding.state.id]
    ending = [leads.hand_over(current.active, succeeding.state.id)] if current.active else []
    return [*others, *ending, succeeding]


def _new(person: CasePerson, lead_id: UUID, candidate: LeadCandidate, alternatives: tuple[LeadCandidate, ...], now: LeadContext) -> Lead:
    return Lead(
        id=lead_id,
        person_id=person.id,
        correlation_id=person.correlation_id,
        status=Status.PROPOSED,
        professional_id=candidate.professional_id,
        role=candidate.role,
        organisation=candidate.organisation,
        practice_code=person.practice_code,
        alternatives=alternatives,
        answer_by=now.answer_by,
        care_plan_id=person.care_plan_id,
    )
