"""The roster of clinicians, and the choice of a clinician for a response."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from services.rapid_care.commands import RosterClinician
from services.rapid_care.domain.policy import Policy
from shared.contracts.codes import Condition
from shared.contracts.rapid_care import Skill
from shared.kernel.errors import NotFound, RuleBroken


@dataclass(frozen=True, slots=True)
class Clinician:
    """A clinician on the roster; `id` is a staff code. `open_responses` counts the clinician's responses that have not ended."""

    id: str
    skills: tuple[Skill, ...]
    is_on_duty: bool
    version: int = 0
    open_responses: int = 0


class ClinicianNotFound(NotFound):
    """No clinician on the roster has this staff code."""

    code = "clinician-not-found"
    advice = "Add the clinician to the roster first."


class ClinicianOffDuty(RuleBroken):
    """The clinician is not on duty."""

    code = "clinician-off-duty"
    advice = "Choose a clinician on duty, or ask the coordinator to put this one on duty."


class SkillMissing(RuleBroken):
    """The clinician has none of the skills that the condition needs."""

    code = "skill-missing"
    advice = "Assign a clinician on duty with a skill that the condition needs."


class NoClinicianAvailable(RuleBroken):
    """No clinician on duty has a skill that the condition needs."""

    code = "no-clinician-available"
    advice = "Put a clinician with the skill on duty, or decline the response so that another service responds."


def enter(present: Clinician | None, clinician_id: str, command: RosterClinician) -> Clinician:
    """A clinician joins the roster, changes skills, or comes on or off duty. An equal entry keeps its version."""
    earlier = present or Clinician(clinician_id, (), is_on_duty=False)
    entered = replace(earlier, skills=command.skills, is_on_duty=command.is_on_duty)
    return entered if entered == present else replace(entered, version=earlier.version + 1)


def fitting_skill(clinician: Clinician, condition: Condition, policy: Policy) -> Skill:
    """The clinician's best fitting skill for a condition. Raises ClinicianOffDuty, SkillMissing."""
    if not clinician.is_on_duty:
        raise ClinicianOffDuty("This clinician is not on duty.")
    fitting = next((skill for skill in policy.needed_skills[condition] if skill in clinician.skills), None)
    if fitting is None:
        raise SkillMissing(f"This clinician has none of the skills that {condition} needs.")
    return fitting


def choose(roster: Sequence[Clinician], condition: Condition, policy: Policy) -> Clinician:
    """The clinician on duty with a needed skill and the fewest open responses; of equals, the one with the best fitting skill.

    Raises NoClinicianAvailable.
    """
    needed = policy.needed_skills[condition]
    able = [clinician for clinician in roster if clinician.is_on_duty and set(needed) & set(clinician.skills)]
    if not able:
        raise NoClinicianAvailable(f"No clinician on duty has a skill that {condition} needs.")
    return min(
        able, key=lambda clinician: (clinician.open_responses, needed.index(fitting_skill(clinician, condition, policy)), clinician.id)
    )
