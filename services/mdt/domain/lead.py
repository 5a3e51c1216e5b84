"""The accountable lead professional: one professional as lead of one person, from the proposal to the end.

`lead_succession` decides the order of leads, so that a person always has exactly one.
Sources: Table 16, G15, G17, G39, G46; 001:10073-10079.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from services.mdt.commands import AcceptLead, DeclineLead, HandOverLead, LeadCandidate
from services.mdt.domain import desks, person_change
from services.mdt.domain.access import COORDINATE, require_member
from services.mdt.domain.care_plan import CarePlanDeadline
from services.mdt.domain.person_change import EndOfCare
from services.mdt.domain.policy import Policy
from shared.contracts.codes import Role
from shared.contracts.event import Event
from shared.contracts.mdt import (
    CaseCloseReason,
    LeadAccepted,
    LeadActivated,
    LeadDeclined,
    LeadEnded,
    LeadHandedOver,
    LeadProposed,
)
from shared.contracts.practices import UNKNOWN_PRACTICE, gp_id
from shared.kernel.actor import Actor, Professional
from shared.kernel.decision import Deadline, Decision
from shared.kernel.errors import Conflict, InvalidField, NotAllowed, NotFound, RuleBroken
from shared.kernel.ids import PersonId
from shared.kernel.ownership import Owners, owned
from shared.kernel.state_table import Transitions, require_transition, state_table, transition
from shared.kernel.totality import total


class Status(StrEnum):
    PROPOSED = "proposed"
    ACTIVE = "active"
    DECLINED = "declined"
    EXPIRED = "expired"
    HANDED_OVER = "handed-over"
    ENDED = "ended"


class LeadDeadline(StrEnum):
    """The deadline of a proposal."""

    ANSWER = "answer"


class Occurrence(StrEnum):
    """Changes of a lead that none of its commands makes."""

    SUCCEEDED = "succeeded"
    ENDED = "ended"
    CARE_RESTORED = "care-restored"
    MERGED = "merged"
    SEPARATED = "separated"


@dataclass(frozen=True, slots=True)
class Lead:
    """One professional as proposed, active or former lead. After a refusal the `alternatives` are proposed in turn.

    `by_change` is the death or the move that ended the lead. `by_merge` is the time of the merge that ended it: the person's other record
    had a lead as well.
    """

    id: UUID
    person_id: PersonId
    correlation_id: UUID
    status: Status
    professional_id: str
    role: Role
    organisation: str
    practice_code: str
    is_fallback: bool = False
    alternatives: tuple[LeadCandidate, ...] = ()
    answer_by: datetime | None = None
    activated_at: datetime | None = None
    care_plan_id: UUID | None = None
    by_change: EndOfCare | None = None
    by_merge: datetime | None = None
    version: int = 0

    @property
    def professional(self) -> Professional:
        return Professional(self.professional_id, self.organisation)


class LeadNotFound(NotFound):
    """No lead has this id, or the person has no lead."""

    code = "lead-not-found"


class NotYourLead(NotAllowed):
    """The caller is not the professional who was proposed or who is the lead."""

    code = "not-your-lead"
    advice = "Only the proposed or active lead may do this; ask the meeting to propose another professional."


class LeadAlreadyActive(Conflict):
    """Another professional became the person's lead first (G46)."""

    code = "lead-already-active"
    advice = "Read the person's lead: another professional is the lead now."


class ReplacementReasonRequired(InvalidField):
    """A coordinator replaces an active lead without a reason."""

    code = "replacement-reason-required"
    advice = "State the reason why the lead cannot hand over in person."
    field = "reason"


class LeadPracticeUnknown(RuleBroken):
    """The GP of an unknown practice would be the lead."""

    code = "lead-practice-unknown"
    advice = "Name a successor with a known organisation, or ask the Community Point of Access to record the person's practice."


class LeadPracticeUnconfirmed(RuleBroken):
    """The GP of a practice in doubt would be the lead, and read the story."""

    code = "lead-practice-unconfirmed"
    advice = "Name another professional, or ask the Community Point of Access to confirm that the person is registered with the practice."


class AlreadyLead(RuleBroken):
    """The proposed professional is the person's lead already."""

    code = "already-lead"
    advice = "Name another professional; this one is the lead already."


#: State table: guards the commands, answers `GET .../actions`, and is printed (and tested) as docs/states/mdt.md.
LEAD: Transitions = state_table(
    {
        AcceptLead: transition(Status.PROPOSED, Status.ACTIVE, LeadAccepted, LeadActivated),
        DeclineLead: transition(Status.PROPOSED, Status.DECLINED, LeadDeclined),
        HandOverLead: transition(Status.ACTIVE, (Status.ACTIVE, Status.HANDED_OVER), LeadHandedOver),
        LeadDeadline.ANSWER: transition(Status.PROPOSED, Status.EXPIRED, LeadDeclined),
        Occurrence.SUCCEEDED: transition(Status.ACTIVE, Status.HANDED_OVER, LeadHandedOver),
        Occurrence.ENDED: transition((Status.PROPOSED, Status.ACTIVE), Status.ENDED, LeadEnded),
        Occurrence.CARE_RESTORED: transition(Status.ENDED, (Status.PROPOSED, Status.ACTIVE), LeadProposed, LeadActivated),
        Occurrence.MERGED: transition(Status.ACTIVE, Status.ENDED, LeadEnded),
        Occurrence.SEPARATED: transition(Status.ENDED, Status.ACTIVE, LeadActivated),
    },
    LeadDeadline,
    Occurrence,
)
#: The owner of each state. The plan has the deadline of an active lead.
LEAD_OWNERS: Owners = total(
    Status,
    {
        Status.PROPOSED: owned(desks.LEAD, LeadDeadline.ANSWER),
        Status.ACTIVE: owned(desks.LEAD, CarePlanDeadline.REVIEW, CarePlanDeadline.REVIEW_REMINDER, subject="care_plan_id"),
        Status.DECLINED: None,
        Status.EXPIRED: None,
        Status.HANDED_OVER: None,
        Status.ENDED: None,
    },
)
OPEN = tuple(status for status, ownership in LEAD_OWNERS.items() if ownership)
_IS_REFUSED = total(
    Status,
    {
        Status.PROPOSED: False,
        Status.ACTIVE: False,
        Status.DECLINED: True,
        Status.EXPIRED: True,
        Status.HANDED_OVER: False,
        Status.ENDED: False,
    },
)
REFUSED = tuple(status for status, is_refused in _IS_REFUSED.items() if is_refused)


def gp(practice_code: str) -> LeadCandidate:
    """The person's own practice, the fallback lead (AC7)."""
    return LeadCandidate(gp_id(practice_code), Role.GP, practice_code)


def require_known(candidate: LeadCandidate) -> None:
    """Raises LeadPracticeUnknown. The code of an organisation is in capitals, that of the unknown practice is not."""
    if candidate.organisation.lower() == UNKNOWN_PRACTICE:
        raise LeadPracticeUnknown("The practice of the GP who would be the lead is unknown.")


def require_confirmed(candidate: LeadCandidate, doubted: Collection[str]) -> None:
    """`doubted` has the codes of practices in doubt (docs/adr/0048). Raises LeadPracticeUnconfirmed."""
    if is_doubted(candidate, doubted):
        raise LeadPracticeUnconfirmed(f"Only the practice {candidate.organisation} says that the person is registered with it.")


def is_doubted(candidate: LeadCandidate, doubted: Collection[str]) -> bool:
    """Whether the candidate is the GP of a practice in doubt, and not a professional by name."""
    return candidate.organisation in doubted and candidate.professional_id == gp_id(candidate.organisation)


def candidate_of(lead: Lead) -> LeadCandidate:
    return LeadCandidate(lead.professional_id, lead.role, lead.organisation)


def is_practice_gp(lead: Lead) -> bool:
    """Whether the lead is the practice and not a professional by name: such a lead follows the person's registration."""
    return lead.professional_id == gp_id(lead.organisation)


def propose(lead: Lead) -> Decision[Lead]:
    """Proposes a professional, who answers until `answer_by`."""
    deadlines = [Deadline(LeadDeadline.ANSWER, lead.answer_by)] if lead.answer_by else []
    return Decision(lead, [_proposed(lead)], deadlines)


def propose_accepted(lead: Lead, now: datetime, *, is_from_meeting: bool = False) -> Decision[Lead]:
    """Proposes a professional who has accepted already."""
    active = replace(lead, status=Status.ACTIVE, activated_at=now)
    return Decision(active, [_proposed(lead), LeadAccepted(), _activated(active, now, is_from_meeting=is_from_meeting)])


def accept(lead: Lead, now: datetime, *, is_from_meeting: bool = False) -> Decision[Lead]:
    require_transition(lead.status, AcceptLead, LEAD)
    active = replace(lead, status=Status.ACTIVE, activated_at=now)
    return Decision(active, [LeadAccepted(), _activated(active, now, is_from_meeting=is_from_meeting)], cancels=[LeadDeadline.ANSWER])


def decline(lead: Lead, reason: str) -> Decision[Lead]:
    require_transition(lead.status, DeclineLead, LEAD)
    return Decision(replace(lead, status=Status.DECLINED), [LeadDeclined(reason=reason)], cancels=[LeadDeadline.ANSWER])


def expire(lead: Lead) -> Decision[Lead]:
    """No answer within two working days (G17)."""
    require_transition(lead.status, LeadDeadline.ANSWER, LEAD)
    return Decision(replace(lead, status=Status.EXPIRED), [LeadDeclined(reason="no-answer")])


def fall_back(lead: Lead, now: datetime, *, is_from_meeting: bool = False) -> Decision[Lead]:
    """Makes the GP the lead without a proposal."""
    active = replace(lead, status=Status.ACTIVE, is_fallback=True, activated_at=now)
    return Decision(active, [_activated(active, now, is_from_meeting=is_from_meeting)])


def hand_over(lead: Lead, to_lead_id: UUID, reason: str | None = None) -> Decision[Lead]:
    """Ends the lead in the same instant in which another takes over."""
    require_transition(lead.status, Occurrence.SUCCEEDED, LEAD)
    return Decision(replace(lead, status=Status.HANDED_OVER), [LeadHandedOver(to_lead_id=to_lead_id, reason=reason)])


def end(lead: Lead, reason: str) -> Decision[Lead]:
    """Ends a lead or a proposal that is no longer needed."""
    require_transition(lead.status, Occurrence.ENDED, LEAD)
    return Decision(replace(lead, status=Status.ENDED), [LeadEnded(reason=reason)], cancels=[LeadDeadline.ANSWER])


def end_care(lead: Lead, reason: CaseCloseReason, now: datetime) -> Decision[Lead]:
    """Ends a lead or a proposal with the person's case."""
    ending = end(lead, reason)
    return replace(ending, state=replace(ending.state, by_change=person_change.ended(lead.status, reason, now)))


def restore(lead: Lead, now: datetime, answer_by: datetime) -> Decision[Lead]:
    """The death or move was a mistake: the lead is active again, or proposed with a new time to answer. Raises IllegalTransition."""
    require_transition(lead.status, Occurrence.CARE_RESTORED, LEAD)
    before = replace(lead, status=Status(lead.by_change.status) if lead.by_change else Status.PROPOSED, by_change=None)
    if before.status is Status.ACTIVE:
        active = replace(before, activated_at=now)
        return Decision(active, [_activated(active, now, is_from_meeting=False)])
    return propose(replace(before, answer_by=answer_by))


def end_by_merge(lead: Lead, merged_at: datetime) -> Decision[Lead]:
    """The person's other record has a lead, who is the lead of the whole person. Raises IllegalTransition."""
    require_transition(lead.status, Occurrence.MERGED, LEAD)
    return Decision(replace(lead, status=Status.ENDED, by_merge=merged_at), [LeadEnded(reason=Occurrence.MERGED.value)])


def resume(lead: Lead, care_plan_id: UUID | None, now: datetime) -> Decision[Lead]:
    """The merge that ended the lead was undone: the lead is active again. Raises IllegalTransition."""
    require_transition(lead.status, Occurrence.SEPARATED, LEAD)
    active = replace(lead, status=Status.ACTIVE, by_merge=None, care_plan_id=care_plan_id, activated_at=now)
    return Decision(active, [_activated(active, now, is_from_meeting=False)])


def take_over(lead: Lead, now: datetime) -> Decision[Lead]:
    """A lead of the person under one id becomes the lead under another one: a new lead, without a proposal."""
    active = replace(lead, status=Status.ACTIVE, activated_at=now)
    return Decision(active, [_activated(active, now, is_from_meeting=True)])


def require_own(lead: Lead, actor: Actor) -> None:
    """Requires the professional of this lead. Raises NotYourLead."""
    if lead.professional != actor.professional:
        raise NotYourLead("The lead is another professional.")


def require_lead(professional: Professional | None, actor: Actor) -> None:
    """Requires the person's active lead. Raises NotYourLead."""
    if professional != actor.professional:
        raise NotYourLead("The person's lead is another professional.")


def require_unanswered(lead: Lead) -> None:
    """Refuses a proposal that ended because another professional became the lead (G46). Raises LeadAlreadyActive."""
    if lead.status is Status.ENDED:
        raise LeadAlreadyActive("The proposal has ended: another professional became the lead.")


def require_lead_or_stand_in(lead: Lead, actor: Actor, policy: Policy) -> None:
    """Requires the lead, or the meeting's coordinator, who acts for an absent lead. Raises NotYourLead, NotMdtMember."""
    if lead.professional == actor.professional:
        return
    if COORDINATE not in actor.scopes:
        raise NotYourLead("The lead is another professional.")
    require_member(actor, policy)


def require_reason(lead: Lead, actor: Actor, reason: str | None) -> None:
    """Requires a reason of a coordinator who acts for an absent lead. Raises ReplacementReasonRequired."""
    if lead.professional != actor.professional and reason is None:
        raise ReplacementReasonRequired("The replacement of the lead has no reason.")


def require_hand_over(lead: Lead) -> None:
    """Raises IllegalTransition."""
    require_transition(lead.status, HandOverLead, LEAD)


def _proposed(lead: Lead) -> Event:
    return LeadProposed.model_validate(
        {"professional_id": lead.professional_id, "role": lead.role, "organisation": lead.organisation, "answer_by": lead.answer_by}
    )


def _activated(lead: Lead, now: datetime, *, is_from_meeting: bool) -> LeadActivated:
    return LeadActivated(
        professional_id=lead.professional_id,
        role=lead.role,
        organisation=lead.organisation,
        is_fallback=lead.is_fallback,
        activated_at=now,
        is_from_meeting=is_from_meeting,
    )
