"""Bodies of a discussion and of a hand-over: plan, actions and lead."""

from dataclasses import replace
from typing import Annotated
from uuid import UUID

from pydantic import Field

from services.mdt import commands
from shared.contracts.care_plans import CrisisSection
from shared.contracts.codes import PlaceOfCare, Role, TaskKind
from shared.contracts.input_types import Code, Day, Flag, Line, LongText, OdsCode, OrAbsent, ServiceCode, Telephone, Texts
from shared.contracts.mdt import LeadDeclineReason, LeadReplacementReason
from shared.web.requests import CommandModel

#: Entries of a list of a plan.
_MANY = 50


class CarerBody(CommandModel[commands.Carer]):
    """The person's carer at home."""

    name: Line
    relationship: Line
    telephone: OrAbsent[Telephone] = None


class JointPlanBody(CommandModel[commands.JointPlan]):
    """The words of the plan that health and social care agreed."""

    what_matters: LongText
    preferred_place_of_care: PlaceOfCare
    preferred_place_of_death: PlaceOfCare | None = None
    problems: Annotated[Texts[LongText], Field(max_length=_MANY)] = ()
    crisis: CrisisSection | None = None
    carer: CarerBody | None = None
    is_care_home_resident: Flag = False

    def command(self) -> commands.JointPlan:
        return replace(super().command(), carer=self.carer.command() if self.carer else None)


class ActionBody(CommandModel[commands.ActionAgreed]):
    """One action. An action of the current plan that continues has its `action_id`."""

    kind: TaskKind
    owner_role: Role
    due_on: Day
    service_code: OrAbsent[ServiceCode] = None
    action_id: UUID | None = None


class CandidateBody(CommandModel[commands.LeadCandidate]):
    professional_id: Code
    role: Role
    organisation: OdsCode


class LeadBody(CommandModel[commands.LeadProposal]):
    """`has_accepted`: the candidate has accepted already. After a refusal or no answer the `alternatives` are proposed in turn."""

    candidate: CandidateBody
    has_accepted: Flag = False
    alternatives: Annotated[tuple[CandidateBody, ...], Field(max_length=_MANY)] = ()

    def command(self) -> commands.LeadProposal:
        alternatives = tuple(other.command() for other in self.alternatives)
        return replace(super().command(), candidate=self.candidate.command(), alternatives=alternatives)


class Discussion(CommandModel[commands.DiscussCase]):
    """Plan, lead and actions are required; a present lead stays when `lead` is absent.

    `is_agreed_by_person` is the person's answer to the plan, absent until they answer. `meeting_id` is required only for a
    discussion that is recorded after the case has moved on: it names the meeting of the discussion.
    """

    joint_plan: JointPlanBody | None = None
    actions: Annotated[tuple[ActionBody, ...], Field(max_length=_MANY)] = ()
    lead: LeadBody | None = None
    is_agreed_by_person: Flag | None = None
    meeting_id: UUID | None = None

    def command(self) -> commands.DiscussCase:
        return replace(
            super().command(),
            joint_plan=self.joint_plan.command() if self.joint_plan else None,
            actions=tuple(action.command() for action in self.actions),
            lead=self.lead.command() if self.lead else None,
        )


class Decline(CommandModel[commands.DeclineLead]):
    reason: LeadDeclineReason


class HandOver(CommandModel[commands.HandOverLead]):
    """The proposed successor; without one the GP takes over at once. `reason` is for a coordinator who acts for an absent lead."""

    to: LeadBody | None = None
    reason: OrAbsent[LeadReplacementReason] = None

    def command(self) -> commands.HandOverLead:
        return replace(super().command(), to=self.to.command() if self.to else None)
