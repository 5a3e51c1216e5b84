"""The care plan: offer, answer, review, revision, and use in a crisis."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.mdt.commands import FulfilAction, RequestReview
from services.mdt.domain import care_plan as domain
from services.mdt.domain import plan_end
from services.mdt.domain.care_plan import ActionOwnedByNavigator, ActionUnknown, CarePlanDeadline, Occurrence, Status
from services.mdt.domain.plan_schedule import review_day
from shared.contracts.care_plans import (
    CarePlanActionFulfilled,
    CarePlanAgreed,
    CarePlanClosed,
    CarePlanDeclined,
    CarePlanEnacted,
    CarePlanOffered,
    CarePlanRecorded,
    CarePlanReviewDue,
    CarePlanRevised,
)
from shared.contracts.codes import ReviewTrigger, RiskLevel, Role
from shared.contracts.mdt import CaseCloseReason
from shared.kernel.ids import new_id
from shared.kernel.state_table import Trigger
from tests.builders.mdt_states import POLICY, STARTS_AT, a_joint_plan, a_new_plan, a_plan, a_version, an_agreed_action

TODAY = date(2015, 3, 4)


def test_agreed_first_plan_is_offered_agreed_and_recorded() -> None:
    version = a_version()

    decision = domain.offer(a_new_plan(), version, is_agreed_by_person=True, policy=POLICY)

    assert [type(event) for event in decision.events] == [CarePlanOffered, CarePlanAgreed, CarePlanRecorded]
    assert (decision.state.status, decision.state.in_force, decision.state.offered) == (Status.AGREED, version, None)
    agreed = decision.events[1]
    assert isinstance(agreed, CarePlanAgreed)
    assert (agreed.plan_version, agreed.actions, agreed.has_crisis_section) == (1, version.actions, True)


def test_declined_plan_sets_review_deadline() -> None:
    decision = domain.offer(a_new_plan(), a_version(), is_agreed_by_person=False, policy=POLICY)

    assert [type(event) for event in decision.events] == [CarePlanOffered, CarePlanDeclined]
    assert decision.state.status is Status.DECLINED
    assert [deadline.kind for deadline in decision.deadlines] == [CarePlanDeadline.REVIEW]


def test_offered_plan_waits_for_answer() -> None:
    offered = domain.offer(a_new_plan(), a_version(), is_agreed_by_person=None, policy=POLICY).state

    agreed = domain.agree(offered, POLICY)

    assert (offered.status, offered.in_force) == (Status.OFFERED, None)
    assert [type(event) for event in agreed.events] == [CarePlanAgreed, CarePlanRecorded]
    assert agreed.state.in_force == offered.offered


def test_revision_replaces_plan_in_force() -> None:
    plan, second = a_plan(), a_version(2)

    decision = domain.offer(plan, second, is_agreed_by_person=True, policy=POLICY)

    assert [type(event) for event in decision.events] == [CarePlanRevised, CarePlanRecorded]
    assert (decision.state.in_force, decision.state.plan_version) == (second, 2)


@pytest.mark.parametrize("is_agreed_by_person", [None, False])
def test_agreed_plan_stays_in_force_until_revision_is_agreed(*, is_agreed_by_person: bool | None) -> None:
    plan = a_plan()

    after = domain.offer(plan, a_version(2), is_agreed_by_person=is_agreed_by_person, policy=POLICY).state

    assert after.in_force == plan.in_force


def test_plan_text_is_only_in_restricted_record() -> None:
    joint_plan = a_joint_plan(what_matters="To stay at home with Sally.")
    decision = domain.offer(a_new_plan(), a_version(joint_plan=joint_plan), is_agreed_by_person=True, policy=POLICY)

    public = [event.model_dump_json() for event in decision.events if isinstance(event, CarePlanOffered | CarePlanAgreed)]
    assert not any("Sally" in text for text in public)
    assert any(isinstance(event, CarePlanRecorded) and "Sally" in event.what_matters for event in decision.events)


@pytest.mark.parametrize(
    ("trigger", "reason"),
    [
        (RequestReview, ReviewTrigger.PERSON_ASKED),
        (CarePlanDeadline.REVIEW, ReviewTrigger.DUE_DATE),
        (Occurrence.RAPID_CARE_CLOSED, ReviewTrigger.RAPID_CARE_CLOSED),
        (Occurrence.RISK_LEVEL_CROSSED, ReviewTrigger.RISK_LEVEL_CROSSED),
    ],
)
def test_review_names_trigger_and_cancels_other_deadlines(trigger: Trigger, reason: ReviewTrigger) -> None:
    decision = domain.request_review(a_plan(), trigger, STARTS_AT, POLICY)

    assert decision.events == [CarePlanReviewDue(trigger=reason)]
    assert (decision.state.status, list(decision.cancels)) == (Status.REVIEW_DUE, [CarePlanDeadline.REVIEW, CarePlanDeadline.ANSWER])


def test_response_enacts_crisis_plan_once() -> None:
    plan, response_id = a_plan(), new_id()

    decision = domain.enact(plan, plan_version=1, response_id=response_id)

    assert decision is not None
    assert decision.events == [CarePlanEnacted(plan_version=1, response_id=response_id)]
    assert domain.enact(decision.state, plan_version=1, response_id=response_id) is None


@pytest.mark.parametrize(
    ("level", "is_resident", "review_on"),
    [
        (RiskLevel.VERY_HIGH, False, date(2015, 5, 27)),
        (RiskLevel.VERY_HIGH, True, date(2015, 5, 27)),
        (RiskLevel.HIGH, False, date(2015, 9, 2)),
        (RiskLevel.LOW, True, date(2015, 9, 2)),
    ],
)
def test_review_is_due_by_risk_after_weeks(*, level: RiskLevel, is_resident: bool, review_on: date) -> None:
    assert review_day(TODAY, level, is_care_home_resident=is_resident, policy=POLICY) == review_on


def test_shorter_care_home_cadence_sets_review() -> None:
    fortnightly = replace(POLICY, review_weeks_care_home=2)

    assert review_day(TODAY, RiskLevel.VERY_HIGH, is_care_home_resident=True, policy=fortnightly) == date(2015, 3, 18)


def test_review_is_listed_before_cut_off_in_london_time() -> None:
    decision = domain.offer(a_new_plan(), a_version(review_on=date(2015, 5, 27)), is_agreed_by_person=True, policy=POLICY)

    # Monday 25 May is a bank holiday, so the agenda of Wednesday closes on Friday; the working day before is Thursday.
    assert decision.deadlines[0].due_at == datetime(2015, 5, 21, 8, tzinfo=UTC)


def test_answer_names_every_waiting_referral() -> None:
    first, second = new_id(), new_id()
    offered = domain.offer(a_new_plan(), a_version(), referral_ids=(first,), is_agreed_by_person=None, policy=POLICY).state
    lapsed = domain.request_review(offered, RequestReview, STARTS_AT, POLICY).state

    again = domain.offer(lapsed, a_version(2), referral_ids=(second,), is_agreed_by_person=True, policy=POLICY)

    assert [event.referral_ids for event in again.events if isinstance(event, CarePlanAgreed)] == [(first, second)]
    assert again.state.referral_ids == ()
    assert [event.referral_ids for event in domain.decline(offered).events if isinstance(event, CarePlanDeclined)] == [(first,)]
    assert plan_end.close(offered, CaseCloseReason.DIED, STARTS_AT).events == [CarePlanClosed(reason="died", referral_ids=(first,))]


def test_action_is_fulfilled_once_by_its_owner() -> None:
    own = a_version().actions[0].model_copy(update={"owner_role": Role.SOCIAL_WORKER})
    navigators = a_version().actions[0]
    plan = a_plan(in_force=a_version(actions=(own, navigators)))

    decision = domain.fulfil(plan, own.action_id, FulfilAction)

    assert decision is not None
    assert decision.events == [CarePlanActionFulfilled(action_id=own.action_id)]
    assert domain.next_steps(decision.state) == [navigators]
    assert domain.fulfil(decision.state, own.action_id, FulfilAction) is None
    with pytest.raises(ActionOwnedByNavigator):
        domain.fulfil(plan, navigators.action_id, FulfilAction)
    with pytest.raises(ActionUnknown):
        domain.fulfil(plan, new_id(), FulfilAction)


def test_only_known_actions_continue() -> None:
    plan = a_plan()
    assert plan.in_force is not None
    known = plan.in_force.actions[0].action_id

    domain.require_known(plan, [an_agreed_action(action_id=known), an_agreed_action()])

    with pytest.raises(ActionUnknown):
        domain.require_known(plan, [an_agreed_action(action_id=new_id())])
    with pytest.raises(ActionUnknown):
        domain.require_known(None, [an_agreed_action(action_id=known)])


@given(st.lists(st.sampled_from([True, False, None]), min_size=1, max_size=8))
def test_versions_are_numbered_and_last_agreed_is_in_force(answers: list[bool | None]) -> None:
    plan = a_new_plan()
    for answer in answers:
        version = domain.draft_version(plan, a_joint_plan(), [], review_on=TODAY, now=STARTS_AT)
        plan = domain.offer(plan, version, is_agreed_by_person=answer, policy=POLICY).state

    agreed = [number for number, answer in enumerate(answers, 1) if answer]
    assert plan.plan_version == len(answers)
    assert (plan.in_force.number if plan.in_force else None) == (agreed[-1] if agreed else None)
