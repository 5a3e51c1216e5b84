"""Each trigger in each state is refused, or leads to a target of the state table. docs/states prints these tables."""

from collections.abc import Callable
from dataclasses import replace
from itertools import product
from typing import Any

import pytest

from services.mdt import commands
from services.mdt.domain import care_plan, case, case_end, lead, meeting, plan_end, risk
from services.mdt.domain.person_change import EndOfCare
from services.mdt.domain.table_16 import Standing
from shared.contracts.codes import Locality, Role, ScreeningOutcome, StepDown
from shared.contracts.mdt import CaseCloseReason, Destination, FindingDestination
from shared.contracts.meeting_reasons import DeferReason, FindingReason, MeetingCancelReason
from shared.contracts.persons import PersonChange
from shared.kernel.decision import Decision
from shared.kernel.errors import IllegalTransition
from shared.kernel.ids import new_id
from shared.kernel.state_table import Transitions, Trigger
from tests.builders.mdt_states import (
    POLICY,
    STARTS_AT,
    a_case,
    a_discussion_command,
    a_lead_of,
    a_meeting,
    a_plan,
    a_slot,
    a_version,
)
from tests.builders.risk import a_risk, a_score, assessed, scored_before

Act = Callable[[Any], Decision[Any] | None]


def _meeting_held(state: meeting.Meeting) -> Decision[Any]:
    return meeting.hold(state, commands.HoldMeeting(POLICY.quorum), now=STARTS_AT, policy=POLICY)


def _ended(state: meeting.Meeting) -> None:
    meeting.end(state)


def _live(deadline: care_plan.CarePlanDeadline) -> Act:
    return lambda state: care_plan.require_live(state, deadline)


def _review(trigger: Trigger) -> Act:
    return lambda state: care_plan.request_review(state, trigger, STARTS_AT, POLICY)


def _returned(state: care_plan.CarePlan) -> Decision[Any] | None:
    version = a_version()
    return care_plan.return_action(replace(state, in_force=version), version.actions[0].action_id, STARTS_AT, POLICY)


def _restored_plan(state: care_plan.CarePlan) -> Decision[Any]:
    return plan_end.restore(replace(state, ended=_ended_as(care_plan.Status.AGREED)), STARTS_AT, POLICY)


def _restored_case(state: case.Case) -> Decision[Any]:
    return case_end.restore(replace(state, ended=_ended_as(case.Status.LISTED)), a_slot(), screen_by=STARTS_AT)


def _restored_lead(state: lead.Lead) -> Decision[Any]:
    return lead.restore(replace(state, by_change=_ended_as(lead.Status.ACTIVE)), STARTS_AT, STARTS_AT)


def _restored_finding(state: risk.Risk) -> Decision[Any]:
    return risk.restore(replace(state, ended=_ended_as(risk.Status.FOUND)), STARTS_AT, POLICY)


def _returned_finding(state: risk.Risk) -> Decision[Any]:
    return risk.find_again(replace(state, ended=_ended_as(risk.Status.SCREENED)), STARTS_AT, POLICY)


def _unscreened_finding(state: risk.Risk) -> None:
    risk.require_unscreened(state)


def _ended_as(status: str) -> EndOfCare:
    return EndOfCare(PersonChange.DEATH, status, STARTS_AT)


def _overdue(state: care_plan.CarePlan) -> None:
    care_plan.overdue(state, STARTS_AT, STARTS_AT, POLICY)


def _fulfilled(trigger: Trigger) -> Act:
    action = a_version().actions[0].model_copy(update={"owner_role": Role.SOCIAL_WORKER})
    in_force = a_version(actions=(action,))
    return lambda state: care_plan.fulfil(replace(state, in_force=in_force), action.action_id, trigger)


def _screened_finding(state: risk.Risk) -> Decision[Any]:
    command = commands.ScreenFinding(FindingDestination.GP, FindingReason.KNOWN_TO_GP)
    return risk.screen(state, command, locality=Locality.WEST, now=STARTS_AT, policy=POLICY)


def _discuss(state: case.Case) -> Decision[Any]:
    case.meeting_of(state, a_discussion_command())
    return case.discuss(state, meeting_id=new_id(), care_plan_id=new_id(), lead_id=new_id(), actions=1)


def _referred_again(state: case.Case) -> Decision[Any]:
    slot = a_slot() if case.should_move(state, a_slot(), is_urgent=False) else None
    return case.refer_again(state, new_id(), is_urgent=False, standing=Standing(), slot=slot)


def _screened(state: case.Case) -> Decision[Any]:
    not_eligible = commands.ScreenCase(ScreeningOutcome.NOT_ELIGIBLE, destination=Destination.GP)
    case_end.redirect(state, not_eligible, STARTS_AT)
    return case.list_eligible(state, commands.ScreenCase(ScreeningOutcome.ELIGIBLE), a_slot())


def _unscreened(state: case.Case) -> None:
    case.require_unscreened(state)


def _handed_over(state: lead.Lead) -> Decision[Any]:
    lead.require_hand_over(state)
    return lead.hand_over(state, new_id())


MEETING: dict[Trigger, Act] = {
    commands.HoldMeeting: _meeting_held,
    commands.CancelMeeting: lambda state: meeting.cancel(
        state, commands.CancelMeeting(MeetingCancelReason.NO_CHAIR), next_meeting_id=new_id()
    ),
    meeting.MeetingDeadline.CUT_OFF: lambda state: meeting.cut_off(state, listed=3),
    meeting.MeetingDeadline.ROLL_OVER: _ended,
}
CASE: dict[Trigger, Act] = {
    commands.ScreenCase: _screened,
    commands.DeferCase: lambda state: case.defer(state, commands.DeferCase(DeferReason.MISSING_INFORMATION), a_slot(), POLICY),
    commands.DiscussCase: _discuss,
    commands.StepDownCase: lambda state: case.step_down(
        state, commands.StepDownCase(StepDown.GP), practice_code="W07", locality=Locality.WEST
    ),
    commands.CloseCase: lambda state: case_end.close(state, commands.CloseCase(CaseCloseReason.DIED), STARTS_AT),
    case.CaseDeadline.SCREENING: _unscreened,
    case.Occurrence.REFERRED_AGAIN: _referred_again,
    case.Occurrence.REFERRAL_WITHDRAWN: lambda state: case_end.withdraw(state, state.referral_ids[0], STARTS_AT),
    case.Occurrence.REVIEW_DUE: lambda state: case.list_for_review(state, a_slot()),
    case.Occurrence.KEPT_AS_URGENT: case.keep_as_urgent,
    case.Occurrence.ROLLED_OVER: lambda state: case.roll_over(state, "not-reached", a_slot()),
    case.Occurrence.CARE_ENDED: lambda state: case_end.end(state, PersonChange.MOVE, STARTS_AT),
    case.Occurrence.CARE_RESTORED: _restored_case,
    case.Occurrence.PLAN_RESTORED: lambda state: case_end.take_plan(state, new_id(), a_slot()),
}
CARE_PLAN: dict[Trigger, Act] = {
    commands.AgreePlan: lambda state: care_plan.agree(state, POLICY),
    commands.FulfilAction: _fulfilled(commands.FulfilAction),
    care_plan.CarePlanDeadline.ANSWER: _live(care_plan.CarePlanDeadline.ANSWER),
    care_plan.CarePlanDeadline.REVIEW_REMINDER: _live(care_plan.CarePlanDeadline.REVIEW_REMINDER),
    care_plan.CarePlanDeadline.ACTION: _overdue,
    care_plan.Occurrence.TASK_FULFILLED: _fulfilled(care_plan.Occurrence.TASK_FULFILLED),
    commands.DeclinePlan: care_plan.decline,
    commands.RequestReview: _review(commands.RequestReview),
    care_plan.CarePlanDeadline.REVIEW: _review(care_plan.CarePlanDeadline.REVIEW),
    care_plan.Occurrence.RAPID_CARE_CLOSED: _review(care_plan.Occurrence.RAPID_CARE_CLOSED),
    care_plan.Occurrence.RISK_LEVEL_CROSSED: _review(care_plan.Occurrence.RISK_LEVEL_CROSSED),
    care_plan.Occurrence.DISCUSSED: lambda state: care_plan.offer(state, a_version(2), is_agreed_by_person=True, policy=POLICY),
    care_plan.Occurrence.ENACTED: lambda state: care_plan.enact(state, plan_version=1, response_id=new_id()),
    care_plan.Occurrence.TASK_CANCELLED: _returned,
    care_plan.Occurrence.REFERRAL_WITHDRAWN: lambda state: plan_end.withdraw(state, new_id()),
    care_plan.Occurrence.CASE_CLOSED: lambda state: plan_end.close(state, CaseCloseReason.DIED, STARTS_AT),
    care_plan.Occurrence.CARE_RESTORED: _restored_plan,
}
LEAD: dict[Trigger, Act] = {
    commands.AcceptLead: lambda state: lead.accept(state, STARTS_AT),
    commands.DeclineLead: lambda state: lead.decline(state, "caseload"),
    commands.HandOverLead: _handed_over,
    lead.LeadDeadline.ANSWER: lead.expire,
    lead.Occurrence.SUCCEEDED: lambda state: lead.hand_over(state, new_id()),
    lead.Occurrence.ENDED: lambda state: lead.end_care(state, CaseCloseReason.DIED, STARTS_AT),
    lead.Occurrence.CARE_RESTORED: _restored_lead,
    lead.Occurrence.MERGED: lambda state: lead.end_by_merge(state, STARTS_AT),
    lead.Occurrence.SEPARATED: lambda state: lead.resume(state, new_id(), STARTS_AT),
}
RISK: dict[Trigger, Act] = {
    commands.ScreenFinding: _screened_finding,
    risk.RiskDeadline.SCREENING: _unscreened_finding,
    risk.RiskDeadline.WATCH: lambda state: risk.end_watch(state, STARTS_AT, POLICY),
    risk.Occurrence.CARE_ENDED: lambda state: risk.end(state, PersonChange.DEATH, STARTS_AT),
    risk.Occurrence.CARE_RESTORED: _restored_finding,
    risk.Occurrence.TASK_CANCELLED: lambda state: risk.reopen(state, STARTS_AT, POLICY),
    risk.Occurrence.PERSON_RETURNED: _returned_finding,
    risk.Occurrence.ROSE: lambda state: assessed(a_score("27.10"), scored_before("9.80"), state),
    risk.Occurrence.FELL: lambda state: assessed(a_score("1.00"), scored_before("9.80"), state),
}

MACHINES: list[tuple[Transitions, dict[Trigger, Act], list[Any]]] = [
    (meeting.MEETING, MEETING, [a_meeting(status=status) for status in meeting.Status]),
    (case.CASE, CASE, [a_case(status, referral_ids=(new_id(),)) for status in case.Status]),
    (care_plan.CARE_PLAN, CARE_PLAN, [a_plan(status) for status in care_plan.Status]),
    (lead.LEAD, LEAD, [a_lead_of(status) for status in lead.Status]),
    (risk.RISK, RISK, [a_risk(status=status) for status in risk.Status]),
]
TRIGGERS_IN_STATES = [
    (table, state, trigger, acts[trigger]) for table, acts, states in MACHINES for state, trigger in product(states, acts)
]


@pytest.mark.parametrize(("table", "state", "trigger", "act"), TRIGGERS_IN_STATES)
def test_transition_follows_its_table(table: Transitions, state: Any, trigger: Trigger, act: Act) -> None:
    row = table[trigger]
    if state.status not in row.sources:
        with pytest.raises(IllegalTransition):
            act(state)
        return

    decision = act(state)

    if decision is not None:
        assert decision.state.status in (row.targets or {state.status})
        assert decision.events
        assert {type(event) for event in decision.events} <= row.emits


@pytest.mark.parametrize(("table", "acts"), [(table, acts) for table, acts, _ in MACHINES])
def test_every_table_row_is_exercised(table: Transitions, acts: dict[Trigger, Act]) -> None:
    assert set(table) == set(acts)
