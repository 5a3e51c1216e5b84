"""Assignment and departure of a clinician. A new assignment never moves the deadline (rapid_care-4)."""

from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from services.rapid_care.commands import AssignClinician, Depart
from services.rapid_care.domain.policy import Policy
from services.rapid_care.domain.response import RESPONSE, Response, Status
from services.rapid_care.domain.roster import Clinician, fitting_skill
from shared.contracts.rapid_care import ResponseAssigned, ResponseEnRoute
from shared.kernel.decision import Decision
from shared.kernel.state_table import require_transition


@dataclass(frozen=True, slots=True)
class CrisisPlan:
    """The care plan and its version that an assignment shows."""

    care_plan_id: UUID
    plan_version: int


def assign(response: Response, clinician: Clinician, plan: CrisisPlan | None, policy: Policy) -> Decision[Response]:
    """A clinician on duty with a needed skill goes, and sees the crisis plan if there is one.

    Raises IllegalTransition, ClinicianOffDuty, SkillMissing.
    """
    require_transition(response.status, AssignClinician, RESPONSE)
    event = ResponseAssigned(
        clinician_id=clinician.id,
        skill=fitting_skill(clinician, response.condition, policy),
        care_plan_id=plan.care_plan_id if plan else None,
        care_plan_version=plan.plan_version if plan else None,
    )
    return Decision(replace(response, status=Status.ASSIGNED, clinician_id=clinician.id), [event])


def depart(response: Response, now: datetime) -> Decision[Response]:
    """The clinician sets out."""
    require_transition(response.status, Depart, RESPONSE)
    assert response.clinician_id is not None  # noqa: S101  an assigned response has a clinician
    return Decision(replace(response, status=Status.EN_ROUTE), [ResponseEnRoute(clinician_id=response.clinician_id, left_at=now)])
