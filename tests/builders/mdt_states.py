"""Meetings, cases, plans and leads as values, for tests of rules without a database."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from services.mdt.commands import ActionAgreed, DiscussCase, JointPlan, LeadCandidate, LeadProposal
from services.mdt.domain import care_plan, case, lead, meeting
from services.mdt.domain.care_plan import CarePlan, PlanVersion
from services.mdt.domain.case import Case
from services.mdt.domain.lead import Lead
from services.mdt.domain.meeting import AgendaSlot, Meeting, Slot
from services.mdt.domain.policy import Policy
from shared.contracts.care_plans import CrisisSection, PlanAction
from shared.contracts.codes import Locality, PlaceOfCare, Role, TaskKind
from shared.kernel.ids import PersonId, new_id

POLICY = Policy()
#: The Monday of a week without a bank holiday, and the meeting's time in it.
WEEK = date(2015, 3, 2)
STARTS_AT = datetime(2015, 3, 4, 13, tzinfo=UTC)
CUT_OFF_AT = datetime(2015, 3, 2, 13, tzinfo=UTC)


def a_meeting(**changes: Any) -> Meeting:
    """The scheduled meeting of that week."""
    fields: dict[str, Any] = {
        "id": meeting.meeting_id(WEEK),
        "correlation_id": meeting.meeting_id(WEEK),
        "status": meeting.Status.SCHEDULED,
        "week": WEEK,
        "starts_at": STARTS_AT,
        "cut_off_at": CUT_OFF_AT,
        "version": 1,
    }
    return Meeting(**(fields | changes))


def a_slot(**changes: Any) -> AgendaSlot:
    fields: dict[str, Any] = {"meeting_id": meeting.meeting_id(WEEK), "starts_at": STARTS_AT, "slot": Slot.ORDINARY}
    return AgendaSlot(**(fields | changes))


def a_case(status: case.Status = case.Status.LISTED, **changes: Any) -> Case:
    """A case in a status, by default listed for the meeting of that week."""
    fields: dict[str, Any] = {
        "id": new_id(),
        "person_id": PersonId(new_id()),
        "correlation_id": new_id(),
        "status": status,
        "practice_code": "W07",
        "locality": Locality.WEST,
        "is_urgent": False,
        "referred_at": CUT_OFF_AT - timedelta(days=3),
        "version": 3,
    }
    if status is case.Status.LISTED:
        fields |= {"meeting_id": meeting.meeting_id(WEEK), "meeting_starts_at": STARTS_AT, "slot": Slot.ORDINARY}
    return Case(**(fields | changes))


def a_joint_plan(**changes: Any) -> JointPlan:
    fields: dict[str, Any] = {
        "what_matters": "To stay at home.",
        "preferred_place_of_care": PlaceOfCare.HOME,
        "crisis": CrisisSection(warning_signs="Confusion.", what_to_do="Treat at home.", whom_to_call="Rapid Care."),
    }
    return JointPlan(**(fields | changes))


def an_agreed_action(**changes: Any) -> ActionAgreed:
    fields: dict[str, Any] = {
        "kind": TaskKind.SIGNPOST,
        "owner_role": Role.CARE_NAVIGATOR,
        "due_on": STARTS_AT.date() + timedelta(weeks=1),
    }
    return ActionAgreed(**(fields | changes))


def a_candidate(professional_id: str = "clch-community-nurse-1", **changes: Any) -> LeadCandidate:
    fields: dict[str, Any] = {"professional_id": professional_id, "role": Role.COMMUNITY_NURSE, "organisation": "CLCH"}
    return LeadCandidate(**(fields | changes))


def a_proposal(professional_id: str = "clch-community-nurse-1", **changes: Any) -> LeadProposal:
    return LeadProposal(a_candidate(professional_id), **changes)


def a_discussion_command(**changes: Any) -> DiscussCase:
    fields: dict[str, Any] = {"joint_plan": a_joint_plan(), "actions": (an_agreed_action(),), "lead": a_proposal()}
    return DiscussCase(**(fields | changes))


def a_version(number: int = 1, **changes: Any) -> PlanVersion:
    action = PlanAction(
        action_id=new_id(), kind=TaskKind.SIGNPOST, owner_role=Role.CARE_NAVIGATOR, due_on=STARTS_AT.date() + timedelta(weeks=1)
    )
    fields: dict[str, Any] = {
        "number": number,
        "joint_plan": a_joint_plan(),
        "actions": (action,),
        "review_on": STARTS_AT.date() + timedelta(weeks=12),
        "offered_at": STARTS_AT,
    }
    return PlanVersion(**(fields | changes))


def a_new_plan() -> CarePlan:
    """A plan without a version."""
    return care_plan.first_plan(plan_id=new_id(), person_id=PersonId(new_id()), correlation_id=new_id(), locality=Locality.WEST)


def a_plan(status: care_plan.Status = care_plan.Status.AGREED, **changes: Any) -> CarePlan:
    """A care plan in a status, by default in force."""
    version = a_version()
    fields: dict[str, Any] = {
        "id": new_id(),
        "person_id": PersonId(new_id()),
        "correlation_id": new_id(),
        "status": status,
        "locality": Locality.WEST,
        "plan_version": 1,
        "offered": version if status is care_plan.Status.OFFERED else None,
        "in_force": version if status in {care_plan.Status.AGREED, care_plan.Status.REVIEW_DUE} else None,
        "version": 2,
    }
    return CarePlan(**(fields | changes))


def a_lead_of(status: lead.Status = lead.Status.ACTIVE, professional_id: str = "clch-community-nurse-1", **changes: Any) -> Lead:
    fields: dict[str, Any] = {
        "id": new_id(),
        "person_id": PersonId(new_id()),
        "correlation_id": new_id(),
        "status": status,
        "professional_id": professional_id,
        "role": Role.COMMUNITY_NURSE,
        "organisation": "CLCH",
        "practice_code": "W07",
        "answer_by": STARTS_AT + timedelta(days=2),
        "version": 1,
    }
    return Lead(**(fields | changes))
