"""What may be asked of the weekly meeting."""

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from shared.contracts.codes import Locality, PlaceOfCare, Role, ScreeningOutcome, StepDown, TaskKind
from shared.contracts.mdt import CaseCloseReason, CrisisSection, Destination, FindingDestination
from shared.kernel.ids import PersonId


@dataclass(frozen=True, slots=True)
class HoldMeeting:
    """The meeting takes place; these roles are there."""

    attended: tuple[Role, ...]


@dataclass(frozen=True, slots=True)
class CancelMeeting:
    """It is called off; `reason` is a code."""

    reason: str


@dataclass(frozen=True, slots=True)
class ReferCase:
    """Case finding puts a person before the meeting, without a referral."""

    person_id: PersonId
    practice_code: str
    locality: Locality
    is_urgent: bool = False
    case_finding_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class ScreenFinding:
    """Somebody looked at a person whom case finding pointed out: who goes on? `reason` is a code.

    `locality` is needed for a case before the meeting when nobody has recorded the person here yet.
    """

    destination: FindingDestination
    reason: str
    locality: Locality | None = None


@dataclass(frozen=True, slots=True)
class ScreenCase:
    """Is this for the meeting? When not, `destination` and `reason` say where the person goes instead (E11)."""

    outcome: ScreeningOutcome
    is_urgent: bool | None = None
    needs_mental_health: bool = False
    destination: Destination | None = None
    reason: str = "standard-measures-suffice"


@dataclass(frozen=True, slots=True)
class DeferCase:
    """It cannot be discussed this week; `reason` is a code."""

    reason: str


@dataclass(frozen=True, slots=True)
class Carer:
    """Who cares for the person at home."""

    name: str
    relationship: str
    telephone: str | None = None


@dataclass(frozen=True, slots=True)
class JointPlan:
    """What the plan says in words (AC10)."""

    what_matters: str
    preferred_place_of_care: PlaceOfCare
    preferred_place_of_death: PlaceOfCare | None = None
    problems: tuple[str, ...] = ()
    crisis: CrisisSection | None = None
    carer: Carer | None = None
    is_care_home_resident: bool = False


@dataclass(frozen=True, slots=True)
class ActionAgreed:
    """One thing to be done, by one owner, by a day (AC12). An action that continues keeps its id."""

    kind: TaskKind
    owner_role: Role
    due_on: date
    service_code: str | None = None
    action_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Candidate:
    """A professional who may become the person's accountable lead."""

    professional_id: str
    role: Role
    organisation: str


@dataclass(frozen=True, slots=True)
class LeadProposal:
    """Whom the meeting wants as lead, whether they said yes there, and who is asked next should they decline (G17)."""

    candidate: Candidate
    has_accepted: bool = False
    alternatives: tuple[Candidate, ...] = ()


@dataclass(frozen=True, slots=True)
class DiscussCase:
    """What the meeting agreed. `is_agreed_by_person` is None while the person has not answered yet.

    `meeting_id` is the meeting that discussed it, where that was recorded only after the case had moved on to the next one.
    """

    joint_plan: JointPlan | None = None
    actions: tuple[ActionAgreed, ...] = ()
    lead: LeadProposal | None = None
    is_agreed_by_person: bool | None = None
    meeting_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class StepDownCase:
    """The person no longer needs the meeting; somebody else carries on with the plan."""

    destination: StepDown


@dataclass(frozen=True, slots=True)
class CloseCase:
    """The case ends, and with it the plan, its reviews and the lead."""

    reason: CaseCloseReason


@dataclass(frozen=True, slots=True)
class AgreePlan:
    """The person says yes to the plan that was offered."""


@dataclass(frozen=True, slots=True)
class DeclinePlan:
    """The person says no to the plan that was offered."""


@dataclass(frozen=True, slots=True)
class RequestReview:
    """The person, the family or a professional asks to look at the plan again."""


@dataclass(frozen=True, slots=True)
class FulfilAction:
    """An action of the plan that no navigator has in their feed was done; the lead says so."""

    action_id: UUID


@dataclass(frozen=True, slots=True)
class AcceptLead:
    """The professional says yes."""


@dataclass(frozen=True, slots=True)
class DeclineLead:
    """The professional says no; `reason` is a code."""

    reason: str


@dataclass(frozen=True, slots=True)
class HandOverLead:
    """The lead asks somebody else to take over; without a name the GP does.

    For a lead who is absent the meeting's coordinator does so, with a `reason`, which is a code.
    """

    to: LeadProposal | None = None
    reason: str | None = None
