"""What the Care Navigation Service publishes: its tasks, and which navigators are there."""

from enum import StrEnum
from uuid import UUID

from shared.contracts.codes import Locality, Role, TaskKind
from shared.contracts.event import Code, Event, Instant


class TaskSource(StrEnum):
    """What a task came from."""

    CARE_PLAN = "care-plan"
    LEAD = "lead"
    RAPID_CARE = "rapid-care"
    REFERRAL = "referral"
    RISK = "risk"
    MDT = "mdt"
    HOSPITAL_DISCHARGE = "hospital-discharge"


class TaskOutcome(StrEnum):
    """How a task was fulfilled."""

    ARRANGED = "arranged"
    ADVICE_GIVEN = "advice-given"
    INFORMATION_GIVEN = "information-given"
    SIGNPOSTED = "signposted"
    CHECKED_WELL = "checked-well"
    CHECKED_CONCERN = "checked-concern"
    NOT_NEEDED = "not-needed"
    DECLINED_BY_PERSON = "declined-by-person"


class BlockReason(StrEnum):
    """Why a task cannot go on."""

    NO_SERVICE_AVAILABLE = "no-service-available"
    WAITING_LIST = "waiting-list"
    CANNOT_REACH_PERSON = "cannot-reach-person"
    PERSON_DECLINES = "person-declines"
    NEEDS_CLINICAL_DECISION = "needs-clinical-decision"
    FUNDING = "funding"


class EscalationReason(StrEnum):
    """Why a task is put before the lead without being blocked; a blocked one carries its BlockReason.

    The last three are a navigator's own judgement.
    """

    NOBODY_AVAILABLE = "no-clinician-available"
    NOT_ACKNOWLEDGED = "not-acknowledged"
    LONG_OVERDUE = "long-overdue"
    SAFETY_CONCERN = "safety-concern"
    PERSON_DETERIORATING = "person-deteriorating"
    CARER_STRAIN = "carer-strain"


class ReassignReason(StrEnum):
    """Why a task went to somebody else."""

    ABSENCE = "absence"
    WORKLOAD = "workload"
    CLOSER_TO_PERSON = "closer-to-person"
    PERSON_ASKED = "person-asked"


class RescheduleReason(StrEnum):
    """Why a due time was moved."""

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
    REFERRAL_CLOSED = "referral-closed"
    PERSON_DIED = "person-died"
    PERSON_MOVED_AWAY = "person-moved-away"
    CREATED_IN_ERROR = "created-in-error"


class TaskCreated(Event):
    """There is something to be done for a person. `source_id` is the plan, referral, response, lead, case or finding it came from.

    `service_code` is the service or destination to be arranged. Without a `locality` a coordinator hands it out.
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
    """A navigator has it in their feed."""

    TYPE = "navigation.task.assigned.v1"
    TOPIC = "navigation.task"
    PUBLIC = True

    navigator_id: Code
    due_at: Instant


class TaskAcknowledged(Event):
    """The navigator has seen it."""

    TYPE = "navigation.task.acknowledged.v1"
    TOPIC = "navigation.task"

    navigator_id: Code
    source: TaskSource
    source_id: UUID


class TaskBegun(Event):
    """Work on it goes on."""

    TYPE = "navigation.task.begun.v1"
    TOPIC = "navigation.task"
    PUBLIC = True

    navigator_id: Code


class TaskFulfilled(Event):
    """It is done, with an outcome; the lead is told."""

    TYPE = "navigation.task.fulfilled.v1"
    TOPIC = "navigation.task"

    kind: TaskKind
    source: TaskSource
    source_id: UUID
    outcome: TaskOutcome
    action_id: UUID | None = None


class TaskBlocked(Event):
    """It cannot go on; the lead is told why."""

    TYPE = "navigation.task.blocked.v1"
    TOPIC = "navigation.task"

    kind: TaskKind
    reason: BlockReason


class TaskReassigned(Event):
    """Another navigator has it, or it waits for one; its history and its due time stay."""

    TYPE = "navigation.task.reassigned.v1"
    TOPIC = "navigation.task"
    PUBLIC = True

    from_navigator_id: Code
    to_navigator_id: Code | None
    reason: Code


class TaskEscalated(Event):
    """It was put before the accountable lead professional, with an EscalationReason or, when it is blocked, its BlockReason."""

    TYPE = "navigation.task.escalated.v1"
    TOPIC = "navigation.task"

    kind: TaskKind
    reason: Code


class TaskRescheduled(Event):
    """It is due at another time than before."""

    TYPE = "navigation.task.rescheduled.v1"
    TOPIC = "navigation.task"
    PUBLIC = True

    from_due_at: Instant
    due_at: Instant
    reason: Code


class TaskOverdue(Event):
    """Its due time passed; once per due time."""

    TYPE = "navigation.task.overdue.v1"
    TOPIC = "navigation.task"

    kind: TaskKind
    due_at: Instant


class TaskCancelled(Event):
    """It is no longer needed."""

    TYPE = "navigation.task.cancelled.v1"
    TOPIC = "navigation.task"
    PUBLIC = True

    reason: Code


class NavigatorAvailabilityDeclared(Event):
    """A navigator is there, or away."""

    TYPE = "navigation.navigator.availability-declared.v1"
    TOPIC = "navigation.navigator"
    PUBLIC = True

    is_available: bool
    locality: Locality
    role: Role
