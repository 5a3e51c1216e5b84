"""What a discussion and a hand-over send: plan, actions and lead."""

from dataclasses import replace
from datetime import date
from uuid import UUID

from services.mdt import commands
from shared.contracts.codes import PlaceOfCare, Role, TaskKind
from shared.contracts.event import Code
from shared.contracts.mdt import CrisisSection
from shared.web.responses import CommandModel


class CarerBody(CommandModel[commands.Carer]):
    """Who cares for the person at home."""

    name: str
    relationship: str
    telephone: str | None = None


class JointPlanBody(CommandModel[commands.JointPlan]):
    """What health and social care agreed together, in words."""

    what_matters: str
    preferred_place_of_care: PlaceOfCare
    preferred_place_of_death: PlaceOfCare | None = None
    problems: tuple[str, ...] = ()
    crisis: CrisisSection | None = None
    carer: CarerBody | None = None
    is_care_home_resident: bool = False

    def command(self) -> commands.JointPlan:
        return replace(super().command(), carer=self.carer.command() if self.carer else None)


class ActionBody(CommandModel[commands.ActionAgreed]):
    """One thing to be done. An action of the current plan that continues is sent with its `action_id`."""

    kind: TaskKind
    owner_role: Role
    due_on: date
    service_code: Code | None = None
    action_id: UUID | None = None


class CandidateBody(CommandModel[commands.Candidate]):
    professional_id: Code
    role: Role
    organisation: Code


class LeadBody(CommandModel[commands.LeadProposal]):
    """`has_accepted`: they said yes already. `alternatives` are asked in turn should they decline or not answer."""

    candidate: CandidateBody
    has_accepted: bool = False
    alternatives: tuple[CandidateBody, ...] = ()

    def command(self) -> commands.LeadProposal:
        alternatives = tuple(other.command() for other in self.alternatives)
        return replace(super().command(), candidate=self.candidate.command(), alternatives=alternatives)


class Discussion(CommandModel[commands.DiscussCase]):
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
        return replace(
            super().command(),
            joint_plan=self.joint_plan.command() if self.joint_plan else None,
            actions=tuple(action.command() for action in self.actions),
            lead=self.lead.command() if self.lead else None,
        )


class Decline(CommandModel[commands.DeclineLead]):
    reason: Code


class HandOver(CommandModel[commands.HandOverLead]):
    """Whom the lead asks to take over; left out, the GP takes over at once. `reason`: why the coordinator does so for an absent lead."""

    to: LeadBody | None = None
    reason: Code | None = None

    def command(self) -> commands.HandOverLead:
        return replace(super().command(), to=self.to.command() if self.to else None)
