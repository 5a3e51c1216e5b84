"""A case: screened, listed, moved, discussed, closed."""

from datetime import timedelta

import pytest

from services.mdt.commands import CloseCase, DeferCase, DiscussCase, ScreenCase, StepDownCase
from services.mdt.domain import case as domain
from services.mdt.domain import case_end
from services.mdt.domain.case import (
    ActionDueInPast,
    ActionMissing,
    CaseNotOnAgenda,
    DeferredTooOften,
    JointPlanMissing,
    LeadMissing,
    Status,
)
from services.mdt.domain.case_end import CaseHasPlan, CaseNotDiscussed, DestinationMissing, NoOtherCase, OtherCaseWithoutPlan
from services.mdt.domain.meeting import MeetingNotStarted, Slot
from services.mdt.domain.meeting import Status as MeetingStatus
from services.mdt.domain.table_16 import Standing
from shared.contracts.codes import Locality, RiskLevel, ScreeningOutcome, StepDown
from shared.contracts.mdt import (
    CaseClosed,
    CaseCloseReason,
    CaseDeferred,
    CaseDiscussed,
    CaseListed,
    CaseRedirected,
    CaseReferralWithdrawn,
    CaseReferred,
    CaseScreened,
    CaseSteppedDown,
    Destination,
)
from shared.contracts.meeting_reasons import DeferReason, RedirectReason
from shared.contracts.persons import PersonChange
from shared.kernel.errors import DomainError
from shared.kernel.ids import new_id
from tests.builders.mdt_states import POLICY, STARTS_AT, a_case, a_discussion_command, a_meeting, a_slot, an_agreed_action

HELD = a_meeting(status=MeetingStatus.HELD, attended=POLICY.quorum)


def test_referral_records_risk_of_that_day() -> None:
    case = a_case(Status.REFERRED, referral_ids=(new_id(),), is_urgent=True)

    decision = domain.refer(case, Standing(RiskLevel.VERY_HIGH, is_high_climber=True), screen_by=STARTS_AT)

    expected = CaseReferred(referral_id=case.referral_ids[0], risk_level=RiskLevel.VERY_HIGH, is_high_climber=True, is_urgent=True)
    assert decision.events == [expected]
    assert [(deadline.kind, deadline.due_at) for deadline in decision.deadlines] == [(domain.CaseDeadline.SCREENING, STARTS_AT)]


def test_eligible_case_takes_agenda_slot() -> None:
    case, slot = a_case(Status.REFERRED, referral_ids=(new_id(),)), a_slot(slot=Slot.URGENT)

    decision = domain.list_eligible(case, ScreenCase(ScreeningOutcome.ELIGIBLE, is_urgent=True, needs_mental_health=True), slot)

    listed = CaseListed(referral_id=case.referral_ids[0], meeting_id=slot.meeting_id, meeting_starts_at=STARTS_AT, is_urgent=True)
    assert decision.events == [CaseScreened(outcome=ScreeningOutcome.ELIGIBLE), listed]
    assert (decision.state.status, decision.state.slot, decision.state.needs_mental_health) == (Status.LISTED, Slot.URGENT, True)


@pytest.mark.acceptance("mdt-7")
def test_ineligible_case_needs_destination() -> None:
    case = a_case(Status.REFERRED, referral_ids=(new_id(),))
    command = ScreenCase(ScreeningOutcome.NOT_ELIGIBLE, destination=Destination.INTEGRATED_LOCALITY_TEAM)

    decision = case_end.redirect(case, command, STARTS_AT)

    redirected = decision.events[1]
    assert isinstance(redirected, CaseRedirected)
    assert (redirected.referral_id, redirected.destination) == (case.referral_ids[0], Destination.INTEGRATED_LOCALITY_TEAM)
    with pytest.raises(DestinationMissing):
        case_end.redirect(case, ScreenCase(ScreeningOutcome.NOT_ELIGIBLE), STARTS_AT)


def test_listed_case_is_redirected_when_screened_by_mistake() -> None:
    waiting = (new_id(), new_id())
    command = ScreenCase(ScreeningOutcome.NOT_ELIGIBLE, destination=Destination.GP, reason=RedirectReason.SCREENED_IN_ERROR)

    decision = case_end.redirect(a_case(referral_ids=waiting, deferrals=2, is_deferred=True), command, STARTS_AT)

    assert decision.events == [
        CaseScreened(outcome=ScreeningOutcome.NOT_ELIGIBLE),
        *(
            CaseRedirected(referral_id=each, destination=Destination.GP, reason="screened-in-error", locality=Locality.WEST)
            for each in waiting
        ),
    ]
    sent = decision.state
    assert (sent.status, sent.referral_ids, sent.meeting_id, sent.slot) == (Status.REDIRECTED, (), None, None)


def test_case_with_plan_is_not_redirected() -> None:
    with pytest.raises(CaseHasPlan):
        case_end.redirect(a_case(care_plan_id=new_id()), ScreenCase(ScreeningOutcome.NOT_ELIGIBLE, destination=Destination.GP), STARTS_AT)


@pytest.mark.parametrize(
    ("is_urgent", "earlier", "moves"), [(True, timedelta(weeks=1), True), (True, timedelta(), False), (False, timedelta(weeks=1), False)]
)
def test_case_screened_again_moves_to_earlier_urgent_slot(*, is_urgent: bool, earlier: timedelta, moves: bool) -> None:
    case, slot = a_case(referral_ids=(new_id(),)), a_slot(meeting_id=new_id(), starts_at=STARTS_AT - earlier, slot=Slot.URGENT)

    again = domain.list_eligible(case, ScreenCase(ScreeningOutcome.ELIGIBLE, is_urgent, needs_mental_health=True), slot).state

    assert (again.is_urgent, again.needs_mental_health) == (is_urgent, True)
    assert (again.meeting_id, again.slot) == ((slot.meeting_id, Slot.URGENT) if moves else (case.meeting_id, case.slot))


@pytest.mark.acceptance("mdt-3")
@pytest.mark.parametrize(
    ("command", "refusal"),
    [
        (a_discussion_command(joint_plan=None), JointPlanMissing),
        (a_discussion_command(lead=None), LeadMissing),
        (a_discussion_command(actions=()), ActionMissing),
        (a_discussion_command(actions=(an_agreed_action(due_on=STARTS_AT.date() - timedelta(days=1)),)), ActionDueInPast),
    ],
)
def test_discussion_needs_plan_lead_and_future_action(command: DiscussCase, refusal: type[DomainError]) -> None:
    with pytest.raises(refusal):
        domain.require_agreed(a_case(), command, HELD, has_lead=False, now=STARTS_AT, policy=POLICY)


def test_lead_stays_when_discussion_names_none() -> None:
    agreed = domain.require_agreed(a_case(), a_discussion_command(lead=None), HELD, has_lead=True, now=STARTS_AT, policy=POLICY)

    assert agreed.lead is None


def test_meeting_without_attendance_decides_nothing() -> None:
    with pytest.raises(MeetingNotStarted):
        domain.require_agreed(a_case(), a_discussion_command(), a_meeting(), has_lead=False, now=STARTS_AT, policy=POLICY)


def test_discussion_belongs_to_listed_or_previous_meeting() -> None:
    case, following = a_case(), a_slot(meeting_id=new_id())
    moved = domain.roll_over(case, "meeting-not-recorded", following).state

    assert case.meeting_id is not None
    assert domain.meeting_of(moved, a_discussion_command()) == following.meeting_id
    assert domain.meeting_of(moved, a_discussion_command(meeting_id=case.meeting_id)) == case.meeting_id
    with pytest.raises(CaseNotOnAgenda):
        domain.meeting_of(moved, a_discussion_command(meeting_id=new_id()))


def test_discussion_answers_every_waiting_referral() -> None:
    waiting = (new_id(), new_id())
    case = a_case(referral_ids=waiting, deferrals=2, is_deferred=True, is_urgent=True)

    decision = domain.discuss(case, meeting_id=a_slot().meeting_id, care_plan_id=new_id(), lead_id=new_id(), actions=3)

    answered = [event for event in decision.events if isinstance(event, CaseDiscussed)]
    assert tuple(event.referral_id for event in answered) == waiting
    assert {event.actions for event in answered} == {3}
    after = decision.state
    assert (after.status, after.referral_ids, after.meeting_id, after.discussed_in) == (Status.ACTIVE, (), None, case.meeting_id)
    assert (after.deferrals, after.is_deferred, after.is_urgent) == (0, False, False)


def test_second_referral_joins_waiting_case() -> None:
    case, second = a_case(referral_ids=(new_id(),)), new_id()

    decision = domain.refer_again(case, second, is_urgent=True, standing=Standing(), slot=None)

    assert decision.state.referral_ids == (*case.referral_ids, second)
    assert decision.state.is_urgent
    assert decision.state.correlation_id == case.correlation_id
    assert tuple(map(type, decision.events)) == (CaseReferred, CaseListed)
    assert {getattr(event, "referral_id", None) for event in decision.events} == {second}


def test_referral_under_plan_starts_new_correlation_unscreened() -> None:
    case, second = a_case(Status.ACTIVE, care_plan_id=new_id()), new_id()

    decision = domain.refer_again(case, second, is_urgent=False, standing=Standing(), slot=a_slot())

    assert (decision.state.status, decision.state.correlation_id) == (Status.LISTED, second)


def test_case_is_deferred_at_most_the_limit() -> None:
    case = a_case()
    for _ in range(POLICY.max_deferrals):
        case = domain.defer(case, DeferCase(DeferReason.MISSING_INFORMATION), a_slot(), POLICY).state

    with pytest.raises(DeferredTooOften):
        domain.defer(case, DeferCase(DeferReason.MISSING_INFORMATION), a_slot(), POLICY)


@pytest.mark.acceptance("mdt-8")
def test_rolled_over_case_keeps_priority() -> None:
    case, following = a_case(is_urgent=True, deferrals=2), a_slot(meeting_id=new_id())

    decision = domain.roll_over(case, "meeting-cancelled", following)

    after = decision.state
    assert [type(event) for event in decision.events] == [CaseDeferred, CaseListed]
    assert (after.referred_at, after.is_urgent, after.deferrals) == (case.referred_at, True, 2)
    assert (after.meeting_id, after.is_deferred) == (following.meeting_id, True)


def test_needs_met_requires_a_discussion() -> None:
    with pytest.raises(CaseNotDiscussed):
        case_end.close(a_case(), CloseCase(CaseCloseReason.NEEDS_MET), STARTS_AT)

    assert case_end.close(a_case(), CloseCase(CaseCloseReason.DIED), STARTS_AT).state.status is Status.CLOSED


def test_duplicate_continues_in_the_other_case_with_a_plan() -> None:
    case, planned, waiting = a_case(), a_case(Status.ACTIVE, care_plan_id=new_id()), a_case(Status.REFERRED)

    assert case_end.continued_by(case, [case, waiting, planned]) == planned
    assert case_end.continued_by(case, [waiting, case]) == waiting
    with pytest.raises(NoOtherCase):
        case_end.continued_by(case, [case])
    with pytest.raises(OtherCaseWithoutPlan):
        case_end.continued_by(planned, [planned, waiting])


def test_withdrawal_closes_case_of_single_referral() -> None:
    referral_id = new_id()

    decision = case_end.withdraw(a_case(Status.REFERRED, referral_ids=(referral_id,)), referral_id, STARTS_AT)

    assert decision is not None
    assert decision.events == [CaseClosed(referral_id=referral_id, reason="referral-withdrawn")]
    assert decision.state.status is Status.CLOSED


def test_withdrawal_forgets_one_referral_of_several() -> None:
    withdrawn, other = new_id(), new_id()

    decision = case_end.withdraw(a_case(referral_ids=(withdrawn, other)), withdrawn, STARTS_AT)

    assert decision
    assert (decision.state.status, decision.state.referral_ids) == (Status.LISTED, (other,))
    assert decision.events == [CaseReferralWithdrawn(referral_id=withdrawn)]
    assert decision.cancels == ()


def test_withdrawal_forgets_the_referral_of_a_case_with_plan() -> None:
    withdrawn = new_id()

    decision = case_end.withdraw(a_case(referral_ids=(withdrawn,), care_plan_id=new_id()), withdrawn, STARTS_AT)

    assert decision
    assert (decision.state.status, decision.state.referral_ids) == (Status.LISTED, ())


@pytest.mark.parametrize("change", PersonChange)
def test_referral_that_ended_with_the_person_stays(change: PersonChange) -> None:
    referral_id = new_id()

    assert case_end.withdraw(a_case(referral_ids=(referral_id, new_id())), referral_id, STARTS_AT, change) is None


def test_withdrawal_of_another_referral_changes_nothing() -> None:
    referral_id = new_id()

    assert case_end.withdraw(a_case(referral_ids=(new_id(), new_id())), referral_id, STARTS_AT) is None
    assert case_end.withdraw(a_case(Status.ACTIVE), referral_id, STARTS_AT) is None


def test_step_down_names_practice_of_today() -> None:
    decision = domain.step_down(a_case(Status.ACTIVE), StepDownCase(StepDown.GP), practice_code="B01", locality=Locality.LOCALITY_B)

    assert decision.events == [CaseSteppedDown(destination=StepDown.GP, practice_code="B01", locality=Locality.LOCALITY_B)]
