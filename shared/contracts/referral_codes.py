"""The codes of referrals: what is asked, of whom, and how it ended."""

from enum import StrEnum


class Source(StrEnum):
    """Sources of referrals, listed in docs/rules.md, Code lists."""

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
    RAPID_CARE = "rapid-care"
    MDT = "mdt"
    NAVIGATOR = "navigator"
    RISK_STRATIFICATION = "risk-stratification"
    VOLUNTARY_SECTOR = "voluntary-sector"
    HOSPICE = "hospice"
    MENTAL_HEALTH = "mental-health"
    SELF_OR_CARER = "self-or-carer"


class Reason(StrEnum):
    """The subject of a referral."""

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
    """The kind of receiver to which the Community Point of Access routes a referral."""

    RAPID_CARE = "rapid-care"
    MDT = "mdt"
    NAVIGATION = "navigation"
    SERVICE = "service"


class ReturnReason(StrEnum):
    """Why a receiver returned a referral. Each leads to a new triage, none to the referrer (E11, AC4)."""

    CAPACITY = "capacity"
    INELIGIBLE = "ineligible"
    CLOSED_HOURS = "closed-hours"
    LIFE_THREATENING = "life-threatening"
    STANDARD_MEASURES_SUFFICE = "standard-measures-suffice"
    INSUFFICIENT_INFORMATION = "insufficient-information"
    CONCERN = "concern"
    NO_ACCESS = "no-access"
    CALL_UNANSWERED = "call-unanswered"
    RECEIVER_WITHDREW = "receiver-withdrew"
    OTHER_SERVICE_INVOLVED = "other-service-involved"
    OTHER = "other"


class Outcome(StrEnum):
    """How a referral ended."""

    ADMISSION_AVOIDED = "admission-avoided"
    ADMITTED = "admitted"
    NEED_MET = "need-met"
    ADVICE_GIVEN = "advice-given"
    CARE_PLAN_AGREED = "care-plan-agreed"
    SIGNPOSTED = "signposted"
    NOT_ACUTE = "not-acute"
    INAPPROPRIATE = "inappropriate"
    NOT_NEEDED = "not-needed"
    OTHER_SERVICE_INVOLVED = "other-service-involved"
    NO_ACCESS = "no-access"
    DECLINED_BY_PERSON = "declined-by-person"
    DIED = "died"
    MOVED_AWAY = "moved-away"
    REDIRECTED_TO_EMERGENCY = "redirected-to-emergency"


class CancelReason(StrEnum):
    """Why a referral was withdrawn; `ReferralCancelled.reason` is one of these codes."""

    WITHDRAWN = "withdrawn"
    SENT_IN_ERROR = "sent-in-error"
    DECLINED_BY_PERSON = "declined-by-person"
    MOVED_AWAY = "moved-away"
    DIED = "died"


class Discrepancy(StrEnum):
    """A fault of an urgent referral, which is accepted all the same. The Community Point of Access resolves it.

    `text-unreadable`: a value that its field cannot have; its text is kept in the history of the person's story.
    `practice-unknown`: no table has the person's practice, or it closed without a successor. `practice-unconfirmed`: only the practice
    itself says that the person is registered with it, and no triage has confirmed it; a correction of the record that names it does.
    `receiver-uninformed`: a referrer sent more while a receiver had the referral, or another referral joined it, and the words must be
    passed on. `details-unconfirmed`: a referrer without a relationship added a telephone, a family contact or a detail of one to a known
    person's record, or restricted its sharing: staff ask the person. `death-reported`, `move-reported`: a referrer without a further
    relationship says that the person has died or moved away. Nothing ends before staff have recorded it; a wrong report is resolved.
    A referral of any urgency may have these six.
    """

    NUMBER_MISSING = "number-missing"
    NUMBER_INVALID = "number-invalid"
    IDENTITY_DIFFERS = "identity-differs"
    BIRTHDAY_INVALID = "birthday-invalid"
    DEMOGRAPHICS_MISSING = "demographics-missing"
    STORY_MISSING = "story-missing"
    TEXT_UNREADABLE = "text-unreadable"
    HISTORY_SHORTENED = "history-shortened"
    CONDITION_MISSING = "condition-missing"
    PRACTICE_UNKNOWN = "practice-unknown"
    PRACTICE_UNCONFIRMED = "practice-unconfirmed"
    DETAILS_UNCONFIRMED = "details-unconfirmed"
    RECEIVER_UNINFORMED = "receiver-uninformed"
    DEATH_REPORTED = "death-reported"
    MOVE_REPORTED = "move-reported"


class AskingService(StrEnum):
    """The services of this product that ask another service to continue the care."""

    RAPID_CARE = "rapid-care"
    MDT = "mdt"


class OnwardRequest(StrEnum):
    """The decision of the asking service from which an onward referral comes."""

    STEP_DOWN = "step-down"


class AmendedPart(StrEnum):
    """A part of a referral that its referrer amended."""

    INFORMATION = "information"
    TELEPHONE = "telephone"
    URGENCY = "raised-urgency"


class ReopenReason(StrEnum):
    """Why a referral is open again."""

    PERSON_RESTORED = "person-restored"
    ENDED_IN_ERROR = "ended-in-error"
    PERSON_RETURNED = "person-returned"
