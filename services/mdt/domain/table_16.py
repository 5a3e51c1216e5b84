"""Table 16 (001:10106-10170) as a decision table: plan, assessment and accountable lead by risk level."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum

from shared.contracts.codes import RiskLevel, Role
from shared.kernel.errors import RuleBroken
from shared.kernel.totality import total


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
    """A person's risk; `level` is None without a score."""

    level: RiskLevel | None = None
    is_high_climber: bool = False

    @property
    def judged_as(self) -> RiskLevel:
        """A person without a score counts as very high risk in every rule, because a professional referred them."""
        return RiskLevel.VERY_HIGH if self.level is None else self.level


def highest(standings: Collection[Standing]) -> Standing | None:
    """The standing of a person with several records: the highest level, and a high climber when one of them is. None without any."""
    if not standings:
        return None
    levels = [standing.level for standing in standings if standing.level is not None]
    return Standing(max(levels, default=None), any(standing.is_high_climber for standing in standings))


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

#: By level, the row of a high climber and that of any other person.
_ROWS = total(
    RiskLevel,
    {
        RiskLevel.VERY_HIGH: {False: _VERY_HIGH, True: _VERY_HIGH},
        RiskLevel.HIGH: {True: _CLIMBER, False: _HIGH},
        RiskLevel.MEDIUM: {True: _MEDIUM, False: _MEDIUM},
        RiskLevel.LOW: {True: _LOW, False: _LOW},
    },
)
#: (level, high climber) to the row of the table.
TABLE_16: Mapping[tuple[RiskLevel, bool], Allocation] = {
    (level, is_high_climber): row for level, rows in _ROWS.items() for is_high_climber, row in rows.items()
}

#: GP, community, social and specialist services (001:10126-10136); a navigator or case manager may be lead too (G24).
_MAY_LEAD = total(
    Role,
    {
        Role.GP: True,
        Role.ACUTE_CONSULTANT: True,
        Role.SOCIAL_WORKER: True,
        Role.MENTAL_HEALTH: True,
        Role.COMMUNITY_NURSE: True,
        Role.HOSPICE: True,
        Role.AMBULANCE: False,
        Role.VOLUNTARY_SECTOR: False,
        Role.CARE_NAVIGATOR: True,
        Role.CASE_MANAGER: True,
    },
)
LEAD_ROLES = frozenset(role for role, may_lead in _MAY_LEAD.items() if may_lead)
#: The roles among which the meeting chooses.
_CHOICE = total(
    LeadRule,
    {LeadRule.MDT_ALLOCATES: LEAD_ROLES, LeadRule.GP_UNLESS_MDT_DECIDES: LEAD_ROLES, LeadRule.GP: frozenset({Role.GP})},
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
    if role not in _CHOICE[allocation(standing).lead]:
        raise LeadNotAllowed("At this risk level the GP is the lead.")
