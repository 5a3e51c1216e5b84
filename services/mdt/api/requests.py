"""What a discussion and a hand-over send: plan, actions and lead."""

from datetime import date
from uuid import UUID

from services.mdt import commands
from shared.contracts.codes import PlaceOfCare, Role, TaskKind
from shared.contracts.event import Code
from shared.contracts.mdt import CrisisSection
from shared.web.responses import RequestModel


class CarerBody(RequestModel):
    """Who cares for the person at home."""

    name: str
    relationship: str
    telephone: str | None = None

    def value(self) -> commands.Carer:
        return commands.Carer(self.name, self.relationship, self.telephone)


class JointPlanBody(RequestModel):
    """What health and social care agreed together, in words."""

    what_matters: str
    preferred_place_of_care: PlaceOfCare
    preferred_place_of_death: PlaceOfCare | None = None
    problems: tuple[str, ...] = ()
    crisis: CrisisSection | None = None
    carer: CarerBody | None = None
    is_care_home_resident: bool = False

    def value(self) -> commands.JointPlan:
        return commands.JointPlan(
            what_matters=self.what_matters,
            preferred_place_of_care=self.preferred_place_of_care,
            preferred_place_of_death=self.preferred_place_of_death,
            problems=self.problems,
            crisis=self.crisis,
            carer=self.carer.value() if self.carer else None,
            is_care_home_resident=self.is_care_home_resident,
        )


class ActionBody(RequestModel):
    """One thing to be done. An action of the current plan that continues is sent with its `action_id`."""

    kind: TaskKind
    owner_role: Role
    due_on: date
    service_code: Code | None = None
    action_id: UUID | None = None

    def value(self) -> commands.ActionAgreed:
        return commands.ActionAgreed(self.kind, self.owner_role, self.due_on, self.service_code, self.action_id)


class CandidateBody(RequestModel):
    professional_id: Code
    role: Role
    organisation: Code

    def value(self) -> commands.Candidate:
        return commands.Candidate(self.professional_id, self.role, self.organisation)


class LeadBody(RequestModel):
    """`has_accepted`: they said yes already. `alternatives` are asked in turn should they decline or not answer."""

    candidate: CandidateBody
    has_accepted: bool = False
    alternatives: tuple[CandidateBody, ...] = ()

    def value(self) -> commands.LeadProposal:
        return commands.LeadProposal(self.candidate.value(), self.has_accepted, tuple(other.value() for other in self.alternatives))


class Discussion(RequestModel):
    """Plan, lead and actions are all needed; a person who has a lead keeps them when `lead` is left out.

    `is_agreed_by_person` is what the person said to the plan; left out while they have not answered. `meeting_id` is needed only
    where a discussion is recorded after the case had moved on: it names the meeting that discussed it.
    """

    joint_plan: JointPlanBody | None = None
    actions: tuple[ActionBody, ...] = ()
    lead: LeadBody | None = None
    is_agreed_by_person: bool | None = None
    meeting_id: UUID | None = None

    def command(self) -> commands.DiscussCase:
        return commands.DiscussCase(
            joint_plan=self.joint_plan.value() if self.joint_plan else None,
            actions=tuple(action.value() for action in self.actions),
            lead=self.lead.value() if self.lead else None,
            is_agreed_by_person=self.is_agreed_by_person,
            meeting_id=self.meeting_id,
        )


class Decline(RequestModel):
    reason: Code


class HandOver(RequestModel):
    """Whom the lead asks to take over; left out, the GP takes over at once. `reason`: why the coordinator does so for an absent lead."""

    to: LeadBody | None = None
    reason: Code | None = None

    def command(self) -> commands.HandOverLead:
        return commands.HandOverLead(self.to.value() if self.to else None, self.reason)
