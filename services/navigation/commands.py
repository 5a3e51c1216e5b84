"""What may be asked of care navigation."""

from dataclasses import dataclass
from datetime import datetime

from shared.contracts.codes import Locality, Role
from shared.contracts.navigation import BlockReason, CancelReason, EscalationReason, ReassignReason, RescheduleReason, TaskOutcome


@dataclass(frozen=True, slots=True)
class AssignTask:
    """Out of the queue, into the feed of one navigator."""

    navigator_id: str


@dataclass(frozen=True, slots=True)
class AcknowledgeTask:
    """The navigator has seen it."""


@dataclass(frozen=True, slots=True)
class BeginTask:
    """Work on it begins."""


@dataclass(frozen=True, slots=True)
class FulfilTask:
    """It is done; the outcome says how."""

    outcome: TaskOutcome


@dataclass(frozen=True, slots=True)
class BlockTask:
    """It cannot go on; the reason goes to the accountable lead professional."""

    reason: BlockReason


@dataclass(frozen=True, slots=True)
class EscalateTask:
    """Work goes on, but the accountable lead professional must know now."""

    reason: EscalationReason


@dataclass(frozen=True, slots=True)
class ResumeTask:
    """What was in its way is gone."""


@dataclass(frozen=True, slots=True)
class ReassignTask:
    """Another navigator does it from now on."""

    navigator_id: str
    reason: ReassignReason


@dataclass(frozen=True, slots=True)
class RescheduleTask:
    """It is due at another time."""

    due_at: datetime
    reason: RescheduleReason


@dataclass(frozen=True, slots=True)
class CancelTask:
    """It is no longer needed."""

    reason: CancelReason


@dataclass(frozen=True, slots=True)
class RegisterNavigator:
    """Somebody works here, in this locality and role."""

    locality: Locality
    role: Role


@dataclass(frozen=True, slots=True)
class DeclareAvailability:
    """The navigator is there, or away; an absence may say until when."""

    is_available: bool
    until: datetime | None = None
