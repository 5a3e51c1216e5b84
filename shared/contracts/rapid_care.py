"""Events of Rapid Care: the two-hour response from request to outcome, and warnings about its capacity."""

from enum import StrEnum
from uuid import UUID

from shared.contracts.codes import Condition, Locality, StepDown
from shared.contracts.event import Code, Day, Event, Instant, Value
from shared.contracts.input_types import ServiceCode


class Skill(StrEnum):
    """Skill mix (001:12479-12480)."""

    EMERGENCY_NURSE_PRACTITIONER = "emergency-nurse-practitioner"
    COMMUNITY_NURSE = "community-nurse"
    CONSULTANT_COVER = "consultant-cover"
    SOCIAL_WORKER = "social-worker"
    OCCUPATIONAL_THERAPIST = "occupational-therapist"
    HEALTHCARE_ASSISTANT = "healthcare-assistant"


class DeclineReason(StrEnum):
    """Why Rapid Care returns a referral. A decline for capacity never closes a referral; it is routed again."""

    CAPACITY = "capacity"
    INELIGIBLE = "ineligible"
    CLOSED_HOURS = "closed-hours"
    LIFE_THREATENING = "life-threatening"


class ContactMode(StrEnum):
    FACE_TO_FACE = "face-to-face"
    TELEPHONE_BY_TRIAGE = "telephone-by-triage"
    NO_ACCESS = "no-access"


class Need(StrEnum):
    """Needs found by an assessment of health and social need."""

    NURSING = "nursing"
    MEDICATION = "medication"
    INFECTION = "infection"
    CONFUSION = "confusion"
    MOBILITY = "mobility"
    PERSONAL_CARE = "personal-care"
    CARER_STRAIN = "carer-strain"
    HOME_SAFETY = "home-safety"
    ISOLATION = "isolation"
    NONE = "none"


class PackageItemKind(StrEnum):
    NURSING = "nursing"
    IV_ANTIBIOTICS = "iv-antibiotics"
    SOCIAL_WORK = "social-work"
    ENABLEMENT = "enablement"
    HOME_CARE = "home-care"
    EQUIPMENT = "equipment"
    TRANSPORT = "transport"
    NIGHT_SITTING = "night-sitting"


class ResponseOutcome(StrEnum):
    """Closure codes, 001:12735-12738 and G44. Only the first counts as an avoided admission."""

    ADMISSION_AVOIDED = "admission-avoided"
    ADMITTED = "admitted"
    NOT_ACUTE = "not-acute"
    INAPPROPRIATE = "inappropriate"
    OTHER_SERVICE_INVOLVED = "other-service-involved"
    DIED_IN_PREFERRED_PLACE = "died-in-preferred-place"
    DIED_ELSEWHERE = "died-elsewhere"
    DECLINED_BY_PERSON = "declined-by-person"
    NO_ACCESS = "no-access"


class PackageItem(Value):
    """One part of the package, with its provider and its start. Night sitting may start after closing time (T4)."""

    kind: PackageItemKind
    service_code: ServiceCode
    starts_at: Instant


class ResponseRequested(Event):
    """The two-hour clock runs: a clinician must reach the person by `due_at`."""

    TYPE = "rapid-care.response.requested.v1"
    TOPIC = "rapid-care.response"

    referral_id: UUID
    condition: Condition
    received_at: Instant
    clock_starts_at: Instant
    due_at: Instant
    crosses_close: bool
    locality: Locality | None


class ResponseHeldUntilOpening(Event):
    """The referral arrived in closed hours: its clock starts at the next opening, and the caller was given an alternative (G04)."""

    TYPE = "rapid-care.response.held-until-opening.v1"
    TOPIC = "rapid-care.response"

    referral_id: UUID
    condition: Condition
    received_at: Instant
    opens_at: Instant
    due_at: Instant
    locality: Locality | None


class ResponseAccepted(Event):
    """Rapid Care accepts the response. `routing` is the number of the referral's routing that this and each later event answers."""

    TYPE = "rapid-care.response.accepted.v1"
    TOPIC = "rapid-care.response"

    referral_id: UUID
    accepted_at: Instant
    due_at: Instant
    routing: int | None = None


class ResponseDeclined(Event):
    """Rapid Care returns the referral to the Community Point of Access, which must route it elsewhere."""

    TYPE = "rapid-care.response.declined.v1"
    TOPIC = "rapid-care.response"

    referral_id: UUID
    reason: DeclineReason
    routing: int | None = None


class ResponseAssigned(Event):
    """A clinician with the needed skill goes. The assignment shows the crisis plan, if there is one."""

    TYPE = "rapid-care.response.assigned.v1"
    TOPIC = "rapid-care.response"

    clinician_id: Code
    skill: Skill
    care_plan_id: UUID | None
    care_plan_version: int | None


class UnassignReason(StrEnum):
    """Why a response lost its clinician before the end."""

    OFF_DUTY = "off-duty"
    HANDED_BACK = "handed-back"


class ResponseUnassigned(Event):
    """The clinician no longer has the response; a coordinator assigns another one."""

    TYPE = "rapid-care.response.unassigned.v1"
    TOPIC = "rapid-care.response"
    PUBLIC = True

    clinician_id: Code
    reason: UnassignReason


class ResponseEnRoute(Event):
    """The clinician is on the way to the person."""

    TYPE = "rapid-care.response.en-route.v1"
    TOPIC = "rapid-care.response"

    clinician_id: Code
    left_at: Instant


class ResponseContacted(Event):
    """A clinician visited, and the two-hour clock stopped. After a visit without access a further visit repeats the result of the clock.

    `clinician_id` has the response from then on, also in place of the assigned clinician, and after a recall that crossed the visit.
    """

    TYPE = "rapid-care.response.contacted.v1"
    TOPIC = "rapid-care.response"

    referral_id: UUID
    contacted_at: Instant
    due_at: Instant
    is_met: bool
    mode: ContactMode
    clinician_id: Code | None = None

    @property
    def is_seen(self) -> bool:
        """Whether the clinician saw the person, or spoke with them as triage decided."""
        return self.mode is not ContactMode.NO_ACCESS


class ResponseAssessed(Event):
    """Health and social needs were assessed together."""

    TYPE = "rapid-care.response.assessed.v1"
    TOPIC = "rapid-care.response"

    health_needs: tuple[Need, ...]
    social_needs: tuple[Need, ...]


class ResponsePackageAgreed(Event):
    """Care at home was arranged."""

    TYPE = "rapid-care.response.package-agreed.v1"
    TOPIC = "rapid-care.response"

    items: tuple[PackageItem, ...]


class ResponseAtRisk(Event):
    """No clinician has reached the person, and `minutes_elapsed` minutes of the clock have passed."""

    TYPE = "rapid-care.response.at-risk.v1"
    TOPIC = "rapid-care.response"

    referral_id: UUID
    minutes_elapsed: int
    due_at: Instant


class ResponseBreached(Event):
    """The deadline passed without contact. Published once; a flag, not a state."""

    TYPE = "rapid-care.response.breached.v1"
    TOPIC = "rapid-care.response"

    referral_id: UUID
    due_at: Instant


class ResponseBreachCleared(Event):
    """A contact that was recorded late was made in time (G53)."""

    TYPE = "rapid-care.response.breach-cleared.v1"
    TOPIC = "rapid-care.response"

    breached_at: Instant
    contacted_at: Instant


class OverdueStep(StrEnum):
    """The step of a response that is overdue."""

    ASSIGNMENT = "assignment"
    CONTACT = "contact"
    NEXT_ATTEMPT = "next-attempt"
    ANSWER_TO_CALL = "answer-to-call"
    CARE = "care"


class ResponseOverdue(Event):
    """A step of the response is overdue. The coordinator's work list shows it, and the event is repeated until the step is taken."""

    TYPE = "rapid-care.response.overdue.v1"
    TOPIC = "rapid-care.response"

    referral_id: UUID
    step: OverdueStep
    due_at: Instant
    routing: int


class ResponseCallRepeated(Event):
    """A second urgent call about the person reached Rapid Care, which answers it by `answer_by`. The call names `condition`."""

    TYPE = "rapid-care.response.call-repeated.v1"
    TOPIC = "rapid-care.response"
    PUBLIC = True

    referral_id: UUID
    merged_referral_id: UUID
    condition: Condition | None
    answer_by: Instant


class ResponseCallAnswered(Event):
    """Rapid Care has taken note of a second urgent call about the person, and acts on it within this response."""

    TYPE = "rapid-care.response.call-answered.v1"
    TOPIC = "rapid-care.response"

    referral_id: UUID
    answered_at: Instant
    routing: int


class ResponseConditionSet(Event):
    """The Community Point of Access named or corrected the condition. A clinician who was assigned before has the response still."""

    TYPE = "rapid-care.response.condition-set.v1"
    TOPIC = "rapid-care.response"

    referral_id: UUID
    condition: Condition


class ResponseRestored(Event):
    """The response had ended with a recorded death or move, which was a mistake. It continues, on the same clock."""

    TYPE = "rapid-care.response.restored.v1"
    TOPIC = "rapid-care.response"
    PUBLIC = True

    referral_id: UUID


class ResponseSteppedDown(Event):
    """The crisis is over; another service continues the care."""

    TYPE = "rapid-care.response.stepped-down.v1"
    TOPIC = "rapid-care.response"

    referral_id: UUID
    destination: StepDown
    locality: Locality | None


class ResponseEscalated(Event):
    """The person was admitted to hospital."""

    TYPE = "rapid-care.response.escalated.v1"
    TOPIC = "rapid-care.response"

    referral_id: UUID
    routing: int | None = None


class ResponseClosed(Event):
    """The response ended with a stated outcome. `is_seen`: a clinician saw the person for this response."""

    TYPE = "rapid-care.response.closed.v1"
    TOPIC = "rapid-care.response"

    referral_id: UUID
    outcome: ResponseOutcome
    is_admission_avoided: bool
    benefit_pounds: int
    routing: int | None = None
    is_seen: bool = True


class ResponseCancelled(Event):
    """No visit is needed: the referral was cancelled, taken back, recalled or routed to another service, or the person died or moved."""

    TYPE = "rapid-care.response.cancelled.v1"
    TOPIC = "rapid-care.response"
    PUBLIC = True

    referral_id: UUID
    reason: Code


class AvoidanceBasis(StrEnum):
    """The evidence of a confirmation. Hospitals do not report to this product, so admissions outside Rapid Care are not counted."""

    RESPONSES = "responses"


class ResponseAvoidanceConfirmed(Event):
    """Two weeks after a stated avoided admission, no other response to the person had ended in hospital (G22)."""

    TYPE = "rapid-care.response.avoidance-confirmed.v1"
    TOPIC = "rapid-care.response"
    PUBLIC = True

    referral_id: UUID
    benefit_pounds: int
    basis: AvoidanceBasis = AvoidanceBasis.RESPONSES


class CapacityLevel(StrEnum):
    WARNING = "warning"
    ALERT = "alert"


class CapacityWarned(Event):
    """The month has more referrals than the commissioned 180 (warning) or 200 (alert). The level declines no referral (G43)."""

    TYPE = "rapid-care.capacity.warned.v1"
    TOPIC = "rapid-care.capacity"
    PUBLIC = True

    month: Day
    referrals: int
    level: CapacityLevel
