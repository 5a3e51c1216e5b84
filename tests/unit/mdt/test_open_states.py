"""After any sequence of commands, events and deadlines each open state has an owner, a live deadline and a command that leads on."""

from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from services.mdt.commands import CloseCase, DeferCase, FulfilAction, RequestReview, ScreenCase, ScreenFinding, StepDownCase
from services.mdt.domain import care_plan, case, case_end, plan_end, risk
from services.mdt.domain.care_plan import CarePlan, CarePlanDeadline
from services.mdt.domain.case import Case, CaseDeadline
from services.mdt.domain.notification import NEEDS_ANSWER, Kind, Notification, is_unanswered
from services.mdt.domain.risk import Risk, RiskDeadline
from services.mdt.domain.table_16 import Standing
from shared.contracts.care_plans import PlanAction
from shared.contracts.codes import Locality, Role, ScreeningOutcome, StepDown, TaskKind
from shared.contracts.mdt import CaseCloseReason, Destination, FindingDestination
from shared.contracts.meeting_reasons import DeferReason, FindingReason
from shared.contracts.persons import PersonChange
from shared.kernel.decision import Decision
from shared.kernel.errors import DomainError
from shared.kernel.ids import new_id
from shared.kernel.ownership import Owners
from shared.kernel.state_table import Transitions, Trigger, allowed_commands
from tests.builders.mdt_states import POLICY, STARTS_AT, a_case, a_joint_plan, a_new_plan, a_slot
from tests.builders.risk import a_score, assessed, scored_before

REASONS = st.sampled_from(CaseCloseReason)
CHANGES = st.sampled_from(PersonChange)
ROLES = st.sampled_from([Role.CARE_NAVIGATOR, Role.SOCIAL_WORKER])


class Aggregate(RuleBasedStateMachine):
    """One aggregate with the deadlines that its decisions set and cancel. The clock moves from deadline to deadline."""

    def __init__(self) -> None:
        super().__init__()
        self.now = STARTS_AT
        self.state: Any = None
        self.deadlines: set[tuple[str, datetime]] = set()

    def apply(self, decision: Decision[Any] | None) -> None:
        if decision is not None:
            self.state = replace(decision.state, version=decision.state.version + 1)
            self.deadlines = {each for each in self.deadlines if each[0] not in decision.cancels}
            self.set(*decision.deadlines)

    def set(self, *deadlines: Any) -> None:
        self.deadlines |= {(deadline.kind, deadline.due_at) for deadline in deadlines}

    def attempt(self, act: Any) -> None:
        """A refusal changes nothing."""
        with suppress(DomainError):
            self.apply(act())

    def next_deadline(self, late: timedelta) -> tuple[str, datetime]:
        kind, due_at = min(self.deadlines, key=lambda each: each[1])
        self.deadlines.remove((kind, due_at))
        self.now = max(self.now, due_at) + late
        return kind, due_at

    def is_live(self, kind: str) -> bool:
        return any(each == kind for each, _ in self.deadlines)

    def require_owned(self, owners: Owners, table: Transitions) -> None:
        """The deadline of an open state is pending; that of another aggregate is the matter of its own machine."""
        if self.state is None:
            return
        ownership = owners[self.state.status]
        if ownership is None:
            assert not self.deadlines, "a deadline of a state that is over"
            return
        assert ownership.subject != "id" or any(map(self.is_live, ownership.deadlines)), f"{self.state.status} has no deadline"
        assert getattr(self.state, ownership.subject), f"{self.state.status} has no {ownership.subject}"
        assert allowed_commands(self.state.status, table)


LATE = st.sampled_from([timedelta(), timedelta(hours=1), timedelta(days=12)])


class PlanMachine(Aggregate):
    state: CarePlan

    @initialize()
    def first(self) -> None:
        self.state = a_new_plan()
        self.discuss(owners=[Role.CARE_NAVIGATOR, Role.SOCIAL_WORKER], continues=False, agreed=None)

    @rule(owners=st.lists(ROLES, max_size=3), continues=st.booleans(), agreed=st.sampled_from([True, False, None]))
    def discuss(self, *, owners: list[Role], continues: bool, agreed: bool | None) -> None:
        due_on = POLICY.day_of(self.now) + timedelta(days=3)
        known = self.state.in_force.actions if continues and self.state.in_force else ()
        new = [PlanAction(action_id=new_id(), kind=TaskKind.SIGNPOST, owner_role=role, due_on=due_on) for role in owners]
        review_on = POLICY.day_of(self.now) + timedelta(weeks=12)
        version = care_plan.draft_version(self.state, a_joint_plan(), [*known, *new], review_on=review_on, now=self.now)
        self.attempt(lambda: care_plan.offer(self.state, version, is_agreed_by_person=agreed, policy=POLICY))

    @rule(agreed=st.booleans())
    def person_answers(self, *, agreed: bool) -> None:
        self.attempt(lambda: care_plan.answer(self.state, is_agreed_by_person=agreed, policy=POLICY))

    @rule(trigger=st.sampled_from([RequestReview, care_plan.Occurrence.RAPID_CARE_CLOSED, care_plan.Occurrence.RISK_LEVEL_CROSSED]))
    def review_is_requested(self, *, trigger: Trigger) -> None:
        self.attempt(lambda: care_plan.request_review(self.state, trigger, self.now, POLICY))

    @rule(data=st.data(), is_done=st.booleans())
    def task_ends(self, data: st.DataObject, *, is_done: bool) -> None:
        steps = care_plan.next_steps(self.state)
        if not steps:
            return
        action = data.draw(st.sampled_from(steps))
        if is_done:
            self.attempt(lambda: care_plan.fulfil(self.state, action.action_id, FulfilAction))
        else:
            self.attempt(lambda: care_plan.return_action(self.state, action.action_id, self.now, POLICY))

    @rule(reason=REASONS)
    def case_closes(self, *, reason: CaseCloseReason) -> None:
        self.attempt(lambda: plan_end.close(self.state, reason, self.now))

    @precondition(lambda self: self.state.ended)
    @rule()
    def change_was_a_mistake(self) -> None:
        self.apply(plan_end.restore(self.state, self.now, POLICY))

    @precondition(lambda self: self.deadlines)
    @rule(late=LATE)
    def deadline_passes(self, *, late: timedelta) -> None:
        kind, due_at = self.next_deadline(late)
        match kind:
            case CarePlanDeadline.REVIEW:
                self.apply(care_plan.request_review(self.state, CarePlanDeadline.REVIEW, self.now, POLICY))
            case CarePlanDeadline.REVIEW_REMINDER:
                care_plan.require_live(self.state, CarePlanDeadline.REVIEW_REMINDER)
                self.set(care_plan.review_reminder(self.now, POLICY))
            case CarePlanDeadline.ANSWER:
                care_plan.require_live(self.state, CarePlanDeadline.ANSWER)
                self.set(care_plan.answer_deadline(self.now, POLICY))
            case _:
                care_plan.overdue(self.state, due_at, self.now, POLICY)
                self.deadlines = {each for each in self.deadlines if each[0] != CarePlanDeadline.ACTION}
                self.set(*care_plan.reminders(self.state, self.now, POLICY))

    @invariant()
    def is_owned(self) -> None:
        self.require_owned(care_plan.CARE_PLAN_OWNERS, care_plan.CARE_PLAN)

    @invariant()
    def every_open_action_is_watched(self) -> None:
        if care_plan.CARE_PLAN_OWNERS[self.state.status] is None:
            return
        instants = [due_at for kind, due_at in self.deadlines if kind == CarePlanDeadline.ACTION]
        watched = {action.action_id for instant in instants for action in care_plan.overdue(self.state, instant, instant, POLICY)}
        assert {action.action_id for action in care_plan.next_steps(self.state)} <= watched


class CaseMachine(Aggregate):
    state: Case

    @initialize()
    def first(self) -> None:
        self.apply(case.refer(a_case(case.Status.REFERRED, referral_ids=(new_id(),)), Standing(), screen_by=self.screen_by()))

    def screen_by(self) -> datetime:
        return self.now + timedelta(days=2)

    @rule(eligible=st.booleans())
    def screen(self, *, eligible: bool) -> None:
        outcome = ScreeningOutcome.ELIGIBLE if eligible else ScreeningOutcome.NOT_ELIGIBLE
        command = ScreenCase(outcome, destination=Destination.GP)
        self.attempt(
            lambda: case.list_eligible(self.state, command, a_slot()) if eligible else case_end.redirect(self.state, command, self.now)
        )

    @rule(verb=st.sampled_from(["defer", "roll-over", "review", "step-down", "refer-again"]))
    def case_moves(self, *, verb: str) -> None:
        match verb:
            case "defer":
                self.attempt(lambda: case.defer(self.state, DeferCase(DeferReason.MISSING_INFORMATION), a_slot(), POLICY))
            case "roll-over":
                self.attempt(lambda: case.roll_over(self.state, "not-reached", a_slot()))
            case "review":
                self.attempt(lambda: case.list_for_review(self.state, a_slot()))
            case "step-down":
                command = StepDownCase(StepDown.GP)
                self.attempt(lambda: case.step_down(self.state, command, practice_code="W07", locality=Locality.WEST))
            case _:
                slot = a_slot() if case.should_move(self.state, a_slot(), is_urgent=False) else None
                self.attempt(lambda: case.refer_again(self.state, new_id(), is_urgent=False, standing=Standing(), slot=slot))

    @rule()
    def discuss(self) -> None:
        plan_id = self.state.care_plan_id or new_id()
        self.attempt(lambda: case.discuss(self.state, meeting_id=new_id(), care_plan_id=plan_id, lead_id=new_id(), actions=1))

    @rule(reason=REASONS)
    def close(self, *, reason: CaseCloseReason) -> None:
        self.attempt(lambda: case_end.close(self.state, CloseCase(reason), self.now))

    @rule(change=CHANGES)
    def person_changes(self, *, change: PersonChange) -> None:
        self.attempt(lambda: case_end.end(self.state, change, self.now))

    @rule(change=st.none() | CHANGES)
    def referral_ends(self, *, change: PersonChange | None) -> None:
        if self.state.referral_ids and self.state.status in case.OPEN:
            self.attempt(lambda: case_end.withdraw(self.state, self.state.referral_ids[0], self.now, change))

    @precondition(lambda self: self.state.ended)
    @rule()
    def change_was_a_mistake(self) -> None:
        slot = a_slot() if case_end.was_listed(self.state) else None
        self.apply(case_end.restore(self.state, slot, screen_by=self.screen_by()))

    @precondition(lambda self: self.deadlines)
    @rule(late=LATE)
    def deadline_passes(self, *, late: timedelta) -> None:
        self.next_deadline(late)
        case.require_unscreened(self.state)
        self.deadlines.add((CaseDeadline.SCREENING, self.screen_by()))

    @invariant()
    def is_owned(self) -> None:
        self.require_owned(case.CASE_OWNERS, case.CASE)


class FindingMachine(Aggregate):
    state: Risk

    @initialize()
    def first(self) -> None:
        self.apply(assessed(a_score("9.80")))

    @rule(ratio=st.sampled_from(["1.00", "9.80", "27.10", "50.00"]))
    def scores_arrive(self, *, ratio: str) -> None:
        earlier = scored_before(str(self.state.ratio))
        score = replace(a_score(ratio), person_id=self.state.person_id, ratio=Decimal(ratio))
        self.attempt(lambda: assessed(score, earlier, self.state))

    @rule(destination=st.sampled_from(FindingDestination))
    def screen(self, *, destination: FindingDestination) -> None:
        command = ScreenFinding(destination, FindingReason.COMPLEX_NEEDS)
        self.attempt(lambda: risk.screen(self.state, command, locality=Locality.WEST, now=self.now, policy=POLICY, case_id=new_id()))

    @rule(change=CHANGES)
    def person_changes(self, *, change: PersonChange) -> None:
        self.attempt(lambda: risk.end(self.state, change, self.now))

    @precondition(lambda self: self.state.ended)
    @rule()
    def change_was_a_mistake(self) -> None:
        self.apply(risk.restore(self.state, self.now, POLICY))

    @precondition(lambda self: self.state.ended)
    @rule()
    def person_returns(self) -> None:
        self.apply(risk.find_again(self.state, self.now, POLICY))

    @rule()
    def task_is_cancelled(self) -> None:
        self.attempt(lambda: risk.reopen(self.state, self.now, POLICY))

    @precondition(lambda self: self.deadlines)
    @rule(late=LATE)
    def deadline_passes(self, *, late: timedelta) -> None:
        kind, _ = self.next_deadline(late)
        if kind == RiskDeadline.WATCH:
            self.apply(risk.end_watch(self.state, self.now, POLICY))
        else:
            risk.require_unscreened(self.state)
            self.set(*risk.until_screened(self.state, self.now, POLICY))

    @invariant()
    def is_owned(self) -> None:
        self.require_owned(risk.RISK_OWNERS, risk.RISK)


TestPlanMachine, TestCaseMachine, TestFindingMachine = PlanMachine.TestCase, CaseMachine.TestCase, FindingMachine.TestCase
_SETTINGS = settings(max_examples=settings().max_examples * 2 // 5, stateful_step_count=20, deadline=None)
TestCaseMachine.settings = TestFindingMachine.settings = _SETTINGS
TestPlanMachine.settings = settings(_SETTINGS, max_examples=settings().max_examples // 5)


def test_thread_is_answered_by_its_first_acknowledgement() -> None:
    first = Notification(1, "clch-community-nurse-1", "CLCH", new_id(), Kind.CONCERN, new_id(), STARTS_AT, thread_id=new_id())
    again = replace(first, id=2, professional_id=POLICY.chair.id, is_escalated=True)

    assert is_unanswered([first, again])
    assert not is_unanswered([first, replace(again, acknowledged_at=STARTS_AT)])
    assert not is_unanswered([replace(first, acknowledged_at=STARTS_AT), again])


@pytest.mark.parametrize("kind", [Kind.CONCERN, Kind.TASK_ESCALATED, Kind.ACTION_RETURNED, Kind.NO_LEAD_FOUND, Kind.REDIRECTED])
def test_escalation_needs_an_answer(kind: Kind) -> None:
    assert NEEDS_ANSWER[kind]
