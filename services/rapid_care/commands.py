"""Commands of Rapid Care."""

from dataclasses import dataclass
from datetime import datetime

from shared.contracts.codes import StepDown
from shared.contracts.rapid_care import ContactMode, DeclineReason, Need, PackageItem, ResponseOutcome, Skill


@dataclass(frozen=True, slots=True)
class AcceptResponse:
    """Rapid Care accepts the response."""


@dataclass(frozen=True, slots=True)
class DeclineResponse:
    """Rapid Care returns the referral to the Community Point of Access."""

    reason: DeclineReason


@dataclass(frozen=True, slots=True)
class AssignClinician:
    """A clinician with a needed skill goes, in place of any earlier one; without an id, the one with the fewest open responses."""

    clinician_id: str | None = None


@dataclass(frozen=True, slots=True)
class HandBackResponse:
    """The clinician cannot go on; a coordinator assigns another one."""


@dataclass(frozen=True, slots=True)
class AnswerCall:
    """Rapid Care has taken note of a second urgent call, and acts on it within the response."""


@dataclass(frozen=True, slots=True)
class Depart:
    """The clinician sets out: the named one has the response from then on; without an id, the assigned one."""

    clinician_id: str | None = None


@dataclass(frozen=True, slots=True)
class RecordFirstContact:
    """A clinician visited at the stated time. After a visit without access the next one is recorded in the same way.

    The named clinician has the response from then on; without an id, the assigned one visited.
    """

    contacted_at: datetime
    mode: ContactMode = ContactMode.FACE_TO_FACE
    clinician_id: str | None = None


@dataclass(frozen=True, slots=True)
class RecordAssessment:
    """Health and social needs, assessed together."""

    health_needs: tuple[Need, ...]
    social_needs: tuple[Need, ...]


@dataclass(frozen=True, slots=True)
class AgreePackage:
    """Care at home from the named providers."""

    items: tuple[PackageItem, ...]


@dataclass(frozen=True, slots=True)
class StepDownResponse:
    """The crisis is over; another service continues the care."""

    destination: StepDown


@dataclass(frozen=True, slots=True)
class CloseResponse:
    """The response ends with a stated outcome."""

    outcome: ResponseOutcome


@dataclass(frozen=True, slots=True)
class RosterClinician:
    """A clinician's skills, and whether the clinician is on duty."""

    skills: tuple[Skill, ...]
    is_on_duty: bool
