"""Table 16 (001:10106-10170) as a decision table: what a risk level asks of plan, assessment and accountable lead."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from shared.contracts.codes import RiskLevel, Role
from shared.kernel.errors import RuleBroken


class CarePlanNeed(StrEnum):
    REQUIRED = "required"
    OFFER = "offer"
    OPTIONAL = "optional"
    NOT_GENERALLY = "not-generally"
    NOT_REQUIRED = "not-required"


class JointAssessment(StrEnum):
    MDT_DECIDES = "mdt-decides"
    OFFER = "offer"
    NONE = "none"


class LeadRule(StrEnum):
    MDT_ALLOCATES = "mdt-allocates"
    GP_UNLESS_MDT_DECIDES = "gp-unless-mdt-decides"
    GP = "gp"


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a person stands in risk stratification; a level of None was never scored."""

    level: RiskLevel | None = None
    is_high_climber: bool = False

    @property
    def judged_as(self) -> RiskLevel:
        """Whoever was never scored is judged by those who brought them: as at very high risk, in every rule alike."""
        return RiskLevel.VERY_HIGH if self.level is None else self.level


@dataclass(frozen=True, slots=True)
class Allocation:
    """A row of the table. `gives_information`: the person may benefit from information via navigation."""

    care_plan: CarePlanNeed
    joint_assessment: JointAssessment
    lead: LeadRule
    gives_information: bool = False


_VERY_HIGH = Allocation(CarePlanNeed.REQUIRED, JointAssessment.MDT_DECIDES, LeadRule.MDT_ALLOCATES)
_CLIMBER = Allocation(CarePlanNeed.OFFER, JointAssessment.OFFER, LeadRule.GP_UNLESS_MDT_DECIDES)
_HIGH = Allocation(CarePlanNeed.OPTIONAL, JointAssessment.NONE, LeadRule.GP)
_MEDIUM = Allocation(CarePlanNeed.NOT_GENERALLY, JointAssessment.NONE, LeadRule.GP)
_LOW = Allocation(CarePlanNeed.NOT_REQUIRED, JointAssessment.NONE, LeadRule.GP, gives_information=True)

#: (level, high climber) to what the table says.
TABLE_16: Mapping[tuple[RiskLevel, bool], Allocation] = {
    (RiskLevel.VERY_HIGH, False): _VERY_HIGH,
    (RiskLevel.VERY_HIGH, True): _VERY_HIGH,
    (RiskLevel.HIGH, True): _CLIMBER,
    (RiskLevel.HIGH, False): _HIGH,
    (RiskLevel.MEDIUM, True): _MEDIUM,
    (RiskLevel.MEDIUM, False): _MEDIUM,
    (RiskLevel.LOW, True): _LOW,
    (RiskLevel.LOW, False): _LOW,
}

#: GP, community, social and specialist services (001:10126-10136); a navigator or case manager may be lead too (G24).
LEAD_ROLES = frozenset(
    {
        Role.GP,
        Role.COMMUNITY_NURSE,
        Role.SOCIAL_WORKER,
        Role.MENTAL_HEALTH,
        Role.ACUTE_CONSULTANT,
        Role.HOSPICE,
        Role.CARE_NAVIGATOR,
        Role.CASE_MANAGER,
    }
)


class LeadNotAllowed(RuleBroken):
    """Table 16 does not allow a lead of this role at the person's risk level."""

    code = "lead-not-allowed"
    advice = "Read the case: it lists the lead roles that Table 16 allows at the person's risk level."


def allocation(standing: Standing) -> Allocation:
    return TABLE_16[standing.judged_as, standing.is_high_climber]


def require_allowed(role: Role, standing: Standing) -> None:
    """Below very high risk the GP is the lead, unless the person is a high climber and the meeting decides otherwise.

    Raises LeadNotAllowed.
    """
    if role not in LEAD_ROLES:
        raise LeadNotAllowed(f"A professional with the role {role} cannot be an accountable lead.")
    if allocation(standing).lead is LeadRule.GP and role is not Role.GP:
        raise LeadNotAllowed("At this risk level the GP is the lead.")
