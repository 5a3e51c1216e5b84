"""Events of the weekly meeting: meetings, cases, care plans, accountable lead professionals, and risk."""

from enum import StrEnum
from uuid import UUID

from shared.contracts.codes import Locality, RiskLevel, Role, ScreeningOutcome, StepDown
from shared.contracts.event import Code, Day, Event, Instant


class MeetingScheduled(Event):
    """A weekly meeting was scheduled."""

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
    """The meeting takes place with a quorum and may decide. The discussed event of each case names this meeting."""

    TYPE = "mdt.meeting.held.v1"
    TOPIC = "mdt.meeting"
    PUBLIC = True

    attended: tuple[Role, ...]


class MeetingCancelled(Event):
    """The meeting was cancelled; its cases rolled over to the next one in their order."""

    TYPE = "mdt.meeting.cancelled.v1"
    TOPIC = "mdt.meeting"
    PUBLIC = True

    reason: Code
    next_meeting_id: UUID


class Destination(StrEnum):
    """The destination of a case that is not eligible for the meeting: no wrong door (E11)."""

    INTEGRATED_LOCALITY_TEAM = "integrated-locality-team"
    GP = "gp"
    NAVIGATION = "navigation"
    COMMUNITY_NURSING = "community-nursing"
    RAPID_CARE = "rapid-care"


class CaseReferred(Event):
    """A person was referred to the meeting, by a referral or by case finding."""

    TYPE = "mdt.case.referred.v1"
    TOPIC = "mdt.case"

    referral_id: UUID | None
    risk_level: RiskLevel | None
    is_high_climber: bool
    is_urgent: bool


class CaseScreened(Event):
    """The eligibility of a case was decided."""

    TYPE = "mdt.case.screened.v1"
    TOPIC = "mdt.case"

    outcome: ScreeningOutcome


class CaseRedirected(Event):
    """The case is not eligible and goes to another destination."""

    TYPE = "mdt.case.redirected.v1"
    TOPIC = "mdt.case"

    referral_id: UUID | None
    destination: Destination
    reason: Code
    locality: Locality | None = None


class CaseListed(Event):
    """The case is on the agenda of a meeting."""

    TYPE = "mdt.case.listed.v1"
    TOPIC = "mdt.case"

    referral_id: UUID | None
    meeting_id: UUID
    meeting_starts_at: Instant
    is_urgent: bool


class CaseDeferred(Event):
    """The case was not discussed and moves to the next meeting with its priority."""

    TYPE = "mdt.case.deferred.v1"
    TOPIC = "mdt.case"

    reason: Code
    from_meeting_id: UUID


class CaseDiscussed(Event):
    """The meeting agreed a joint plan, a lead and at least one action. The person's answer is an event of the plan."""

    TYPE = "mdt.case.discussed.v1"
    TOPIC = "mdt.case"

    referral_id: UUID | None
    meeting_id: UUID
    care_plan_id: UUID
    lead_id: UUID
    actions: int


class CaseSteppedDown(Event):
    """The person no longer needs the meeting; another service continues."""

    TYPE = "mdt.case.stepped-down.v1"
    TOPIC = "mdt.case"

    destination: StepDown
    practice_code: Code
    locality: Locality | None


class CaseReopened(Event):
    """The case had ended with a recorded death or move, which was a mistake. The meeting has it again."""

    TYPE = "mdt.case.reopened.v1"
    TOPIC = "mdt.case"
    PUBLIC = True


class CaseCloseReason(StrEnum):
    """Why a case ended. Another open case of the person continues a duplicate, with its referrals."""

    DIED = "died"
    MOVED_AWAY = "moved-away"
    DECLINED_BY_PERSON = "declined-by-person"
    NEEDS_MET = "needs-met"
    REFERRAL_WITHDRAWN = "referral-withdrawn"
    DUPLICATE = "duplicate"


class CaseClosed(Event):
    """The case ended."""

    TYPE = "mdt.case.closed.v1"
    TOPIC = "mdt.case"

    referral_id: UUID | None
    reason: CaseCloseReason


class CaseReferralWithdrawn(Event):
    """The case waits no longer for this referral; it waits for others, or has a plan."""

    TYPE = "mdt.case.referral-withdrawn.v1"
    TOPIC = "mdt.case"

    referral_id: UUID


class LeadProposed(Event):
    """A professional was proposed as accountable lead."""

    TYPE = "mdt.lead.proposed.v1"
    TOPIC = "mdt.lead"
    PUBLIC = True

    professional_id: Code
    role: Role
    organisation: Code
    answer_by: Instant


class LeadAccepted(Event):
    """The professional accepted the proposal."""

    TYPE = "mdt.lead.accepted.v1"
    TOPIC = "mdt.lead"
    PUBLIC = True


class LeadDeclineReason(StrEnum):
    """Why a professional declines to be the lead."""

    CASELOAD = "caseload"
    ON_LEAVE = "on-leave"
    LEAVES_SERVICE = "leaves-service"
    OUTSIDE_AREA = "outside-area"
    KNOWN_PERSONALLY = "known-personally"
    OTHER_PROFESSION_NEEDED = "other-profession-needed"


class LeadReplacementReason(StrEnum):
    """Why a coordinator replaces a lead who cannot hand over in person."""

    ABSENT = "absent"
    ON_LEAVE = "on-leave"
    LONG_TERM_SICK = "long-term-sick"
    LEFT_SERVICE = "left-service"
    NOT_REACHABLE = "not-reachable"


class LeadDeclined(Event):
    """The professional declined, or did not answer in time. Without another lead the GP is the lead."""

    TYPE = "mdt.lead.declined.v1"
    TOPIC = "mdt.lead"
    PUBLIC = True

    reason: Code


class LeadActivated(Event):
    """The professional is now the person's single contact. `is_from_meeting`: the discussion that agreed the plan appointed them."""

    TYPE = "mdt.lead.activated.v1"
    TOPIC = "mdt.lead"

    professional_id: Code
    role: Role
    organisation: Code
    is_fallback: bool
    activated_at: Instant
    is_from_meeting: bool = False


class LeadHandedOver(Event):
    """Another lead took over in the same instant. `reason` is present when the meeting's coordinator replaced an absent lead."""

    TYPE = "mdt.lead.handed-over.v1"
    TOPIC = "mdt.lead"

    to_lead_id: UUID
    reason: Code | None = None


class LeadEnded(Event):
    """The lead or the proposal ended without a successor."""

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
    """The service that takes over a person of case finding (001:6611-6613), or the open case of the meeting that has them already."""

    MDT = "mdt"
    OPEN_CASE = "open-case"
    INTEGRATED_LOCALITY_TEAM = "integrated-locality-team"
    NAVIGATION = "navigation"
    GP = "gp"
    WATCHING_BRIEF = "watching-brief"


class RiskScreened(Event):
    """A coordinator reviewed a person of case finding and named a destination. `locality` is that of the practice.

    `case_id` is the person's open case, when the meeting has them already.
    """

    TYPE = "mdt.risk.screened.v1"
    TOPIC = "mdt.risk"
    PUBLIC = True

    destination: FindingDestination
    reason: Code
    level: RiskLevel
    practice_code: Code
    locality: Locality | None = None
    case_id: UUID | None = None


class RiskWatchEnded(Event):
    """A watching brief ended: the person is on the case-finding list again, for another review."""

    TYPE = "mdt.risk.watch-ended.v1"
    TOPIC = "mdt.risk"
    PUBLIC = True

    level: RiskLevel
    practice_code: Code


class RiskEnded(Event):
    """The person has died or moved away: case finding no longer lists them."""

    TYPE = "mdt.risk.ended.v1"
    TOPIC = "mdt.risk"
    PUBLIC = True

    reason: CaseCloseReason


class RiskReopenReason(StrEnum):
    """Why a person of case finding waits for another review."""

    TASK_CANCELLED = "task-cancelled"
    PERSON_RETURNED = "person-returned"


class RiskReopened(Event):
    """The person waits for another review: the work that followed the last one was given up, or the person is here again."""

    TYPE = "mdt.risk.reopened.v1"
    TOPIC = "mdt.risk"
    PUBLIC = True

    level: RiskLevel
    practice_code: Code
    reason: RiskReopenReason


class RiskRestored(Event):
    """The recorded death or move was a mistake: case finding has the person as before, a watched person for another review."""

    TYPE = "mdt.risk.restored.v1"
    TOPIC = "mdt.risk"
    PUBLIC = True

    level: RiskLevel
    practice_code: Code
