"""A death or a move ends case, plan and finding; a mistaken one restores what it ended, and nothing else (G39)."""

from datetime import timedelta

import pytest

from services.mdt.commands import CloseCase, ScreenFinding
from services.mdt.domain import care_plan, case, case_end, plan_end, risk
from services.mdt.domain.person_change import EndOfCare, is_restored, mistake
from shared.contracts.care_plans import CarePlanReopened
from shared.contracts.codes import Locality
from shared.contracts.mdt import (
    CaseClosed,
    CaseCloseReason,
    CaseListed,
    CaseReopened,
    FindingDestination,
    RiskEnded,
    RiskLevelCrossed,
    RiskReopened,
    RiskReopenReason,
    RiskRestored,
)
from shared.contracts.meeting_reasons import FindingReason
from shared.contracts.persons import PersonChange
from shared.kernel.ids import new_id
from tests.builders.mdt_states import POLICY, STARTS_AT, a_case, a_plan, a_slot, a_version
from tests.builders.risk import a_risk, a_score, assessed, scored_before

LATER = STARTS_AT + timedelta(hours=3)
DEATH, MOVE = PersonChange.DEATH, PersonChange.MOVE


@pytest.mark.parametrize("status", case.OPEN)
@pytest.mark.parametrize("change", PersonChange)
def test_mistaken_change_restores_case_as_it_was(status: case.Status, change: PersonChange) -> None:
    before = a_case(status, referral_ids=(new_id(), new_id()), care_plan_id=new_id())

    ended = case_end.end(before, change, STARTS_AT).state
    slot = a_slot() if case_end.was_listed(ended) else None
    restored = case_end.restore(ended, slot, screen_by=LATER).state

    assert (ended.status, ended.meeting_id) == (case.Status.CLOSED, None)
    assert restored == before


def test_restored_case_is_screened_or_listed_from_now() -> None:
    referred = case_end.end(a_case(case.Status.REFERRED), DEATH, STARTS_AT).state
    listed = case_end.end(a_case(referral_ids=(new_id(),)), DEATH, STARTS_AT).state

    screening = case_end.restore(referred, None, screen_by=LATER)
    again = case_end.restore(listed, a_slot(meeting_id=new_id()), screen_by=LATER)

    assert [(deadline.kind, deadline.due_at) for deadline in screening.deadlines] == [(case.CaseDeadline.SCREENING, LATER)]
    assert [type(event) for event in again.events] == [CaseReopened, CaseListed]


def test_case_of_referral_that_ended_with_death_is_restorable() -> None:
    waiting = a_case(referral_ids=(new_id(),))

    decision = case_end.withdraw(waiting, waiting.referral_ids[0], STARTS_AT, DEATH)

    assert decision is not None
    assert decision.events == [CaseClosed(referral_id=waiting.referral_ids[0], reason=CaseCloseReason.DIED)]
    assert decision.state.ended == EndOfCare(DEATH, case.Status.LISTED, STARTS_AT)


def test_closure_for_another_reason_is_not_restored() -> None:
    closed = case_end.close(a_case(case.Status.ACTIVE, care_plan_id=new_id()), CloseCase(CaseCloseReason.NEEDS_MET), STARTS_AT).state

    assert closed.ended is None


@pytest.mark.parametrize(
    ("by", "hours", "restored"),
    [
        (DEATH, 0, True),
        (DEATH, 30, True),  # ended after the record
        (DEATH, -2, True),  # the meeting closed the case, and its event reported the death
        (DEATH, -30, False),  # an earlier death, which was reversed
        (MOVE, 0, False),
    ],
)
def test_only_the_mistaken_change_is_undone(by: PersonChange, hours: int, restored: bool) -> None:  # noqa: FBT001
    mistaken = mistake(DEATH, STARTS_AT, recorded_within=POLICY.change_recorded_within)

    assert is_restored(EndOfCare(by, "listed", STARTS_AT + timedelta(hours=hours)), mistaken) is restored


@pytest.mark.parametrize(
    ("status", "kinds"),
    [
        (care_plan.Status.OFFERED, ["review", "plan-answer"]),
        (care_plan.Status.DECLINED, ["review"]),
        (care_plan.Status.AGREED, ["review", "plan-action"]),
        (care_plan.Status.REVIEW_DUE, ["review-reminder", "plan-action"]),
    ],
)
def test_mistaken_change_restores_plan_with_its_deadlines(status: care_plan.Status, kinds: list[str]) -> None:
    before = a_plan(status, referral_ids=(new_id(),), review_on=a_version().review_on)

    ended = plan_end.close(before, CaseCloseReason.DIED, STARTS_AT).state
    restored = plan_end.restore(ended, LATER, POLICY)

    assert ended.status is care_plan.Status.CLOSED
    assert restored.state == before
    assert restored.events == [CarePlanReopened()]
    assert [str(deadline.kind) for deadline in restored.deadlines] == kinds
    assert all(deadline.due_at >= LATER for deadline in restored.deadlines)


def test_review_that_passed_since_is_due_at_once() -> None:
    before = a_plan(review_on=a_version().review_on)
    ended = plan_end.close(before, CaseCloseReason.MOVED_AWAY, STARTS_AT).state
    much_later = STARTS_AT + timedelta(weeks=40)

    restored = plan_end.restore(ended, much_later, POLICY)

    assert (restored.deadlines[0].kind, restored.deadlines[0].due_at) == (care_plan.CarePlanDeadline.REVIEW, much_later)


@pytest.mark.parametrize("status", [case.Status.REFERRED, case.Status.LISTED])
def test_newer_case_takes_over_restored_plan(status: case.Status) -> None:
    plan_id = new_id()

    decision = case_end.take_plan(a_case(status), plan_id, a_slot())

    assert (decision.state.status, decision.state.care_plan_id) == (case.Status.LISTED, plan_id)
    assert list(decision.cancels) == [case.CaseDeadline.SCREENING]
    assert case_end.withdraw(decision.state, new_id(), LATER) is None


def test_mistaken_death_finds_person_of_case_finding_again() -> None:
    ended = risk.end(a_risk(), DEATH, STARTS_AT)
    restored = risk.restore(ended.state, LATER, POLICY)

    assert ended.events == [RiskEnded(reason=CaseCloseReason.DIED)]
    assert set(ended.cancels) == {risk.RiskDeadline.WATCH, risk.RiskDeadline.SCREENING}
    assert [type(event) for event in restored.events] == [RiskRestored]
    assert (restored.state.status, [deadline.kind for deadline in restored.deadlines]) == (
        risk.Status.FOUND,
        [risk.RiskDeadline.SCREENING],
    )


def test_watched_person_is_found_again_after_mistake() -> None:
    command = ScreenFinding(FindingDestination.WATCHING_BRIEF, FindingReason.STABLE)
    watched = risk.screen(a_risk(), command, locality=Locality.WEST, now=STARTS_AT, policy=POLICY).state

    restored = risk.restore(risk.end(watched, MOVE, STARTS_AT).state, LATER, POLICY).state

    assert (restored.status, restored.destination) == (risk.Status.FOUND, None)


def test_scores_after_death_list_nobody() -> None:
    died, moved = (risk.end(a_risk(), change, STARTS_AT).state for change in (DEATH, MOVE))

    assert assessed(a_score("27.10"), scored_before("9.80"), died) is None
    found = assessed(a_score("27.10"), scored_before("9.80"), moved)
    assert found is not None
    assert (found.state.status, found.state.ended) == (risk.Status.FOUND, None)


def test_first_score_after_a_death_lists_nobody() -> None:
    decision = assessed(a_score("27.10"), has_died=True)

    assert decision
    assert (decision.state.status, decision.state.ended and decision.state.ended.by) == (risk.Status.ENDED, DEATH)
    assert [type(event) for event in decision.events] == [RiskLevelCrossed, RiskEnded]
    assert decision.deadlines == ()
    restored = risk.restore(decision.state, LATER, POLICY)
    assert restored.state.status is risk.Status.FOUND


@pytest.mark.parametrize(
    ("before", "after", "event"),
    [
        (risk.Status.FOUND, risk.Status.FOUND, RiskReopened),
        (risk.Status.WATCHED, risk.Status.FOUND, RiskReopened),
        (risk.Status.SCREENED, risk.Status.FOUND, RiskReopened),
        (risk.Status.BELOW, risk.Status.BELOW, RiskRestored),
    ],
)
@pytest.mark.parametrize("change", PersonChange)
def test_returned_person_is_found_for_another_review(
    change: PersonChange, before: risk.Status, after: risk.Status, event: type[object]
) -> None:
    ended = risk.end(a_risk(status=before, destination=FindingDestination.GP), change, STARTS_AT).state

    returned = risk.find_again(ended, LATER, POLICY)

    assert (returned.state.status, returned.state.ended) == (after, None)
    assert [type(each) for each in returned.events] == [event]
    assert bool(returned.deadlines) is (after is risk.Status.FOUND)


def test_cancelled_task_opens_the_review_again() -> None:
    screened = a_risk(status=risk.Status.SCREENED, destination=FindingDestination.GP, reason="known-to-gp")

    again = risk.reopen(screened, LATER, POLICY)

    assert (again.state.status, again.state.destination, again.state.reason) == (risk.Status.FOUND, None, None)
    assert again.events == [RiskReopened(level=screened.level, practice_code="W07", reason=RiskReopenReason.TASK_CANCELLED)]
    assert [deadline.kind for deadline in again.deadlines] == [risk.RiskDeadline.SCREENING]
