"""Commands of the weekly meeting. Every `reason` is a published one."""

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from shared.contracts.care_plans import CrisisSection
from shared.contracts.codes import Locality, PlaceOfCare, Role, ScreeningOutcome, StepDown, TaskKind
from shared.contracts.mdt import CaseCloseReason, Destination, FindingDestination, LeadDeclineReason, LeadReplacementReason
from shared.contracts.meeting_reasons import DeferReason, FindingReason, MeetingCancelReason, RedirectReason
from shared.kernel.actor import Professional
from shared.kernel.ids import PersonId


@dataclass(frozen=True, slots=True)
class HoldMeeting:
    """The meeting takes place with these roles."""

    attended: tuple[Role, ...]


@dataclass(frozen=True, slots=True)
class CancelMeeting:
    """The meeting does not take place."""

    reason: MeetingCancelReason


@dataclass(frozen=True, slots=True)
class ReferCase:
    """A person of case finding becomes a case without a referral. `locality` counts only for a practice that no table has."""

    person_id: PersonId
    practice_code: str
    locality: Locality | None = None
    is_urgent: bool = False
    case_finding_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class ScreenFinding:
    """A coordinator reviewed a person of case finding and names the service that takes over, or the open case that has the person.

    `locality` counts only for a practice that no table has.
    """

    destination: FindingDestination
    reason: FindingReason
    locality: Locality | None = None


@dataclass(frozen=True, slots=True)
class ScreenCase:
    """Decides whether the case is eligible, again until a meeting discusses it. A case that is not needs a `destination` (E11)."""

    outcome: ScreeningOutcome
    is_urgent: bool | None = None
    needs_mental_health: bool = False
    destination: Destination | None = None
    reason: RedirectReason = RedirectReason.STANDARD_MEASURES_SUFFICE


@dataclass(frozen=True, slots=True)
class DeferCase:
    """The case moves to the next meeting."""

    reason: DeferReason


@dataclass(frozen=True, slots=True)
class Carer:
    """The person's carer at home."""

    name: str
    relationship: str
    telephone: str | None = None


@dataclass(frozen=True, slots=True)
class JointPlan:
    """The words of the plan (AC10)."""

    what_matters: str
    preferred_place_of_care: PlaceOfCare
    preferred_place_of_death: PlaceOfCare | None = None
    problems: tuple[str, ...] = ()
    crisis: CrisisSection | None = None
    carer: Carer | None = None
    is_care_home_resident: bool = False


@dataclass(frozen=True, slots=True)
class ActionAgreed:
    """One action with one owner and a due day (AC12). An action that continues keeps its id."""

    kind: TaskKind
    owner_role: Role
    due_on: date
    service_code: str | None = None
    action_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class LeadCandidate:
    """A professional who may become the person's accountable lead."""

    professional_id: str
    role: Role
    organisation: str

    @property
    def professional(self) -> Professional:
        return Professional(self.professional_id, self.organisation)


@dataclass(frozen=True, slots=True)
class LeadProposal:
    """The wanted lead, their acceptance at the meeting, and the candidates after a refusal, in order (G17)."""

    candidate: LeadCandidate
    has_accepted: bool = False
    alternatives: tuple[LeadCandidate, ...] = ()


@dataclass(frozen=True, slots=True)
class DiscussCase:
    """Records a discussion. `is_agreed_by_person` is None until the person answers.

    `meeting_id` names the meeting of a discussion that is recorded after the case has moved to the next one.
    """

    joint_plan: JointPlan | None = None
    actions: tuple[ActionAgreed, ...] = ()
    lead: LeadProposal | None = None
    is_agreed_by_person: bool | None = None
    meeting_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class StepDownCase:
    """The person no longer needs the meeting; another service continues the plan."""

    destination: StepDown


@dataclass(frozen=True, slots=True)
class CloseCase:
    """Ends the case with its plan, reviews and lead."""

    reason: CaseCloseReason


@dataclass(frozen=True, slots=True)
class AgreePlan:
    """The person agrees to the offered plan."""


@dataclass(frozen=True, slots=True)
class DeclinePlan:
    """The person declines the offered plan."""


@dataclass(frozen=True, slots=True)
class RequestReview:
    """The person, the family or a professional requests a review of the plan."""


@dataclass(frozen=True, slots=True)
class FulfilAction:
    """The lead reports an action as done that is not a navigator's task."""

    action_id: UUID


@dataclass(frozen=True, slots=True)
class AcceptLead:
    """The professional accepts the proposal."""


@dataclass(frozen=True, slots=True)
class DeclineLead:
    """The professional declines the proposal."""

    reason: LeadDeclineReason


@dataclass(frozen=True, slots=True)
class HandOverLead:
    """The lead proposes a successor; without a name the GP takes over.

    The meeting's coordinator may do this for an absent lead, with a `reason`.
    """

    to: LeadProposal | None = None
    reason: LeadReplacementReason | None = None
