"""Views of cases, care plans and leads that several endpoints return."""

from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID

from services.mdt.domain import care_plan, case, lead
from services.mdt.domain.case import Case
from services.mdt.domain.table_16 import CarePlanNeed, JointAssessment, LeadRule, Standing, allocation
from shared.contracts.care_plans import CrisisSection, PlanAction
from shared.contracts.codes import Locality, PlaceOfCare, RiskLevel, Role
from shared.persistence.onward_answers import OnwardAnswer
from shared.web.onward import OnwardAnswerView
from shared.web.responses import NameView, ResponseModel, VersionedResponse


class AllocationView(ResponseModel):
    """The row of Table 16 for this person's risk."""

    care_plan: CarePlanNeed
    joint_assessment: JointAssessment
    lead: LeadRule
    gives_information: bool


class CaseView(VersionedResponse):
    """`meeting_id` is the meeting that the case is listed for, else the one of its last discussion.

    `care_plan_status` is the state of the plan, which may wait for the person's answer; an agenda omits it.
    `onward` are the referrals by which a step-down asked another service to continue, with its answer; an agenda omits them.
    `other_case_ids` are open as well: two records of the person had a case each before they were merged.
    `practice_code` is that which the case was opened with; the person's record names the practice of today.
    """

    id: UUID
    person_id: UUID
    status: case.Status
    practice_code: str
    locality: Locality | None
    is_urgent: bool
    referred_at: datetime
    referral_ids: tuple[UUID, ...]
    needs_mental_health: bool
    meeting_id: UUID | None
    meeting_starts_at: datetime | None
    is_deferred: bool
    deferrals: int
    care_plan_id: UUID | None
    care_plan_status: care_plan.Status | None = None
    risk_level: RiskLevel | None
    is_high_climber: bool
    allocation: AllocationView
    onward: tuple[OnwardAnswerView, ...] = ()
    other_case_ids: tuple[UUID, ...] = ()

    @classmethod
    def of(
        cls,
        state: Case,
        standing: Standing,
        onward: Sequence[OnwardAnswer] = (),
        other_case_ids: tuple[UUID, ...] = (),
        care_plan_status: care_plan.Status | None = None,
    ) -> "CaseView":
        own = {name: getattr(state, name) for name in cls.model_fields if hasattr(state, name)}
        own |= {"meeting_id": state.meeting_id or state.discussed_in}
        risk = {"risk_level": standing.level, "is_high_climber": standing.is_high_climber}
        views = tuple(OnwardAnswerView.model_validate(each) for each in onward)
        table_16 = AllocationView.model_validate(allocation(standing))
        return cls(**own, **risk, allocation=table_16, onward=views, other_case_ids=other_case_ids, care_plan_status=care_plan_status)


class ListedCaseView(CaseView):
    """A case of a list, with the person's name."""

    person: NameView | None


class CarerView(ResponseModel):
    name: str
    relationship: str
    telephone: str | None


class JointPlanView(ResponseModel):
    what_matters: str
    preferred_place_of_care: PlaceOfCare
    preferred_place_of_death: PlaceOfCare | None
    problems: tuple[str, ...]
    crisis: CrisisSection | None
    carer: CarerView | None
    is_care_home_resident: bool


class PlanVersionView(ResponseModel):
    """One version of a plan."""

    number: int
    joint_plan: JointPlanView
    actions: tuple[PlanAction, ...]
    review_on: date
    offered_at: datetime


class CarePlanView(VersionedResponse):
    """`in_force` is the version agreed last; `offered` is the version that the person has not answered.

    `plan_version` counts all offered versions.

    `fulfilled` are the actions that are done.
    """

    id: UUID
    person_id: UUID
    status: care_plan.Status
    locality: Locality | None
    plan_version: int
    in_force: PlanVersionView | None
    fulfilled: tuple[UUID, ...]
    offered: PlanVersionView | None


class LeadView(VersionedResponse):
    """`is_fallback`: the GP, because no other professional has accepted."""

    id: UUID
    person_id: UUID
    status: lead.Status
    professional_id: str
    role: Role
    organisation: str
    is_fallback: bool
    answer_by: datetime | None
    activated_at: datetime | None
