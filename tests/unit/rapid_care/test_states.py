"""The state table of a response agrees with its rules, which accept exactly the transitions of the table."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from services.rapid_care.commands import (
    AcceptResponse,
    AgreePackage,
    AnswerCall,
    AssignClinician,
    CloseResponse,
    DeclineResponse,
    Depart,
    HandBackResponse,
    RecordAssessment,
    RecordFirstContact,
    StepDownResponse,
)
from services.rapid_care.domain import care, clock, contact, dispatch, duties, person_change, second_call
from services.rapid_care.domain.duties import DEADLINE_OF
from services.rapid_care.domain.policy import Policy
from services.rapid_care.domain.response import (
    ENDED,
    RECALLED,
    RESPONSE,
    UNFINISHED,
    WAITING,
    Occurrence,
    Response,
    ResponseDeadline,
    Status,
)
from services.rapid_care.subscriptions import SUBSCRIPTIONS
from shared.contracts.codes import Condition, StepDown
from shared.contracts.persons import PersonChange, RecordedChange
from shared.contracts.rapid_care import ContactMode, DeclineReason, Need, OverdueStep, PackageItem, PackageItemKind, ResponseOutcome
from shared.contracts.referrals import (
    ReferralCallRepeated,
    ReferralCancelled,
    ReferralConditionSet,
    ReferralRecalled,
    ReferralReturned,
    ReferralRouted,
)
from shared.kernel.decision import Decision
from shared.kernel.errors import IllegalTransition
from shared.kernel.state_table import Trigger, allowed_commands
from shared.persistence.break_glass import BreakGlassDeadline
from tests.builders.rapid_care import NURSE, a_clinician, a_repeated_call, a_response, a_routed_referral, at

POLICY = Policy()
PACKAGE = (PackageItem(kind=PackageItemKind.NURSING, service_code="district-nursing", starts_at=at("20:00")),)

Rule = Callable[[Response, datetime], Decision[Response]]

#: For each step what makes a response await it, apart from its state.
_AWAITING: dict[OverdueStep, dict[str, Any]] = {
    OverdueStep.ASSIGNMENT: {"clinician_id": None},
    OverdueStep.CONTACT: {"breached_at": at("16:00:00.000001")},
    OverdueStep.NEXT_ATTEMPT: {"contacted_at": at("14:20"), "contact_mode": ContactMode.NO_ACCESS},
    OverdueStep.ANSWER_TO_CALL: {"answer_by": at("14:50")},
    OverdueStep.CARE: {"contact_mode": ContactMode.FACE_TO_FACE},
}


def _remind(step: OverdueStep) -> Rule:
    return lambda response, now: duties.remind(replace(response, **_AWAITING[step]), step, now, POLICY, now)


def _unseen(response: Response) -> Response:
    return replace(response, contact_mode=ContactMode.NO_ACCESS) if response.status is Status.CONTACTED else response


def _seen(response: Response) -> Response:
    return replace(response, contact_mode=ContactMode.FACE_TO_FACE)


def _before_visit(response: Response) -> Response:
    """Before the first visit, after one without access, or recalled or declined while the clinician is on the way."""
    if response.status in WAITING:
        return response
    if response.status in ENDED:
        return replace(response, cancel_reason=RECALLED, clinician_id=NURSE, ended_at=at("14:30"))
    return replace(response, contacted_at=response.received_at, visited_at=response.received_at, contact_mode=ContactMode.NO_ACCESS)


def _contact(contacted_at: Callable[[Response, datetime], datetime]) -> Rule:
    return lambda response, now: contact.record_first_contact(
        _before_visit(response), RecordFirstContact(contacted_at(response, now)), POLICY, now
    )


def _restore(status: Status) -> Rule:
    return lambda response, now: person_change.restore(replace(response, ended_from=status, ended_at=at("14:30")), POLICY, now)


def _cancel(trigger: str) -> Rule:
    return lambda response, now: clock.cancel(response, trigger=trigger, reason="withdrawn", now=now)


_RECALLED = ReferralRecalled(service_code="rapid-care", routing=2)

#: For each trigger one or more calls of its rule.
RULES: dict[Trigger, tuple[Rule, ...]] = {
    AcceptResponse: (lambda response, now: clock.accept(response, POLICY, now),),
    DeclineResponse: (lambda response, now: clock.decline(_unseen(response), DeclineResponse(DeclineReason.CAPACITY), now),),
    AssignClinician: (lambda response, now: dispatch.assign(response, a_clinician(), None, POLICY, now),),
    HandBackResponse: (lambda response, now: dispatch.hand_back(response, POLICY, now),),
    Depart: (lambda response, now: dispatch.depart(response, Depart(), now),),
    RecordFirstContact: (_contact(lambda _, now: now), _contact(lambda response, _: response.received_at)),
    RecordAssessment: (lambda response, now: care.assess(_seen(response), RecordAssessment((Need.INFECTION,), (Need.NONE,)), POLICY, now),),
    AgreePackage: (lambda response, now: care.agree_package(response, AgreePackage(PACKAGE), POLICY, now),),
    StepDownResponse: (lambda response, now: care.step_down(response, StepDownResponse(StepDown.GP), POLICY, now),),
    CloseResponse: (
        lambda response, now: care.close(response, CloseResponse(ResponseOutcome.INAPPROPRIATE), POLICY, now),
        lambda response, now: care.close(response, CloseResponse(ResponseOutcome.ADMITTED), POLICY, now),
    ),
    AnswerCall: (lambda response, now: second_call.answer_call(replace(response, answer_by=at("14:50")), POLICY, now),),
    ResponseDeadline.OPENING: (lambda response, now: clock.open_held_response(response, POLICY, now),),
    ResponseDeadline.AT_RISK: (clock.warn,),
    ResponseDeadline.BREACH: (lambda response, now: clock.judge_deadline(response, now, POLICY),),
    **{deadline: (_remind(step),) for step, deadline in DEADLINE_OF.items()},
    ResponseDeadline.AVOIDANCE: (lambda response, now: care.confirm_avoidance(response, is_admitted_since=False, now=now),),
    Occurrence.PERSON_GONE: (lambda response, now: person_change.end(response, RecordedChange(PersonChange.DEATH, at("14:29")), now),),
    Occurrence.PERSON_RESTORED: tuple(_restore(status) for status in UNFINISHED),
    Occurrence.CLINICIAN_OFF_DUTY: (lambda response, now: dispatch.go_off_duty(response, POLICY, now),),
    Occurrence.ROUTED_AGAIN: (lambda response, now: clock.reconfirm_acceptance(response, a_routed_referral(at("14:00"), routing=2), now),),
    ReferralCancelled.TYPE: (_cancel(ReferralCancelled.TYPE),),
    ReferralReturned.TYPE: (_cancel(ReferralReturned.TYPE),),
    ReferralRouted.TYPE: (_cancel(ReferralRouted.TYPE),),
    ReferralRecalled.TYPE: (lambda response, now: clock.recall(response, _RECALLED, now),),
    ReferralConditionSet.TYPE: (lambda response, _: dispatch.set_condition(response, Condition.FALL),),
    ReferralCallRepeated.TYPE: (lambda response, now: second_call.take_call(response, a_repeated_call(), POLICY, now),),
}


def _decisions(trigger: Trigger, status: Status) -> Iterator[Decision[Response]]:
    """Every call of the rule: in time, late, and late after a published breach."""
    response = a_response(status=status)
    breached = replace(response, breached_at=response.due_at + timedelta(microseconds=1))
    for rule in RULES[trigger]:
        yield rule(response, at("15:00"))
        yield rule(response, at("17:00"))
        yield rule(breached, at("17:00"))


def test_every_trigger_has_a_rule() -> None:
    assert set(RULES) == set(RESPONSE)


@pytest.mark.parametrize("trigger", RESPONSE, ids=str)
@pytest.mark.parametrize("status", Status)
def test_rules_stay_within_state_table(trigger: Trigger, status: Status) -> None:
    row = RESPONSE[trigger]
    if status not in row.sources:
        with pytest.raises(IllegalTransition):
            list(_decisions(trigger, status))
        return
    for decision in _decisions(trigger, status):
        assert decision.state.status in (row.targets or {status})
        assert {type(event) for event in decision.events} <= row.emits
        assert decision.events


@pytest.mark.parametrize("trigger", RESPONSE, ids=str)
def test_rules_cover_whole_state_table(trigger: Trigger) -> None:
    row = RESPONSE[trigger]
    decisions = [decision for status in row.sources for decision in _decisions(trigger, Status(status))]

    assert {type(event) for decision in decisions for event in decision.events} == row.emits
    assert not row.targets or {decision.state.status for decision in decisions} == row.targets


@pytest.mark.parametrize("status", Status)
def test_ended_state_allows_only_contact_that_crossed_it(status: Status) -> None:
    assert (status in UNFINISHED) is not (status in ENDED)
    crossing = [RecordFirstContact] if status in {Status.CANCELLED, Status.DECLINED} else []
    assert status in UNFINISHED or allowed_commands(status, RESPONSE) == crossing
    assert allowed_commands(status, RESPONSE) or status in ENDED


def test_no_rule_moves_deadline_or_clock() -> None:
    for trigger, row in RESPONSE.items():
        for status in row.sources:
            for decision in _decisions(trigger, Status(status)):
                state = decision.state
                assert (state.due_at, state.clock_starts_at, state.received_at) == (at("16:00"), at("14:00"), at("14:00"))


def test_every_deadline_and_event_trigger_is_subscribed() -> None:
    named = {trigger for trigger in RESPONSE if isinstance(trigger, str)}

    events = (ReferralCallRepeated, ReferralCancelled, ReferralConditionSet, ReferralRecalled, ReferralReturned, ReferralRouted)
    assert named == (set(SUBSCRIPTIONS.on_deadline) - set(BreakGlassDeadline)) | set(Occurrence) | {event.TYPE for event in events}
