"""The configured numbers of Rapid Care, each a default of docs/rules.md; a deployment may set others by name."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import time, timedelta

from shared.contracts.codes import Condition
from shared.contracts.rapid_care import Skill
from shared.kernel.local_time import LocalTime
from shared.kernel.opening_hours import EXTENDED_DAY
from shared.kernel.totality import total

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


@dataclass(frozen=True, slots=True)
class Policy(LocalTime):
    """The opening hours and two hours are 001:6510-6513, the month's 180 to 200 and the assumed 40 % 001:12735-12757."""

    # Organisation of Rapid Care
    organisation: str = "CLCH"
    # Opening hours, as in the directory row of the service; a clock that would start in closed hours starts at the next opening (G04)
    opens: time = EXTENDED_DAY.opens
    closes: time = EXTENDED_DAY.closes
    # Time to the first contact (T2)
    response_target: timedelta = timedelta(hours=2)
    # Times on the clock at which a warning is published
    at_risk_after: tuple[timedelta, ...] = (timedelta(minutes=60), timedelta(minutes=90), timedelta(minutes=110))
    # Services for a person who cannot wait until opening
    while_closed: tuple[str, ...] = ("out-of-hours-gp", "ambulance")
    # Skills that a condition needs, the best fitting first
    needed_skills: Mapping[Condition, tuple[Skill, ...]] = field(default_factory=lambda: dict(_NEEDED_SKILLS))
    # Commissioned responses of a month, lower and upper bound (K02)
    capacity_low: int = 180
    capacity_high: int = 200
    # Modelled responses of a month, shown with the actual number (K02)
    modelled_baseline: int = 120
    # Assumed share of avoided admissions (K03)
    avoided_rate_assumption: float = 0.40
    # Benefit of an avoided admission in pounds
    pounds_per_avoided_admission: int = 2004
    # Time without an admission after which an avoidance is confirmed (G22)
    avoidance_confirmed_after: timedelta = timedelta(days=14)

    def __post_init__(self) -> None:
        """Raises ValueError for numbers that contradict each other."""
        LocalTime.__post_init__(self)
        if self.opens >= self.closes:
            raise ValueError("opens must come before closes")
        if any(not timedelta() < elapsed < self.response_target for elapsed in self.at_risk_after):
            raise ValueError("at_risk_after must lie between the beginning of the clock and response_target")
        if unmet := [condition.value for condition in Condition if not self.needed_skills.get(condition)]:
            raise ValueError(f"needed_skills names no skill for {', '.join(unmet)}")
        if not 0 < self.capacity_low <= self.capacity_high:
            raise ValueError("capacity_low must not exceed capacity_high")
        if self.avoidance_confirmed_after <= timedelta():
            raise ValueError("avoidance_confirmed_after must be longer than nothing")
