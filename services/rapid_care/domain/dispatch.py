"""Assignment and departure of a clinician, and the return of a response to the coordinator.

No assignment moves the deadline of the clock (rapid_care-4). Before the contact a response without clinician is accepted; in care it keeps
its state. In both cases a coordinator assigns another clinician within minutes or hours.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from services.rapid_care.commands import AssignClinician, Depart, HandBackResponse
from services.rapid_care.domain.duties import advance
from services.rapid_care.domain.policy import Policy
from services.rapid_care.domain.response import IN_CARE, RESPONSE, Occurrence, Response, Status, require_permitted
from services.rapid_care.domain.roster import Clinician, fitting_skill
from shared.contracts.codes import Condition
from shared.contracts.rapid_care import ResponseAssigned, ResponseConditionSet, ResponseEnRoute, ResponseUnassigned, UnassignReason
from shared.contracts.referrals import ReferralConditionSet
from shared.kernel.decision import Decision
from shared.kernel.state_table import require_transition


@dataclass(frozen=True, slots=True)
class CrisisPlan:
    """The care plan and its version that an assignment shows."""

    care_plan_id: UUID
    plan_version: int


def assign(response: Response, clinician: Clinician, plan: CrisisPlan | None, policy: Policy, now: datetime) -> Decision[Response]:
    """A clinician on duty with a needed skill has the response, and sees the crisis plan if there is one.

    In care the clinician changes and the state does not. Raises IllegalTransition, ClinicianOffDuty, SkillMissing.
    """
    require_transition(response.status, AssignClinician, RESPONSE)
    event = ResponseAssigned(
        clinician_id=clinician.id,
        skill=fitting_skill(clinician, response.condition, policy),
        care_plan_id=plan.care_plan_id if plan else None,
        care_plan_version=plan.plan_version if plan else None,
    )
    status = response.status if response.status in IN_CARE else Status.ASSIGNED
    return advance(response, Decision(replace(response, status=status, clinician_id=clinician.id), [event]), policy, now)


def hand_back(response: Response, policy: Policy, now: datetime) -> Decision[Response]:
    """The clinician cannot go on. Raises IllegalTransition, also when no clinician has the response."""
    require_permitted(response, HandBackResponse)
    return _unassign(response, UnassignReason.HANDED_BACK, policy, now)


def go_off_duty(response: Response, policy: Policy, now: datetime) -> Decision[Response]:
    """The clinician of the response goes off duty, and the response goes back to the coordinator."""
    require_transition(response.status, Occurrence.CLINICIAN_OFF_DUTY, RESPONSE)
    return _unassign(response, UnassignReason.OFF_DUTY, policy, now)


def set_condition(response: Response, condition: Condition) -> Decision[Response]:
    """The condition is known, or was corrected: the next assignment needs a skill for it. Raises IllegalTransition.

    A clinician who was assigned before keeps the response: the coordinator sees the condition, and assigns another where needed.
    """
    require_transition(response.status, ReferralConditionSet.TYPE, RESPONSE)
    called = None if response.call_condition is condition else response.call_condition
    changed = replace(response, condition=condition, call_condition=called)
    return Decision(changed, [ResponseConditionSet(referral_id=response.referral_id, condition=condition)])


def depart(response: Response, command: Depart, now: datetime) -> Decision[Response]:
    """The clinician sets out, also a colleague of the assigned one, who has the response from then on."""
    require_transition(response.status, Depart, RESPONSE)
    clinician_id = command.clinician_id or response.clinician_id
    assert clinician_id is not None  # noqa: S101  an assigned response has a clinician
    sent = replace(response, status=Status.EN_ROUTE, clinician_id=clinician_id)
    return Decision(sent, [ResponseEnRoute(clinician_id=clinician_id, left_at=now)])


def _unassign(response: Response, reason: UnassignReason, policy: Policy, now: datetime) -> Decision[Response]:
    assert response.clinician_id is not None  # noqa: S101  the callers have checked it
    event = ResponseUnassigned(clinician_id=response.clinician_id, reason=reason)
    status = response.status if response.status in IN_CARE else Status.ACCEPTED
    return advance(response, Decision(replace(response, status=status, clinician_id=None), [event]), policy, now)
