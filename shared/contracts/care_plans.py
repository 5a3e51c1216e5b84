"""Events of care plans."""

from uuid import UUID

from shared.contracts.codes import Locality, PlaceOfCare, ReviewTrigger, Role, TaskKind
from shared.contracts.event import Code, Day, Event, Value
from shared.contracts.input_types import LongText


class PlanAction(Value):
    """One action of a plan, with one owner and a due day (AC12)."""

    action_id: UUID
    kind: TaskKind
    owner_role: Role
    due_on: Day
    service_code: Code | None = None


class CarePlanOffered(Event):
    """A care plan was offered to the person."""

    TYPE = "mdt.care-plan.offered.v1"
    TOPIC = "mdt.care-plan"
    PUBLIC = True


class CarePlanDeclined(Event):
    """The person declined; the next review offers the plan again. `referral_ids` are the referrals that this answers."""

    TYPE = "mdt.care-plan.declined.v1"
    TOPIC = "mdt.care-plan"

    referral_ids: tuple[UUID, ...] = ()


class _PlanInForce(Event):
    """The content of a version that the person agreed to."""

    plan_version: int
    preferred_place_of_care: PlaceOfCare
    has_crisis_section: bool
    review_on: Day
    locality: Locality | None
    actions: tuple[PlanAction, ...]
    referral_ids: tuple[UUID, ...] = ()


class CarePlanAgreed(_PlanInForce):
    """The person and the professionals agreed the plan; it is active. `referral_ids` are the referrals that this answers."""

    TYPE = "mdt.care-plan.agreed.v1"
    TOPIC = "mdt.care-plan"


class CarePlanRevised(_PlanInForce):
    """A new version replaced the previous one, which stays readable. `actions` is the complete current list.

    `referral_ids` are the referrals that this answers.
    """

    TYPE = "mdt.care-plan.revised.v1"
    TOPIC = "mdt.care-plan"


class CarePlanReviewDue(Event):
    """A review of the plan is due."""

    TYPE = "mdt.care-plan.review-due.v1"
    TOPIC = "mdt.care-plan"
    PUBLIC = True

    trigger: ReviewTrigger


class CarePlanEnacted(Event):
    """A rapid response used the crisis section."""

    TYPE = "mdt.care-plan.enacted.v1"
    TOPIC = "mdt.care-plan"

    plan_version: int
    response_id: UUID


class CarePlanActionFulfilled(Event):
    """An action is done: a navigator's task was fulfilled, or the lead recorded it."""

    TYPE = "mdt.care-plan.action-fulfilled.v1"
    TOPIC = "mdt.care-plan"
    PUBLIC = True

    action_id: UUID


class CarePlanActionReturned(Event):
    """A navigator's task for the action was cancelled. The action is the lead's until another owner has it."""

    TYPE = "mdt.care-plan.action-returned.v1"
    TOPIC = "mdt.care-plan"
    PUBLIC = True

    action_id: UUID
    due_on: Day


class CarePlanReferralWithdrawn(Event):
    """The referral no longer waits for the person's answer to the plan; after a separation the case of its own person has it."""

    TYPE = "mdt.care-plan.referral-withdrawn.v1"
    TOPIC = "mdt.care-plan"
    PUBLIC = True

    referral_id: UUID


class CarePlanReopened(Event):
    """The plan had ended with a recorded death or move, which was a mistake. It is in force again."""

    TYPE = "mdt.care-plan.reopened.v1"
    TOPIC = "mdt.care-plan"
    PUBLIC = True


class CarePlanClosed(Event):
    """The plan ended, and its open tasks with it. `referral_ids` still awaited the person's answer."""

    TYPE = "mdt.care-plan.closed.v1"
    TOPIC = "mdt.care-plan"

    reason: Code
    referral_ids: tuple[UUID, ...] = ()


class CrisisSection(Value):
    """Instructions for a crisis, addressed to the clinician who visits."""

    warning_signs: LongText
    what_to_do: LongText
    whom_to_call: LongText


class CarePlanRecorded(Event):
    """The text of the plan for clinicians in a crisis. Restricted: its data is encrypted."""

    TYPE = "mdt.care-plan-record.recorded.v1"
    TOPIC = "mdt.care-plan-record"
    RESTRICTED = True

    care_plan_id: UUID
    plan_version: int
    preferred_place_of_care: PlaceOfCare
    what_matters: LongText
    crisis: CrisisSection | None
    preferred_place_of_death: PlaceOfCare | None = None
