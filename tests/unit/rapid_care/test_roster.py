"""The roster and the choice of a clinician."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from services.rapid_care.commands import RosterClinician
from services.rapid_care.domain.dispatch import CrisisPlan, assign, go_off_duty, hand_back
from services.rapid_care.domain.policy import Policy
from services.rapid_care.domain.response import IN_CARE, ResponseDeadline, Status
from services.rapid_care.domain.roster import ClinicianOffDuty, NoClinicianAvailable, SkillMissing, choose, enter, fitting_skill
from shared.contracts.codes import Condition
from shared.contracts.rapid_care import ResponseAssigned, ResponseUnassigned, Skill, UnassignReason
from shared.kernel.decision import Deadline
from shared.kernel.errors import IllegalTransition
from shared.kernel.ids import new_id
from tests.builders.rapid_care import NURSE, a_clinician, a_response, at

POLICY = Policy()

clinicians = st.builds(
    a_clinician,
    id=st.sampled_from("abcdefgh"),
    skills=st.lists(st.sampled_from(Skill), unique=True).map(tuple),
    is_on_duty=st.booleans(),
    open_responses=st.integers(0, 5),
)


@pytest.mark.parametrize("condition", Condition)
def test_every_condition_has_a_needed_skill(condition: Condition) -> None:
    assert POLICY.needed_skills[condition]


def test_best_fitting_skill_is_chosen() -> None:
    both = a_clinician(skills=(Skill.EMERGENCY_NURSE_PRACTITIONER, Skill.COMMUNITY_NURSE))

    assert fitting_skill(both, Condition.END_OF_LIFE, POLICY) is Skill.COMMUNITY_NURSE
    assert fitting_skill(both, Condition.PNEUMONIA, POLICY) is Skill.EMERGENCY_NURSE_PRACTITIONER


def test_clinician_off_duty_or_unskilled_is_refused() -> None:
    with pytest.raises(ClinicianOffDuty):
        fitting_skill(a_clinician(is_on_duty=False), Condition.FALL, POLICY)
    with pytest.raises(SkillMissing):
        fitting_skill(a_clinician(skills=(Skill.SOCIAL_WORKER,)), Condition.FALL, POLICY)


def test_best_skill_decides_between_equal_loads() -> None:
    nurse, consultant = a_clinician(id="b"), a_clinician(id="a", skills=(Skill.CONSULTANT_COVER,))

    assert choose([consultant, nurse], Condition.COPD, POLICY) is nurse
    assert choose([consultant, replace(nurse, open_responses=1)], Condition.COPD, POLICY) is consultant


@pytest.mark.parametrize(
    "numbers",
    [
        {"timezone": "Europe/Barnet"},
        {"opens": "22:00"},
        {"at_risk_after": ["PT2H"]},
        {"needed_skills": {"fall": ["emergency-nurse-practitioner"]}},
        {"capacity_low": 201},
        {"avoidance_confirmed_after": "PT0S"},
    ],
    ids=lambda numbers: next(iter(numbers)),
)
def test_contradictory_policy_is_refused(numbers: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Policy).validate_python(numbers)


@given(st.lists(clinicians, max_size=8), st.sampled_from(Condition))
def test_chosen_clinician_is_able_and_least_loaded(roster: list[object], condition: Condition) -> None:
    able = [each for each in roster if each.is_on_duty and set(each.skills) & set(POLICY.needed_skills[condition])]  # type: ignore[attr-defined]
    if not able:
        with pytest.raises(NoClinicianAvailable):
            choose(roster, condition, POLICY)  # type: ignore[arg-type]
        return

    chosen = choose(roster, condition, POLICY)  # type: ignore[arg-type]

    assert chosen in able
    assert chosen.open_responses == min(each.open_responses for each in able)  # type: ignore[attr-defined]


@pytest.mark.acceptance("rapid_care-10")
def test_assignment_names_crisis_plan_shown() -> None:
    plan = CrisisPlan(new_id(), 3)

    event = assign(a_response(status=Status.ACCEPTED), a_clinician(), plan, POLICY, at("15:00")).events[0]

    assert isinstance(event, ResponseAssigned)
    assert (event.care_plan_id, event.care_plan_version, event.skill) == (plan.care_plan_id, 3, Skill.EMERGENCY_NURSE_PRACTITIONER)


@pytest.mark.acceptance("rapid_care-4")
def test_reassignment_keeps_deadline() -> None:
    response = a_response(status=Status.EN_ROUTE)

    decision = assign(response, a_clinician(id="nurse-2"), None, POLICY, at("15:00"))

    assert (decision.state.clinician_id, decision.state.due_at, decision.state.status) == ("nurse-2", response.due_at, Status.ASSIGNED)
    assert (list(decision.deadlines), list(decision.cancels)) == ([], [])


@pytest.mark.parametrize("status", [Status.ASSIGNED, Status.EN_ROUTE])
def test_response_without_clinician_before_contact_is_accepted(status: Status) -> None:
    decision = hand_back(a_response(status=status), POLICY, at("15:00"))

    assert (decision.state.status, decision.state.clinician_id) == (Status.ACCEPTED, None)
    assert decision.events == [ResponseUnassigned(clinician_id=NURSE, reason=UnassignReason.HANDED_BACK)]
    assert decision.deadlines == [Deadline(ResponseDeadline.ASSIGNMENT, at("15:15"))]


@pytest.mark.parametrize("status", IN_CARE)
def test_response_without_clinician_in_care_keeps_status(status: Status) -> None:
    decision = go_off_duty(a_response(status=status), POLICY, at("15:00"))

    assert (decision.state.status, decision.state.clinician_id) == (status, None)
    assert decision.events == [ResponseUnassigned(clinician_id=NURSE, reason=UnassignReason.OFF_DUTY)]
    assert decision.deadlines == [Deadline(ResponseDeadline.ASSIGNMENT, at("17:00"))]
    with pytest.raises(IllegalTransition):
        hand_back(decision.state, POLICY, at("15:00"))


@pytest.mark.parametrize("status", IN_CARE)
def test_assignment_in_care_changes_clinician_and_not_status(status: Status) -> None:
    unassigned = go_off_duty(a_response(status=status), POLICY, at("15:00")).state

    decision = assign(unassigned, a_clinician(id="nurse-2"), None, POLICY, at("15:10"))

    assert (decision.state.status, decision.state.clinician_id) == (status, "nurse-2")
    assert decision.cancels == [ResponseDeadline.ASSIGNMENT]


def test_unchanged_roster_entry_keeps_version() -> None:
    known = a_clinician(open_responses=2)

    unchanged = enter(known, known.id, RosterClinician(known.skills, is_on_duty=True))
    off_duty = enter(known, known.id, RosterClinician(known.skills, is_on_duty=False))

    assert unchanged == known
    assert off_duty == replace(known, is_on_duty=False, version=2)
    assert enter(None, "nurse-9", RosterClinician((), is_on_duty=True)).version == 1
