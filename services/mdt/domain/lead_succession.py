"""Who follows whom as accountable lead: a person whose care began at the meeting has exactly one at every moment (AC7, G46).

Every answer is a list of decisions in the order in which they must be saved: the one who goes before the one who comes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.mdt.commands import Candidate, LeadProposal
from services.mdt.domain import lead as leads
from services.mdt.domain.lead import AlreadyLead, Lead, LeadNotFound, Status
from shared.kernel.decision import Decision
from shared.kernel.ids import PersonId

Decisions = list[Decision[Lead]]

SUPERSEDED = "superseded"


@dataclass(frozen=True, slots=True)
class Person:
    """Whose lead it is, in which chain, and whose practice is the fallback."""

    id: PersonId
    correlation_id: UUID
    practice_code: str


@dataclass(frozen=True, slots=True)
class LeadContext:
    """What a rule may not fetch itself: the time, whether the meeting speaks, when an answer is due, and ids for whoever comes."""

    at: datetime
    answer_by: datetime
    lead_id: UUID
    fallback_id: UUID
    is_meeting: bool = False


@dataclass(frozen=True, slots=True)
class Leads:
    """Everybody who is, or is asked to be, a person's lead now."""

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


def appoint(person: Person, current: Leads, proposal: LeadProposal | None, now: LeadContext) -> Decisions:
    """The meeting wants this lead; whoever was asked before and has not answered no longer is. Without a wish nothing changes.

    Who is lead already stays; who accepted, and a GP, takes over at once; until anybody else answers, whoever is lead
    stays, and where nobody is, the GP becomes it.
    """
    if proposal is None:
        return _fallback(person, current.active, now)
    others = [lead for lead in current.proposed if lead.professional_id != proposal.candidate.professional_id]
    left = Leads(current.active, tuple(lead for lead in current.proposed if lead not in others))
    return [*(leads.end(lead, SUPERSEDED) for lead in others), *_ask(person, left, proposal, now)]


def accept(lead: Lead, current: Leads, now: datetime) -> Decisions:
    """The professional says yes and takes over in the same instant; of several who were asked the first wins.

    Raises IllegalTransition.
    """
    return _succeed(current, leads.accept(lead, now))


def decline(person: Person, lead: Lead, current: Leads, reason: str, now: LeadContext) -> Decisions:
    """The next candidate is asked; the lead until now, or the GP, carries on (mdt-6)."""
    return [leads.decline(lead, reason), *_propose_next(person, lead, current, now)]


def expire(person: Person, lead: Lead, current: Leads, now: LeadContext) -> Decisions:
    """Nobody answered in time: as if declined (G17, mdt-6)."""
    return [leads.expire(lead), *_propose_next(person, lead, current, now)]


def hand_over(person: Person, lead: Lead, current: Leads, to: LeadProposal | None, now: LeadContext) -> Decisions:
    """The lead asks somebody else, and stays until they say yes; without a name the GP takes over at once.

    Raises IllegalTransition, AlreadyLead.
    """
    _require_another(person, lead, to)
    if to is None:
        return [leads.hand_over(lead, now.fallback_id), *_fallback(person, None, now)]
    return _ask(person, current, to, now)


def replace_absent(person: Person, lead: Lead, current: Leads, to: LeadProposal | None, reason: str, now: LeadContext) -> Decisions:
    """A lead who is absent answers for nobody: until whoever is wanted says yes, the GP takes over at once.

    Raises IllegalTransition, AlreadyLead.
    """
    _require_another(person, lead, to)
    asked = _ask(person, Leads(None, current.proposed), to, now) if to else []
    active = next((decision.state for decision in asked if decision.state.status is Status.ACTIVE), None)
    coming = [*asked, *_fallback(person, active, now)]
    successor = next(decision.state for decision in coming if decision.state.status is Status.ACTIVE)
    return [leads.hand_over(lead, successor.id, reason), *coming]


def end_all(current: Leads, reason: str) -> Decisions:
    """The person died, moved away, or needs no lead any more."""
    everybody = [*current.proposed, *([current.active] if current.active else [])]
    return [leads.end(lead, reason) for lead in everybody]


def _require_another(person: Person, lead: Lead, to: LeadProposal | None) -> None:
    leads.require_hand_over(lead)
    wanted = to.candidate if to else leads.gp(person.practice_code)
    if wanted.professional_id == lead.professional_id:
        raise AlreadyLead("This professional is the lead already.")


def _ask(person: Person, current: Leads, proposal: LeadProposal, now: LeadContext) -> Decisions:
    wanted = proposal.candidate
    if current.active and current.active.professional_id == wanted.professional_id:
        return []
    asked = next((lead for lead in current.proposed if lead.professional_id == wanted.professional_id), None)
    if asked:
        return _succeed(current, leads.accept(asked, now.at, is_from_meeting=now.is_meeting)) if proposal.has_accepted else []
    lead = _new(person, now.lead_id, wanted, proposal.alternatives, now)
    if proposal.has_accepted or wanted == leads.gp(person.practice_code):
        return _succeed(current, leads.propose_accepted(lead, now.at, is_from_meeting=now.is_meeting))
    return [leads.propose(lead), *_fallback(person, current.active, now)]


def _propose_next(person: Person, lead: Lead, current: Leads, now: LeadContext) -> Decisions:
    if not lead.alternatives:
        return _fallback(person, current.active, now)
    following, *others = lead.alternatives
    left = Leads(current.active, tuple(asked for asked in current.proposed if asked.id != lead.id))
    return _ask(person, left, LeadProposal(following, alternatives=tuple(others)), now)


def _fallback(person: Person, active: Lead | None, now: LeadContext) -> Decisions:
    if active is not None:
        return []
    return [leads.fall_back(_new(person, now.fallback_id, leads.gp(person.practice_code), (), now), now.at, is_from_meeting=now.is_meeting)]


def _succeed(current: Leads, coming: Decision[Lead]) -> Decisions:
    """Who was asked besides is no longer; who is lead goes in the instant in which the new one comes."""
    others = [leads.end(lead, SUPERSEDED) for lead in current.proposed if lead.id != coming.state.id]
    going = [leads.hand_over(current.active, coming.state.id)] if current.active else []
    return [*others, *going, coming]


def _new(person: Person, lead_id: UUID, candidate: Candidate, alternatives: tuple[Candidate, ...], now: LeadContext) -> Lead:
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
    )
