"""What the weekly meeting publishes: meetings, cases, care plans, the accountable lead professional, and risk."""

from enum import StrEnum
from uuid import UUID

from shared.contracts.codes import Locality, PlaceOfCare, ReviewTrigger, RiskLevel, Role, ScreeningOutcome, StepDown, TaskKind
from shared.contracts.event import Code, Day, Event, Instant, Value


class MeetingScheduled(Event):
    """A weekly meeting stands in the diary."""

    TYPE = "mdt.meeting.scheduled.v1"
    TOPIC = "mdt.meeting"
    PUBLIC = True

    starts_at: Instant
    cut_off_at: Instant


class MeetingCutOff(Event):
    """The agenda is closed to ordinary cases."""

    TYPE = "mdt.meeting.cut-off.v1"
    TOPIC = "mdt.meeting"
    PUBLIC = True

    listed: int


class MeetingHeld(Event):
    """The meeting takes place with a quorum; from now on it can decide. What it decides names it: see the case's discussed event."""

    TYPE = "mdt.meeting.held.v1"
    TOPIC = "mdt.meeting"
    PUBLIC = True

    attended: tuple[Role, ...]


class MeetingCancelled(Event):
    """The meeting was called off; its cases rolled to the next one with their order kept."""

    TYPE = "mdt.meeting.cancelled.v1"
    TOPIC = "mdt.meeting"
    PUBLIC = True

    reason: Code
    next_meeting_id: UUID


class Destination(StrEnum):
    """Where a case goes that the meeting does not take: no wrong door (E11)."""

    INTEGRATED_LOCALITY_TEAM = "integrated-locality-team"
    GP = "gp"
    NAVIGATION = "navigation"
    COMMUNITY_NURSING = "community-nursing"
    RAPID_CARE = "rapid-care"


class CaseReferred(Event):
    """Somebody asked the meeting to look at a person."""

    TYPE = "mdt.case.referred.v1"
    TOPIC = "mdt.case"

    referral_id: UUID | None
    risk_level: RiskLevel | None
    is_high_climber: bool
    is_urgent: bool


class CaseScreened(Event):
    """Eligibility was judged."""

    TYPE = "mdt.case.screened.v1"
    TOPIC = "mdt.case"

    outcome: ScreeningOutcome


class CaseRedirected(Event):
    """Not for the meeting; it has a destination all the same."""

    TYPE = "mdt.case.redirected.v1"
    TOPIC = "mdt.case"

    referral_id: UUID | None
    destination: Destination
    reason: Code
    locality: Locality | None = None


class CaseListed(Event):
    """It stands on the agenda of a meeting."""

    TYPE = "mdt.case.listed.v1"
    TOPIC = "mdt.case"

    referral_id: UUID | None
    meeting_id: UUID
    meeting_starts_at: Instant
    is_urgent: bool


class CaseDeferred(Event):
    """It could not be discussed and moves on with its priority."""

    TYPE = "mdt.case.deferred.v1"
    TOPIC = "mdt.case"

    reason: Code
    from_meeting_id: UUID


class CaseDiscussed(Event):
    """The meeting agreed a joint plan, a lead and at least one action. The person's answer is the plan's own event."""

    TYPE = "mdt.case.discussed.v1"
    TOPIC = "mdt.case"

    referral_id: UUID | None
    meeting_id: UUID
    care_plan_id: UUID
    lead_id: UUID
    actions: int


class CaseSteppedDown(Event):
    """The person no longer needs the meeting."""

    TYPE = "mdt.case.stepped-down.v1"
    TOPIC = "mdt.case"

    destination: StepDown


class CaseCloseReason(StrEnum):
    """Why a case ended."""

    DIED = "died"
    MOVED_AWAY = "moved-away"
    DECLINED_BY_PERSON = "declined-by-person"
    NEEDS_MET = "needs-met"
    REFERRAL_WITHDRAWN = "referral-withdrawn"


class CaseClosed(Event):
    """The case ended."""

    TYPE = "mdt.case.closed.v1"
    TOPIC = "mdt.case"

    referral_id: UUID | None
    reason: CaseCloseReason


class PlanAction(Value):
    """One thing to be done, with one owner and a due day (AC12)."""

    action_id: UUID
    kind: TaskKind
    owner_role: Role
    due_on: Day
    service_code: Code | None = None


class CarePlanOffered(Event):
    """A care plan was offered to the person."""

    TYPE = "mdt.care-plan.offered.v1"
    TOPIC = "mdt.care-plan"
    PUBLIC = True


class CarePlanDeclined(Event):
    """The person said no; asked again at the next review. `referral_ids` are the referrals that this answers."""

    TYPE = "mdt.care-plan.declined.v1"
    TOPIC = "mdt.care-plan"

    referral_ids: tuple[UUID, ...] = ()


class _PlanInForce(Event):
    """What a version says that the person agreed to."""

    plan_version: int
    preferred_place_of_care: PlaceOfCare
    has_crisis_section: bool
    review_on: Day
    locality: Locality
    actions: tuple[PlanAction, ...]
    referral_ids: tuple[UUID, ...] = ()


class CarePlanAgreed(_PlanInForce):
    """The person and the professionals agreed the plan; it is active. `referral_ids` are the referrals that this answers."""

    TYPE = "mdt.care-plan.agreed.v1"
    TOPIC = "mdt.care-plan"


class CarePlanRevised(_PlanInForce):
    """A new version replaced the one before, which is kept. Its actions are the whole current list.

    `referral_ids` are the referrals that this answers.
    """

    TYPE = "mdt.care-plan.revised.v1"
    TOPIC = "mdt.care-plan"


class CarePlanReviewDue(Event):
    """The plan must be looked at again."""

    TYPE = "mdt.care-plan.review-due.v1"
    TOPIC = "mdt.care-plan"
    PUBLIC = True

    trigger: ReviewTrigger


class CarePlanEnacted(Event):
    """The crisis section was used by a rapid response."""

    TYPE = "mdt.care-plan.enacted.v1"
    TOPIC = "mdt.care-plan"

    plan_version: int
    response_id: UUID


class CarePlanActionFulfilled(Event):
    """One of its actions was done: by a navigator, whose task says how, or by anybody else, as the lead recorded."""

    TYPE = "mdt.care-plan.action-fulfilled.v1"
    TOPIC = "mdt.care-plan"
    PUBLIC = True

    action_id: UUID


class CarePlanClosed(Event):
    """The plan ended; its open tasks end with it. `referral_ids` are referrals that still waited for the person's answer."""

    TYPE = "mdt.care-plan.closed.v1"
    TOPIC = "mdt.care-plan"

    reason: Code
    referral_ids: tuple[UUID, ...] = ()


class CrisisSection(Value):
    """What to do when things go wrong, in words for whoever stands at the door."""

    warning_signs: str
    what_to_do: str
    whom_to_call: str


class CarePlanRecorded(Event):
    """The words of the plan. Restricted: it travels encrypted, so that the nurse in a crisis reads it on her own screen."""

    TYPE = "mdt.care-plan-record.recorded.v1"
    TOPIC = "mdt.care-plan-record"
    RESTRICTED = True

    care_plan_id: UUID
    plan_version: int
    preferred_place_of_care: PlaceOfCare
    what_matters: str
    crisis: CrisisSection | None
    preferred_place_of_death: PlaceOfCare | None = None


class LeadProposed(Event):
    """Somebody was asked to be the accountable lead professional."""

    TYPE = "mdt.lead.proposed.v1"
    TOPIC = "mdt.lead"
    PUBLIC = True

    professional_id: Code
    role: Role
    organisation: Code
    answer_by: Instant


class LeadAccepted(Event):
    """They said yes."""

    TYPE = "mdt.lead.accepted.v1"
    TOPIC = "mdt.lead"
    PUBLIC = True


class LeadDeclined(Event):
    """They said no, or did not answer in time; the GP remains or becomes the lead."""

    TYPE = "mdt.lead.declined.v1"
    TOPIC = "mdt.lead"
    PUBLIC = True

    reason: Code


class LeadActivated(Event):
    """From now on this professional is the person's single contact. `is_from_meeting`: settled by the discussion that agreed the plan."""

    TYPE = "mdt.lead.activated.v1"
    TOPIC = "mdt.lead"

    professional_id: Code
    role: Role
    organisation: Code
    is_fallback: bool
    activated_at: Instant
    is_from_meeting: bool = False


class LeadHandedOver(Event):
    """Another lead took over in the same instant. `reason` is given where the meeting's coordinator replaced a lead who was absent."""

    TYPE = "mdt.lead.handed-over.v1"
    TOPIC = "mdt.lead"

    to_lead_id: UUID
    reason: Code | None = None


class LeadEnded(Event):
    """No lead is needed any more."""

    TYPE = "mdt.lead.ended.v1"
    TOPIC = "mdt.lead"

    reason: Code


class RiskLevelCrossed(Event):
    """A person moved into or out of the two highest risk levels."""

    TYPE = "mdt.risk.level-crossed.v1"
    TOPIC = "mdt.risk"

    from_level: RiskLevel | None
    to_level: RiskLevel
    practice_code: Code
    valid_from: Day
    rule_version: Code


class RiskHighClimberFound(Event):
    """A person's risk rose steeply within the window (G08)."""

    TYPE = "mdt.risk.high-climber-found.v1"
    TOPIC = "mdt.risk"

    level: RiskLevel
    previous_level: RiskLevel
    practice_code: Code
    valid_from: Day
    rule_version: Code


class FindingDestination(StrEnum):
    """Who goes on with a person whom case finding pointed out (001:6611-6613)."""

    MDT = "mdt"
    INTEGRATED_LOCALITY_TEAM = "integrated-locality-team"
    NAVIGATION = "navigation"
    GP = "gp"
    WATCHING_BRIEF = "watching-brief"


class RiskScreened(Event):
    """Somebody looked at a person whom case finding pointed out, and said who goes on. `locality` is that of the practice."""

    TYPE = "mdt.risk.screened.v1"
    TOPIC = "mdt.risk"
    PUBLIC = True

    destination: FindingDestination
    reason: Code
    level: RiskLevel
    practice_code: Code
    locality: Locality | None = None


class RiskWatchEnded(Event):
    """A watching brief is over: the person stands on the case-finding list again, to be looked at."""

    TYPE = "mdt.risk.watch-ended.v1"
    TOPIC = "mdt.risk"
    PUBLIC = True

    level: RiskLevel
    practice_code: Code
