"""What callers send, and the commands that it becomes."""

from pydantic import Field

from services.rapid_care import commands
from shared.contracts.codes import StepDown
from shared.contracts.event import Code, Instant
from shared.contracts.rapid_care import ContactMode, DeclineReason, Need, PackageItem, ResponseOutcome, Skill
from shared.web.responses import RequestModel


class Decline(RequestModel):
    reason: DeclineReason

    def command(self) -> commands.DeclineResponse:
        return commands.DeclineResponse(self.reason)


class Assignment(RequestModel):
    """Without a clinician, somebody on duty with a needed skill and the fewest open responses is chosen."""

    clinician_id: Code | None = None

    def command(self) -> commands.AssignClinician:
        return commands.AssignClinician(self.clinician_id)


class FirstContact(RequestModel):
    """A telephone call counts only where triage chose it (G05); no access stops the clock at the closed door (G44)."""

    contacted_at: Instant
    mode: ContactMode = ContactMode.FACE_TO_FACE

    def command(self) -> commands.RecordFirstContact:
        return commands.RecordFirstContact(self.contacted_at, self.mode)


class Assessment(RequestModel):
    """Both sides; `none`, alone, where there is no need."""

    health_needs: tuple[Need, ...] = Field(max_length=len(Need))
    social_needs: tuple[Need, ...] = Field(max_length=len(Need))

    def command(self) -> commands.RecordAssessment:
        return commands.RecordAssessment(self.health_needs, self.social_needs)


class Package(RequestModel):
    """The whole package; agreed again, it replaces the one before."""

    items: tuple[PackageItem, ...] = Field(min_length=1, max_length=50)

    def command(self) -> commands.AgreePackage:
        return commands.AgreePackage(self.items)


class SteppedDown(RequestModel):
    destination: StepDown

    def command(self) -> commands.StepDownResponse:
        return commands.StepDownResponse(self.destination)


class Closure(RequestModel):
    outcome: ResponseOutcome

    def command(self) -> commands.CloseResponse:
        return commands.CloseResponse(self.outcome)


class RosterEntry(RequestModel):
    skills: tuple[Skill, ...] = Field(max_length=len(Skill))
    is_on_duty: bool

    def command(self) -> commands.RosterClinician:
        return commands.RosterClinician(self.skills, self.is_on_duty)
