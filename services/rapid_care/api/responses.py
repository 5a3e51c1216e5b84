"""Views of a response and of its briefing."""

from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID

from services.rapid_care.domain.clock import ClockState, clock_of
from services.rapid_care.domain.duties import Owner, owner_of
from services.rapid_care.domain.opening import guidance
from services.rapid_care.domain.policy import Policy
from services.rapid_care.domain.response import Response, Status
from services.rapid_care.queries.briefing import Briefing
from shared.contracts.care_plans import CarePlanRecorded, CrisisSection
from shared.contracts.codes import Condition, Locality, PlaceOfCare, Role, StepDown
from shared.contracts.persons import FamilyContact, PersonRecordRecorded, Story
from shared.contracts.practices import gp_id
from shared.contracts.rapid_care import ContactMode, DeclineReason, Need, OverdueStep, PackageItem, ResponseOutcome
from shared.persistence.onward_answers import OnwardAnswer
from shared.persistence.service_codes import CallableService
from shared.web.onward import OnwardAnswerView
from shared.web.responses import NameView, ResponseModel, VersionedResponse


class GuidanceView(ResponseModel):
    """The alternatives in closed hours: in words, and as codes of the directory of services."""

    text: str
    service_codes: tuple[str, ...]


class ResponseView(VersionedResponse):
    """`seconds_left` until `due_at` is negative afterwards, and absent once the clock has ended. `guidance` is for closed hours.

    `owner` is the work list that shows the response: its clinician's, or the coordinators'. `overdue_step` is overdue since
    `overdue_since`. A second urgent call is unanswered while `answer_by` is present; `call_condition` is its condition when it differs.
    `contacted_at` is the visit that stopped the clock, `visited_at` the latest one. `onward` are the referrals by which a step-down asked
    another service to continue, with its answer.
    """

    id: UUID
    person_id: UUID
    referral_id: UUID
    status: Status
    owner: Owner | None
    condition: Condition
    locality: Locality | None
    received_at: datetime
    clock_starts_at: datetime
    due_at: datetime
    crosses_close: bool
    is_by_telephone: bool
    clock: ClockState
    seconds_left: int | None
    guidance: GuidanceView | None
    clinician_id: str | None
    contacted_at: datetime | None
    contact_mode: ContactMode | None
    first_contact_mode: ContactMode | None
    visited_at: datetime | None
    at_risk_since: datetime | None
    breached_at: datetime | None
    overdue_step: OverdueStep | None
    overdue_since: datetime | None
    call_repeated_at: datetime | None
    call_condition: Condition | None
    answer_by: datetime | None
    merged_referral_ids: tuple[UUID, ...]
    health_needs: tuple[Need, ...]
    social_needs: tuple[Need, ...]
    package: tuple[PackageItem, ...]
    stepped_down_to: StepDown | None
    outcome: ResponseOutcome | None
    benefit_pounds: int
    decline_reason: DeclineReason | None
    cancel_reason: str | None
    ended_at: datetime | None
    avoidance_confirmed_at: datetime | None
    onward: tuple[OnwardAnswerView, ...] = ()

    @classmethod
    def of(cls, response: Response, policy: Policy, now: datetime, onward: Sequence[OnwardAnswer] = ()) -> "ResponseView":
        views = tuple(OnwardAnswerView.model_validate(each) for each in onward)
        return cls(**_fields(response, policy, now), onward=views)


class ListedResponseView(ResponseView):
    """A response of a list, with the person's name."""

    person: NameView | None


class CallableServiceView(ResponseModel):
    """A service of the directory with its telephone."""

    code: str
    name: str
    telephone: str


class DeclinedView(ResponseView):
    """The declined response. When life is in danger, `alternative_service` is the directory's entry of `emergency_alternative` to call."""

    emergency_alternative: str | None
    alternative_service: CallableServiceView | None

    @classmethod
    def advising(cls, response: Response, alternative: CallableService | None, policy: Policy, now: datetime) -> "DeclinedView":
        called = CallableServiceView.model_validate(alternative) if alternative else None
        return cls(**_fields(response, policy, now), emergency_alternative=alternative and alternative.code, alternative_service=called)


class PersonView(ResponseModel):
    """The person's demographics, as far as a visit needs them."""

    nhs_number: str | None
    given_name: str
    family_name: str
    born_on: date | None
    address: str
    telephone: str | None
    practice_code: str
    is_practice_confirmed: bool
    locality: Locality | None


class PersonStoryView(PersonView):
    """The person and their story, so that the person is not asked for it again (AC1). `merged_into` is the surviving record."""

    person_id: UUID
    merged_into: UUID | None
    story: Story

    @classmethod
    def of(cls, person_id: UUID, record: PersonRecordRecorded, merged_into: UUID | None) -> "PersonStoryView":
        own = {name: getattr(record, name) for name in cls.model_fields if hasattr(record, name)}
        return cls(person_id=person_id, merged_into=merged_into, **own)


class CrisisPlanView(ResponseModel):
    """The crisis section of the care plan in force, with the plan and its version."""

    care_plan_id: UUID
    plan_version: int
    warning_signs: str
    what_to_do: str
    whom_to_call: str


class LeadView(ResponseModel):
    """The accountable lead professional; without one, the GP of the person's practice of today."""

    professional_id: str
    role: Role
    organisation: str
    is_fallback: bool


class CallView(ResponseModel):
    """A second urgent call about the person; its text is in the story. It is unanswered while `answer_by` is present."""

    call_repeated_at: datetime
    call_condition: Condition | None
    answer_by: datetime | None
    merged_referral_ids: tuple[UUID, ...]

    @classmethod
    def of(cls, response: Response) -> "CallView | None":
        return None if response.call_repeated_at is None else cls.model_validate(response)


class BriefingView(ResponseModel):
    """The briefing of the clinician who goes. A part that has not arrived is absent. `informed_at`: the referrer's last addition.

    After a merge of two records a person may have several plans and responses: `other_crisis_plans` and `other_open_responses`.
    """

    condition: Condition
    newer_call: CallView | None
    informed_at: datetime | None
    other_open_responses: tuple[UUID, ...]

    person: PersonView | None
    story: Story | None
    contacts: tuple[FamilyContact, ...]
    preferred_visit_times: str | None
    what_matters: str | None
    preferred_place_of_care: PlaceOfCare | None
    preferred_place_of_death: PlaceOfCare | None
    crisis_plan: CrisisPlanView | None
    other_crisis_plans: tuple[CrisisPlanView, ...]
    lead: LeadView | None

    @classmethod
    def of(cls, briefing: Briefing, response: Response) -> "BriefingView":
        person, story, plan = briefing.person, briefing.story, briefing.plan
        return cls(
            condition=response.condition,
            newer_call=CallView.of(response),
            informed_at=briefing.informed_at,
            other_open_responses=tuple(each for each in briefing.open_responses if each != response.id),
            person=PersonView.model_validate(person) if person else None,
            story=story,
            contacts=story.contacts if story else (),
            preferred_visit_times=story.preferred_visit_times if story else None,
            what_matters=_what_matters(story, plan),
            preferred_place_of_care=plan.preferred_place_of_care if plan else None,
            preferred_place_of_death=plan.preferred_place_of_death if plan else None,
            crisis_plan=_crisis(plan, plan.crisis) if plan and plan.crisis else None,
            other_crisis_plans=tuple(_crisis(other, other.crisis) for other in briefing.other_plans if other.crisis),
            lead=_lead(briefing),
        )


class AssignedView(ResponseView):
    """The response with its briefing."""

    briefing: BriefingView

    @classmethod
    def with_briefing(cls, response: Response, briefing: Briefing, policy: Policy, now: datetime) -> "AssignedView":
        return cls(**_fields(response, policy, now), briefing=BriefingView.of(briefing, response))


def _fields(response: Response, policy: Policy, now: datetime) -> dict[str, object]:
    has_ended = response.contacted_at or response.ended_at
    own = {name: getattr(response, name) for name in ResponseView.model_fields if hasattr(response, name)}
    return own | {
        "clock": clock_of(response, now),
        "owner": owner_of(response),
        "seconds_left": None if has_ended else round((response.due_at - now).total_seconds()),
        "guidance": guidance(response.clock_starts_at, policy) if now < response.clock_starts_at and not has_ended else None,
    }


def _what_matters(story: Story | None, plan: CarePlanRecorded | None) -> str | None:
    """From the plan; without one, from the story."""
    if plan:
        return plan.what_matters
    return story.what_matters if story else None


def _crisis(plan: CarePlanRecorded, crisis: CrisisSection) -> CrisisPlanView:
    return CrisisPlanView(care_plan_id=plan.care_plan_id, plan_version=plan.plan_version, **dict(crisis))


def _lead(briefing: Briefing) -> LeadView | None:
    """Without a lead, the GP of the person's practice of today (AC2, G15); without a practice, the Community Point of Access is asked."""
    if briefing.lead:
        return LeadView.model_validate(briefing.lead)
    practice = briefing.practice
    return LeadView(professional_id=gp_id(practice.code), role=Role.GP, organisation=practice.code, is_fallback=True) if practice else None
