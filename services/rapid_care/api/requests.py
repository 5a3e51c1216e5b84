"""Bodies of requests, and the commands that they become."""

from pydantic import Field

from services.rapid_care import commands
from shared.contracts.codes import StepDown
from shared.contracts.input_types import Code, Flag, Instant
from shared.contracts.rapid_care import ContactMode, DeclineReason, Need, PackageItem, ResponseOutcome, Skill
from shared.web.requests import CommandModel


class Decline(CommandModel[commands.DeclineResponse]):
    reason: DeclineReason


class Assignment(CommandModel[commands.AssignClinician]):
    """Without a clinician, the one on duty with a needed skill and the fewest open responses is chosen."""

    clinician_id: Code | None = None


class FirstContact(CommandModel[commands.RecordFirstContact]):
    """A telephone call counts only if triage chose it (G05). A visit without access stops the clock as well, and is repeated (G44)."""

    contacted_at: Instant
    mode: ContactMode = ContactMode.FACE_TO_FACE


class Assessment(CommandModel[commands.RecordAssessment]):
    """Both sides are stated: `none`, alone, where there is no need."""

    health_needs: tuple[Need, ...] = Field(max_length=len(Need))
    social_needs: tuple[Need, ...] = Field(max_length=len(Need))


class Package(CommandModel[commands.AgreePackage]):
    """The whole package; a later one replaces the earlier one."""

    items: tuple[PackageItem, ...] = Field(min_length=1, max_length=50)


class StepDownBody(CommandModel[commands.StepDownResponse]):
    destination: StepDown


class Closure(CommandModel[commands.CloseResponse]):
    outcome: ResponseOutcome


class RosterEntry(CommandModel[commands.RosterClinician]):
    skills: tuple[Skill, ...] = Field(max_length=len(Skill))
    is_on_duty: Flag
