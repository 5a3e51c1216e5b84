"""The configured numbers of Rapid Care, each a default of docs/rules.md; a deployment may set others by name."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import time, timedelta
from typing import Annotated

from shared.contracts.care_policy import CarePolicy
from shared.contracts.codes import Condition
from shared.contracts.event import Code
from shared.contracts.rapid_care import Skill
from shared.kernel.actor import CLINICAL_ROLES
from shared.kernel.opening_hours import EXTENDED_DAY
from shared.kernel.totality import total
from shared.kernel.value_rules import DistinctEntries, Range, RisingOrder, WithoutOffset

_NURSE, _COMMUNITY_NURSE = Skill.EMERGENCY_NURSE_PRACTITIONER, Skill.COMMUNITY_NURSE

#: Skills for each condition, the best fitting first. Nurse practitioners and consultant cover: 001:12479-12480; the rest is an assumption.
_NEEDED_SKILLS: Mapping[Condition, tuple[Skill, ...]] = total(
    Condition,
    {
        Condition.PNEUMONIA: (_NURSE, _COMMUNITY_NURSE),
        Condition.URINARY_TRACT_INFECTION: (_NURSE, _COMMUNITY_NURSE),
        Condition.HEART_FAILURE: (_NURSE, Skill.CONSULTANT_COVER),
        Condition.COPD: (_NURSE, Skill.CONSULTANT_COVER),
        Condition.FALL: (_NURSE, Skill.OCCUPATIONAL_THERAPIST),
        Condition.ACUTE_COMPLICATION: (_NURSE, Skill.CONSULTANT_COVER),
        Condition.END_OF_LIFE: (_COMMUNITY_NURSE, _NURSE, Skill.CONSULTANT_COVER),
        Condition.OTHER: (_NURSE, _COMMUNITY_NURSE),
    },
)


_Count = Annotated[int, Range(1, 100_000)]
_Interval = Annotated[timedelta, Range(timedelta(minutes=1), timedelta(days=7))]


@dataclass(frozen=True, slots=True)
class Policy(CarePolicy):
    """Every duration runs day and night."""

    # Organisation of Rapid Care
    organisation: Code = "CLCH"
    # Roles that record visits and their decisions with the scope rapid-care:respond; a coordinator does it on behalf of a clinician [R]
    responder_roles: tuple[Code, ...] = (*CLINICAL_ROLES, "rapid-care-coordinator")
    # Local time of opening, as in the directory row of the service; earlier than `closes`. A clock that would start in closed hours starts
    # at the next opening (G04)
    opens: Annotated[time, WithoutOffset()] = EXTENDED_DAY.opens
    # Local time of closing, as in the directory row of the service
    closes: Annotated[time, WithoutOffset()] = EXTENDED_DAY.closes
    # Time from the start of the clock to the first contact (T2)
    response_target: Annotated[timedelta, Range(timedelta(minutes=1), timedelta(days=7))] = timedelta(hours=2)
    # Times since the start of the clock at which a warning is published, each above zero and below `response_target`
    at_risk_after: Annotated[tuple[timedelta, ...], RisingOrder()] = (timedelta(minutes=60), timedelta(minutes=90), timedelta(minutes=110))
    # Time from the acceptance, or from the loss of a clinician before the contact, to the assignment; not before the clock starts [R]
    assigned_within: _Interval = timedelta(minutes=15)
    # Time from the loss of a clinician to the assignment of another one, for a person in care [R]
    reassigned_in_care_within: _Interval = timedelta(hours=2)
    # Time between two reminders of a contact after a breach [R]
    contact_chased_every: _Interval = timedelta(minutes=15)
    # Time from a visit without access to the next attempt (G44) [R]
    attempted_again_within: _Interval = timedelta(minutes=60)
    # Time between two reminders of a second urgent call without an answer [R]
    call_chased_every: _Interval = timedelta(minutes=15)
    # Longest time in care between two steps: visit, assessment, package, step-down, outcome (T4) [R]
    care_continued_within: _Interval = timedelta(hours=24)
    # Time within which a part of the package starts [R]
    package_starts_within: Annotated[timedelta, Range(timedelta(days=1), timedelta(days=366))] = timedelta(days=28)
    # Service to call when life is in danger (G23)
    emergency_service: Code = "ambulance"
    # Services for a person who cannot wait until opening
    while_closed: Annotated[tuple[Code, ...], DistinctEntries()] = ("out-of-hours-gp", "ambulance")
    # Skills that a condition needs, the best fitting first; at least one for every condition
    needed_skills: Mapping[Condition, tuple[Skill, ...]] = field(default_factory=lambda: dict(_NEEDED_SKILLS))
    # Commissioned responses of a month; more publish a warning. At most `capacity_high` (K02)
    capacity_low: _Count = 180
    # Responses of a month above which an alert is published (K02)
    capacity_high: _Count = 200
    # Modelled responses of a month, shown with the actual number (K02)
    modelled_baseline: Annotated[int, Range(0, 100_000)] = 120
    # Assumed share of responses that avoid an admission; 1 is all (K03)
    avoided_rate_assumption: Annotated[float, Range(0, 1)] = 0.40
    # Benefit of an avoided admission in pounds
    pounds_per_avoided_admission: Annotated[int, Range(0, 1_000_000)] = 2004
    # Time without an admission after which an avoidance is confirmed (G22)
    avoidance_confirmed_after: Annotated[timedelta, Range(timedelta(hours=1), timedelta(days=366))] = timedelta(days=14)

    def __post_init__(self) -> None:
        """Raises ValueError for values that are not permitted or contradict each other."""
        CarePolicy.__post_init__(self)
        if self.opens >= self.closes:
            raise ValueError("opens must be before closes")
        if any(not timedelta() < elapsed < self.response_target for elapsed in self.at_risk_after):
            raise ValueError("at_risk_after must be above zero and below response_target in each entry")
        if unmet := [condition.value for condition in Condition if not self.needed_skills.get(condition)]:
            raise ValueError(f"needed_skills must have at least one skill for {', '.join(unmet)}")
        if self.capacity_low > self.capacity_high:
            raise ValueError("capacity_low must be at most capacity_high")

    @property
    def own_organisations(self) -> Collection[str]:
        return (self.organisation,)
