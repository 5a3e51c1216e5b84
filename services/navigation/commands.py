"""Commands of care navigation."""

from dataclasses import dataclass
from datetime import datetime

from shared.contracts.codes import Locality, Role
from shared.contracts.navigation import BlockReason, CancelReason, EscalationReason, ReassignReason, RescheduleReason, TaskOutcome


@dataclass(frozen=True, slots=True)
class AssignTask:
    """Assigns a task of the queue to one navigator."""

    navigator_id: str


@dataclass(frozen=True, slots=True)
class AcknowledgeTask:
    """The navigator acknowledges the task."""


@dataclass(frozen=True, slots=True)
class StartTask:
    """The navigator starts the task."""


@dataclass(frozen=True, slots=True)
class FulfilTask:
    """The task is done, with an outcome."""

    outcome: TaskOutcome


@dataclass(frozen=True, slots=True)
class BlockTask:
    """The task cannot proceed; the accountable lead is notified of the reason."""

    reason: BlockReason


@dataclass(frozen=True, slots=True)
class EscalateTask:
    """Escalates to the accountable lead while the work continues."""

    reason: EscalationReason


@dataclass(frozen=True, slots=True)
class UnblockTask:
    """The obstacle is removed, and work continues."""


@dataclass(frozen=True, slots=True)
class ReassignTask:
    """Another navigator takes the task over."""

    navigator_id: str
    reason: ReassignReason


@dataclass(frozen=True, slots=True)
class RescheduleTask:
    """The task gets another due time."""

    due_at: datetime
    reason: RescheduleReason


@dataclass(frozen=True, slots=True)
class CancelTask:
    """Ends the task without an outcome; its source learns of it."""

    reason: CancelReason


@dataclass(frozen=True, slots=True)
class CancelHomeCheck:
    """The home check is not needed, or its day of discharge was wrong."""

    reason: CancelReason


@dataclass(frozen=True, slots=True)
class RegisterNavigator:
    """Registers a navigator in a locality and role, or moves them."""

    locality: Locality
    role: Role


@dataclass(frozen=True, slots=True)
class DeclareAvailability:
    """The navigator is available, or away; `until` ends an absence."""

    is_available: bool
    until: datetime | None = None
