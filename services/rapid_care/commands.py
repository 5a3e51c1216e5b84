"""What may be asked of Rapid Care."""

from dataclasses import dataclass
from datetime import datetime

from shared.contracts.codes import StepDown
from shared.contracts.rapid_care import ContactMode, DeclineReason, Need, PackageItem, ResponseOutcome, Skill


@dataclass(frozen=True, slots=True)
class AcceptResponse:
    """Rapid Care takes it."""


@dataclass(frozen=True, slots=True)
class DeclineResponse:
    """Rapid Care gives it back to the Community Point of Access."""

    reason: DeclineReason


@dataclass(frozen=True, slots=True)
class AssignClinician:
    """Somebody with the needed skill goes; the one before, if any, no longer does. Without a name, whoever has fewest visits open."""

    clinician_id: str | None = None


@dataclass(frozen=True, slots=True)
class Depart:
    """The clinician sets out."""


@dataclass(frozen=True, slots=True)
class RecordFirstContact:
    """A clinician reached the person, at the time that the clinician states."""

    contacted_at: datetime
    mode: ContactMode = ContactMode.FACE_TO_FACE


@dataclass(frozen=True, slots=True)
class RecordAssessment:
    """Health and social need, assessed together."""

    health_needs: tuple[Need, ...]
    social_needs: tuple[Need, ...]


@dataclass(frozen=True, slots=True)
class AgreePackage:
    """Care at home from the named providers."""

    items: tuple[PackageItem, ...]


@dataclass(frozen=True, slots=True)
class StepDownResponse:
    """The crisis is over; somebody else carries on."""

    destination: StepDown


@dataclass(frozen=True, slots=True)
class CloseResponse:
    """It ends with a stated outcome."""

    outcome: ResponseOutcome


@dataclass(frozen=True, slots=True)
class RosterClinician:
    """What somebody can do, and whether they are there now."""

    skills: tuple[Skill, ...]
    is_on_duty: bool
