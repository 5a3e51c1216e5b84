"""What the Community Point of Access publishes: a referral from receipt to closure, and (restricted) the person's record."""

from datetime import date
from enum import StrEnum
from uuid import UUID

from shared.contracts.codes import Condition, Locality, Urgency
from shared.contracts.event import Code, Event, Instant, Value


class Source(StrEnum):
    """Who refers; the sources are listed in docs/rules.md, Code lists."""

    GP = "gp"
    PRIMARY_CARE_OTHER = "primary-care-other"
    SECONDARY_CARE = "secondary-care"
    SOCIAL_CARE = "social-care"
    EMERGENCY_DEPARTMENT = "emergency-department"
    POST_ACUTE_CARE_ENABLEMENT = "post-acute-care-enablement"
    SOCIAL_WORK_IN_EMERGENCY_DEPARTMENT = "social-work-in-emergency-department"
    AMBULANCE = "ambulance"
    OUT_OF_HOURS_GP = "out-of-hours-gp"
    CARE_HOME = "care-home"
    TELEHEALTH = "telehealth"
    INTEGRATED_LOCALITY_TEAM = "integrated-locality-team"
    MDT = "mdt"
    NAVIGATOR = "navigator"
    RISK_STRATIFICATION = "risk-stratification"
    VOLUNTARY_SECTOR = "voluntary-sector"
    HOSPICE = "hospice"
    MENTAL_HEALTH = "mental-health"
    SELF_OR_CARER = "self-or-carer"


class Reason(StrEnum):
    """What the referral is about."""

    URGENT_DETERIORATION = "urgent-deterioration"
    COMPLEX_NEEDS = "complex-needs"
    COMMUNITY_NURSING = "community-nursing"
    ENABLEMENT = "enablement"
    SOCIAL_CARE = "social-care"
    DEMENTIA = "dementia"
    STROKE = "stroke"
    FALLS = "falls"
    PALLIATIVE = "palliative"
    INFORMATION = "information"
    OTHER = "other"


class Route(StrEnum):
    """To whom the Community Point of Access hands a referral on."""

    RAPID_CARE = "rapid-care"
    MDT = "mdt"
    NAVIGATION = "navigation"
    SERVICE = "service"


class ReturnReason(StrEnum):
    """Why a receiver gave a referral back. Each leads to a new triage, none to the referrer (E11, AC4)."""

    CAPACITY = "capacity"
    INELIGIBLE = "ineligible"
    CLOSED_HOURS = "closed-hours"
    LIFE_THREATENING = "life-threatening"
    STANDARD_MEASURES_SUFFICE = "standard-measures-suffice"
    INSUFFICIENT_INFORMATION = "insufficient-information"
    OTHER = "other"


class Outcome(StrEnum):
    """How a referral ended."""

    ADMISSION_AVOIDED = "admission-avoided"
    ADMITTED = "admitted"
    NEED_MET = "need-met"
    CARE_PLAN_AGREED = "care-plan-agreed"
    SIGNPOSTED = "signposted"
    NOT_ACUTE = "not-acute"
    INAPPROPRIATE = "inappropriate"
    OTHER_SERVICE_INVOLVED = "other-service-involved"
    NO_ACCESS = "no-access"
    DECLINED_BY_PERSON = "declined-by-person"
    DIED = "died"
    MOVED_AWAY = "moved-away"
    REDIRECTED_TO_EMERGENCY = "redirected-to-emergency"


class CancelReason(StrEnum):
    """Why a referral was withdrawn; `ReferralCancelled.reason` holds one of these."""

    WITHDRAWN = "withdrawn"
    SENT_IN_ERROR = "sent-in-error"
    DECLINED_BY_PERSON = "declined-by-person"
    MOVED_AWAY = "moved-away"
    DIED = "died"


class SharingPreference(StrEnum):
    """What the person wants others to see of their story (G12). A crisis response sees it in any case, and that is audited."""

    DIRECT_CARE = "direct-care"
    RESTRICTED = "restricted"
    WITHHELD = "withheld"


class ReferralReceived(Event):
    """A referral was acknowledged with a reference; from here it is owned until it is closed."""

    TYPE = "referrals.referral.received.v1"
    TOPIC = "referrals.referral"
    PUBLIC = True

    reference: Code
    source: Source
    referrer_organisation: Code
    reason: Reason
    requested_urgency: Urgency
    received_at: Instant
    practice_code: Code
    locality: Locality
    is_story_known: bool


class ReferralIdentified(Event):
    """The person is known by a valid NHS number."""

    TYPE = "referrals.referral.identified.v1"
    TOPIC = "referrals.referral"
    PUBLIC = True


class ReferralIdentityUnverified(Event):
    """An urgent referral was taken without a valid NHS number; tracing follows, care does not wait (G11)."""

    TYPE = "referrals.referral.identity-unverified.v1"
    TOPIC = "referrals.referral"
    PUBLIC = True


class ReferralMerged(Event):
    """A second referral for the same person and reason within the merge window joined an open one; both references stay valid."""

    TYPE = "referrals.referral.merged.v1"
    TOPIC = "referrals.referral"
    PUBLIC = True

    into_referral_id: UUID


class ReferralTriaged(Event):
    """A clinician decided how urgent it is."""

    TYPE = "referrals.referral.triaged.v1"
    TOPIC = "referrals.referral"
    PUBLIC = True

    outcome: Urgency
    is_complex: bool
    triaged_at: Instant


class ReferralRouted(Event):
    """The Community Point of Access asked a receiver to take over. The original received time travels along (G02).

    `routing` counts how often a receiver was asked; an answer that repeats it says which asking it answers.
    `is_by_telephone`: triage chose to assess the person by telephone (G05).
    """

    TYPE = "referrals.referral.routed.v1"
    TOPIC = "referrals.referral"

    route: Route
    service_code: Code
    urgency: Urgency
    source: Source
    reason: Reason
    condition: Condition | None
    received_at: Instant
    clock_starts_at: Instant
    acknowledge_by: Instant
    practice_code: Code
    locality: Locality
    is_eligibility_overridden: bool
    is_by_telephone: bool = False
    routing: int = 1


class ReferralAccepted(Event):
    """The receiver took it over."""

    TYPE = "referrals.referral.accepted.v1"
    TOPIC = "referrals.referral"
    PUBLIC = True

    service_code: Code
    accepted_at: Instant


class ReferralAcceptanceCrossed(Event):
    """A service accepted it that had been asked before, while it went elsewhere: the Community Point of Access decides who goes."""

    TYPE = "referrals.referral.acceptance-crossed.v1"
    TOPIC = "referrals.referral"
    PUBLIC = True

    service_code: Code
    crossed_at: Instant


class ReferralReturned(Event):
    """The receiver gave it back, or it was taken back unanswered; it is to be triaged anew under the same reference."""

    TYPE = "referrals.referral.returned.v1"
    TOPIC = "referrals.referral"
    PUBLIC = True

    service_code: Code
    reason: ReturnReason


class ReferralSignposted(Event):
    """The person was told of a directory service that meets the need."""

    TYPE = "referrals.referral.signposted.v1"
    TOPIC = "referrals.referral"
    PUBLIC = True

    service_code: Code


class ReferralInformationRequested(Event):
    """The referrer was asked for more; no clock stops for it."""

    TYPE = "referrals.referral.information-requested.v1"
    TOPIC = "referrals.referral"
    PUBLIC = True

    asked_at: Instant


class ReferralInformationAnswered(Event):
    """The referrer gave what was asked for; its words are in the person's record."""

    TYPE = "referrals.referral.information-answered.v1"
    TOPIC = "referrals.referral"
    PUBLIC = True

    answered_at: Instant


class ReferralUrgencyRaised(Event):
    """What was judged less became urgent: a new clock from now, unless it was urgent before (G02, G41)."""

    TYPE = "referrals.referral.urgency-raised.v1"
    TOPIC = "referrals.referral"
    PUBLIC = True

    clock_starts_at: Instant


class ReferralAcknowledgementOverdue(Event):
    """The receiver has not answered in time; the Community Point of Access is alerted."""

    TYPE = "referrals.referral.acknowledgement-overdue.v1"
    TOPIC = "referrals.referral"
    PUBLIC = True

    service_code: Code
    acknowledge_by: Instant


class ReferralOutcomeOverdue(Event):
    """It was taken or signposted long ago and nobody has said how it ended; the Community Point of Access asks."""

    TYPE = "referrals.referral.outcome-overdue.v1"
    TOPIC = "referrals.referral"
    PUBLIC = True

    service_code: Code
    outcome_by: Instant


class ReferralClosed(Event):
    """It ended, and the referrer can see how."""

    TYPE = "referrals.referral.closed.v1"
    TOPIC = "referrals.referral"
    PUBLIC = True

    outcome: Outcome
    closed_at: Instant


class ReferralCancelled(Event):
    """The referrer withdrew it, or the person died or moved away."""

    TYPE = "referrals.referral.cancelled.v1"
    TOPIC = "referrals.referral"

    reason: Code


class FamilyContact(Value):
    """Somebody the person wants kept informed."""

    name: str
    relationship: str
    telephone: str | None = None
    lives_in: str | None = None


class Story(Value):
    """What the person told once."""

    narrative: str
    history: tuple[str, ...] = ()
    what_matters: str | None = None
    communication_needs: tuple[str, ...] = ()
    preferred_visit_times: str | None = None
    contacts: tuple[FamilyContact, ...] = ()


class PersonRecordRecorded(Event):
    """The whole current record of a person; each one replaces the one before. Restricted: it travels encrypted."""

    TYPE = "referrals.person-record.recorded.v1"
    TOPIC = "referrals.person-record"
    RESTRICTED = True

    nhs_number: str | None
    given_name: str
    family_name: str
    born_on: date
    address: str
    telephone: str | None
    practice_code: Code
    locality: Locality
    story: Story
    sharing: SharingPreference = SharingPreference.DIRECT_CARE
