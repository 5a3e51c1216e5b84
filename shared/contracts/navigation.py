"""Events of the Care Navigation Service: tasks, and the availability of navigators."""

from enum import StrEnum
from uuid import UUID

from shared.contracts.codes import Locality, Role, TaskKind
from shared.contracts.event import Code, Event, Instant
from shared.kernel.totality import total


class TaskSource(StrEnum):
    """The origin of a task."""

    CARE_PLAN = "care-plan"
    LEAD = "lead"
    RAPID_CARE = "rapid-care"
    REFERRAL = "referral"
    RISK = "risk"
    MDT = "mdt"
    HOSPITAL_DISCHARGE = "hospital-discharge"
    PERSON = "person"


class TaskOutcome(StrEnum):
    """How a task ended for the person. `unable-to-contact`: the person was not reached, so that the need is not met."""

    ARRANGED = "arranged"
    ADVICE_GIVEN = "advice-given"
    INFORMATION_GIVEN = "information-given"
    SIGNPOSTED = "signposted"
    CHECKED_WELL = "checked-well"
    CHECKED_CONCERN = "checked-concern"
    NOT_NEEDED = "not-needed"
    UNABLE_TO_CONTACT = "unable-to-contact"
    DECLINED_BY_PERSON = "declined-by-person"
    PERSON_DIED = "person-died"
    PERSON_MOVED_AWAY = "person-moved-away"


class BlockReason(StrEnum):
    """Why a task is blocked."""

    NO_SERVICE_AVAILABLE = "no-service-available"
    WAITING_LIST = "waiting-list"
    CANNOT_REACH_PERSON = "cannot-reach-person"
    PERSON_DECLINES = "person-declines"
    NEEDS_CLINICAL_DECISION = "needs-clinical-decision"
    FUNDING = "funding"


class EscalationReason(StrEnum):
    """Why a task is escalated to the lead without being blocked; a blocked task has a BlockReason.

    The last three are concerns of a navigator.
    """

    NO_NAVIGATOR_AVAILABLE = "no-navigator-available"
    NOT_ACKNOWLEDGED = "not-acknowledged"
    LONG_OVERDUE = "long-overdue"
    SAFETY_CONCERN = "safety-concern"
    PERSON_DETERIORATING = "person-deteriorating"
    CARER_STRAIN = "carer-strain"


class ReassignReason(StrEnum):
    """Why a task was reassigned."""

    ABSENCE = "absence"
    WORKLOAD = "workload"
    CLOSER_TO_PERSON = "closer-to-person"
    PERSON_ASKED = "person-asked"


class RescheduleReason(StrEnum):
    """Why a task was rescheduled."""

    CARE_PLAN_REVISED = "care-plan-revised"
    SERVICE_DATE = "service-date"
    PERSON_ASKED = "person-asked"
    PERSON_IN_HOSPITAL = "person-in-hospital"


class CancelReason(StrEnum):
    """Why a task is no longer needed."""

    CARE_PLAN_CLOSED = "care-plan-closed"
    CARE_PLAN_REVISED = "care-plan-revised"
    REFERRAL_CANCELLED = "referral-cancelled"
    REFERRAL_REROUTED = "referral-rerouted"
    REFERRAL_RETURNED = "referral-returned"
    REFERRAL_RECALLED = "referral-recalled"
    REFERRAL_CLOSED = "referral-closed"
    PERSON_DIED = "person-died"
    PERSON_MOVED_AWAY = "person-moved-away"
    PERSON_RESTORED = "person-restored"
    CREATED_IN_ERROR = "created-in-error"
    DUPLICATE = "duplicate"
    NO_LONGER_NEEDED = "no-longer-needed"


#: Whether a coordinator decided it, which returns the referral or the plan's action to its owner. Any other reason follows the source.
_IS_COORDINATORS = total(
    CancelReason,
    {
        CancelReason.CARE_PLAN_CLOSED: False,
        CancelReason.CARE_PLAN_REVISED: False,
        CancelReason.REFERRAL_CANCELLED: False,
        CancelReason.REFERRAL_REROUTED: False,
        CancelReason.REFERRAL_RETURNED: False,
        CancelReason.REFERRAL_RECALLED: False,
        CancelReason.REFERRAL_CLOSED: False,
        CancelReason.PERSON_DIED: False,
        CancelReason.PERSON_MOVED_AWAY: False,
        CancelReason.PERSON_RESTORED: False,
        CancelReason.CREATED_IN_ERROR: True,
        CancelReason.DUPLICATE: True,
        CancelReason.NO_LONGER_NEEDED: True,
    },
)
COORDINATOR_REASONS = frozenset(reason for reason, is_coordinators in _IS_COORDINATORS.items() if is_coordinators)


class TaskCreated(Event):
    """A task exists for a person. `source_id` is the plan, referral, response, lead, case, finding, home check or person of its origin.

    `service_code` is the service or destination to arrange. A task without `locality` waits for a coordinator.
    """

    TYPE = "navigation.task.created.v1"
    TOPIC = "navigation.task"

    kind: TaskKind
    source: TaskSource
    source_id: UUID
    role: Role
    locality: Locality | None
    due_at: Instant
    action_id: UUID | None = None
    service_code: Code | None = None


class TaskAssigned(Event):
    """The task was assigned and is in the navigator's feed."""

    TYPE = "navigation.task.assigned.v1"
    TOPIC = "navigation.task"
    PUBLIC = True

    navigator_id: Code
    due_at: Instant


class TaskAcknowledged(Event):
    """The navigator acknowledged the task."""

    TYPE = "navigation.task.acknowledged.v1"
    TOPIC = "navigation.task"

    navigator_id: Code
    source: TaskSource
    source_id: UUID


class TaskBegun(Event):
    """Work on the task began, or continues after a block."""

    TYPE = "navigation.task.begun.v1"
    TOPIC = "navigation.task"
    PUBLIC = True

    navigator_id: Code


class TaskFulfilled(Event):
    """The task was fulfilled with an outcome; the lead is notified. `is_concern`: it leaves a concern, which is not met."""

    TYPE = "navigation.task.fulfilled.v1"
    TOPIC = "navigation.task"

    kind: TaskKind
    source: TaskSource
    source_id: UUID
    outcome: TaskOutcome
    action_id: UUID | None = None
    is_concern: bool = False


class TaskBlocked(Event):
    """The task is blocked; the lead is notified of the reason."""

    TYPE = "navigation.task.blocked.v1"
    TOPIC = "navigation.task"

    kind: TaskKind
    reason: BlockReason


class TaskReassigned(Event):
    """Another navigator has the task, or it waits for one; history and due time stay."""

    TYPE = "navigation.task.reassigned.v1"
    TOPIC = "navigation.task"
    PUBLIC = True

    from_navigator_id: Code
    to_navigator_id: Code | None
    reason: Code


class TaskEscalated(Event):
    """The task was escalated to the accountable lead, with an EscalationReason or, when blocked, its BlockReason.

    The event is repeated while no navigator has acknowledged the task, while it is blocked, and while it stays overdue.
    """

    TYPE = "navigation.task.escalated.v1"
    TOPIC = "navigation.task"

    kind: TaskKind
    reason: Code


class TaskRescheduled(Event):
    """The due time of the task changed."""

    TYPE = "navigation.task.rescheduled.v1"
    TOPIC = "navigation.task"
    PUBLIC = True

    from_due_at: Instant
    due_at: Instant
    reason: Code


class TaskOverdue(Event):
    """The due time passed; published once for each due time."""

    TYPE = "navigation.task.overdue.v1"
    TOPIC = "navigation.task"

    kind: TaskKind
    due_at: Instant


class TaskCancelled(Event):
    """The task ended without an outcome. Its source learns of it, and decides what follows for the person."""

    TYPE = "navigation.task.cancelled.v1"
    TOPIC = "navigation.task"

    kind: TaskKind
    source: TaskSource
    source_id: UUID
    reason: Code
    action_id: UUID | None = None


class TaskRestored(Event):
    """The task had ended with a recorded death or move, which was a mistake. It waits for a navigator again."""

    TYPE = "navigation.task.restored.v1"
    TOPIC = "navigation.task"
    PUBLIC = True

    due_at: Instant


class NavigatorAvailabilityDeclared(Event):
    """A navigator is available or away."""

    TYPE = "navigation.navigator.availability-declared.v1"
    TOPIC = "navigation.navigator"
    PUBLIC = True

    is_available: bool
    locality: Locality
    role: Role


class NavigatorReturnUnknown(Event):
    """The navigator is away without a day of return. The coordinator is asked for it, again and again until it is known."""

    TYPE = "navigation.navigator.return-unknown.v1"
    TOPIC = "navigation.navigator"
    PUBLIC = True

    locality: Locality
    role: Role
