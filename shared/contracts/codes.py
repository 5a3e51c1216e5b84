"""Code lists of more than one context. docs/rules.md has the sources of the values; values are added, never changed."""

from enum import IntEnum, StrEnum

from shared.kernel.totality import total


class Locality(StrEnum):
    """The three localities; the documents name only the west (G26)."""

    WEST = "west"
    LOCALITY_B = "locality-b"
    LOCALITY_C = "locality-c"


class Urgency(StrEnum):
    URGENT = "urgent"
    ROUTINE = "routine"
    ADVICE = "advice"


#: Whether the urgency starts the two-hour clock.
IS_URGENT = total(Urgency, {Urgency.URGENT: True, Urgency.ROUTINE: False, Urgency.ADVICE: False})


class Condition(StrEnum):
    """The condition for which an urgent response is requested."""

    PNEUMONIA = "pneumonia"
    URINARY_TRACT_INFECTION = "urinary-tract-infection"
    HEART_FAILURE = "heart-failure"
    COPD = "copd"
    FALL = "fall"
    ACUTE_COMPLICATION = "acute-complication"
    END_OF_LIFE = "end-of-life"
    OTHER = "other"


class RiskLevel(IntEnum):
    """Risk stratification, Table 14: 3 very high, 2 high, 1 medium, 0 low."""

    LOW = 0
    MEDIUM = 1
    HIGH = 2
    VERY_HIGH = 3


class Role(StrEnum):
    """Professional roles at the meeting, as accountable lead and as owner of an action."""

    GP = "gp"
    ACUTE_CONSULTANT = "acute-consultant"
    SOCIAL_WORKER = "social-worker"
    MENTAL_HEALTH = "mental-health"
    COMMUNITY_NURSE = "community-nurse"
    HOSPICE = "hospice"
    AMBULANCE = "ambulance"
    VOLUNTARY_SECTOR = "voluntary-sector"
    CARE_NAVIGATOR = "care-navigator"
    CASE_MANAGER = "case-manager"


#: Whether an action of a care plan becomes a task in navigation (001:10022-10023). The accountable lead sees to all others (AC12).
_IS_NAVIGATOR = total(
    Role,
    {
        Role.GP: False,
        Role.ACUTE_CONSULTANT: False,
        Role.SOCIAL_WORKER: False,
        Role.MENTAL_HEALTH: False,
        Role.COMMUNITY_NURSE: False,
        Role.HOSPICE: False,
        Role.AMBULANCE: False,
        Role.VOLUNTARY_SECTOR: False,
        Role.CARE_NAVIGATOR: True,
        Role.CASE_MANAGER: True,
    },
)
NAVIGATOR_ROLES = frozenset(role for role, is_navigator in _IS_NAVIGATOR.items() if is_navigator)


class TaskKind(StrEnum):
    """Kinds of tasks of navigators and case managers."""

    IMPLEMENT_CARE_PLAN_ACTION = "implement-care-plan-action"
    SIGNPOST = "signpost"
    ARRANGE_SOCIAL_CARE_ASSESSMENT = "arrange-social-care-assessment"
    PERSONAL_BUDGET_ADVICE = "personal-budget-advice"
    CARE_COORDINATION = "care-coordination"
    CASE_MANAGEMENT = "case-management"
    INFORM_PERSON_AND_FAMILY = "inform-person-and-family"
    FOLLOW_UP_CHECK = "follow-up-check"
    PROVIDE_INFORMATION = "provide-information"
    BEREAVEMENT_SUPPORT = "bereavement-support"


class PlaceOfCare(StrEnum):
    HOME = "home"
    CARE_HOME = "care-home"
    HOSPICE = "hospice"
    HOSPITAL = "hospital"


class StepDown(StrEnum):
    """The service that continues after an intensive service steps down."""

    INTEGRATED_LOCALITY_TEAM = "integrated-locality-team"
    GP = "gp"
    NAVIGATION = "navigation"
    COMMUNITY_NURSING = "community-nursing"


#: The service of the directory that each step-down names.
STEP_DOWN_SERVICES = total(
    StepDown,
    {
        StepDown.INTEGRATED_LOCALITY_TEAM: "integrated-locality-team",
        StepDown.GP: "gp",
        StepDown.NAVIGATION: "care-navigation",
        StepDown.COMMUNITY_NURSING: "district-nursing",
    },
)


class ScreeningOutcome(StrEnum):
    """Whether a case is eligible for the meeting (E9)."""

    ELIGIBLE = "eligible"
    NOT_ELIGIBLE = "not-eligible"


class ReviewTrigger(StrEnum):
    """Why a care plan is reviewed (G16)."""

    DUE_DATE = "due-date"
    RAPID_CARE_CLOSED = "rapid-care-closed"
    RISK_LEVEL_CROSSED = "risk-level-crossed"
    PERSON_ASKED = "person-asked"
