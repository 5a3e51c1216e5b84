"""The state table of a response agrees with its rules, which accept exactly the transitions of the table."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from services.rapid_care.commands import (
    AcceptResponse,
    AgreePackage,
    AssignClinician,
    CloseResponse,
    DeclineResponse,
    Depart,
    RecordAssessment,
    RecordFirstContact,
    StepDownResponse,
)
from services.rapid_care.domain import care, clock, dispatch
from services.rapid_care.domain.policy import Policy
from services.rapid_care.domain.response import ENDED, RESPONSE, UNFINISHED, Occurrence, Response, ResponseDeadline, Status
from services.rapid_care.subscriptions import SUBSCRIPTIONS
from shared.contracts.codes import StepDown
from shared.contracts.rapid_care import DeclineReason, Need, PackageItem, PackageItemKind, ResponseOutcome
from shared.contracts.referrals import ReferralCancelled, ReferralReturned, ReferralRouted
from shared.kernel.decision import Decision
from shared.kernel.errors import IllegalTransition
from shared.kernel.state_table import Trigger, allowed_commands
from tests.builders.rapid_care import a_clinician, a_response, a_routed_referral, at

POLICY = Policy()
PACKAGE = (PackageItem(kind=PackageItemKind.NURSING, service_code="district-nursing", starts_at=at("20:00")),)

Rule = Callable[[Response, datetime], Decision[Response]]

#: For each trigger one or more calls of its rule.
RULES: dict[Trigger, tuple[Rule, ...]] = {
    AcceptResponse: (clock.accept,),
    DeclineResponse: (lambda response, now: clock.decline(response, DeclineResponse(DeclineReason.CAPACITY), now),),
    AssignClinician: (lambda response, _: dispatch.assign(response, a_clinician(), None, POLICY),),
    Depart: (dispatch.depart,),
    RecordFirstContact: (
        lambda response, now: clock.record_first_contact(response, RecordFirstContact(now), now),
        lambda response, now: clock.record_first_contact(response, RecordFirstContact(response.received_at), now),
    ),
    RecordAssessment: (lambda response, _: care.assess(response, RecordAssessment((Need.INFECTION,), (Need.NONE,))),),
    AgreePackage: (lambda response, _: care.agree_package(response, AgreePackage(PACKAGE)),),
    StepDownResponse: (lambda response, _: care.step_down(response, StepDownResponse(StepDown.GP)),),
    CloseResponse: (
        lambda response, now: care.close(response, CloseResponse(ResponseOutcome.INAPPROPRIATE), POLICY, now),
        lambda response, now: care.close(response, CloseResponse(ResponseOutcome.ADMITTED), POLICY, now),
    ),
    ResponseDeadline.OPENING: (lambda response, _: clock.open_held_response(response),),
    ResponseDeadline.AT_RISK: (clock.warn,),
    ResponseDeadline.BREACH: (clock.judge_deadline,),
    ResponseDeadline.AVOIDANCE: (lambda response, now: care.confirm_avoidance(response, is_admitted_since=False, now=now),),
    Occurrence.PERSON_GONE: (lambda response, now: clock.cancel(response, trigger=Occurrence.PERSON_GONE, reason="died", now=now),),
    Occurrence.ROUTED_AGAIN: (lambda response, now: clock.reconfirm_acceptance(response, a_routed_referral(at("14:00"), routing=2), now),),
    ReferralCancelled.TYPE: (lambda response, now: clock.cancel(response, trigger=ReferralCancelled.TYPE, reason="withdrawn", now=now),),
    ReferralReturned.TYPE: (lambda response, now: clock.cancel(response, trigger=ReferralReturned.TYPE, reason="back", now=now),),
    ReferralRouted.TYPE: (lambda response, now: clock.cancel(response, trigger=ReferralRouted.TYPE, reason="elsewhere", now=now),),
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
def test_ended_state_allows_no_command(status: Status) -> None:
    assert (status in UNFINISHED) is not (status in ENDED)
    assert bool(allowed_commands(status, RESPONSE)) is (status in UNFINISHED)


def test_no_rule_moves_deadline_or_clock() -> None:
    for trigger, row in RESPONSE.items():
        for status in row.sources:
            for decision in _decisions(trigger, Status(status)):
                state = decision.state
                assert (state.due_at, state.clock_starts_at, state.received_at) == (at("16:00"), at("14:00"), at("14:00"))


def test_every_deadline_and_event_trigger_is_subscribed() -> None:
    named = {trigger for trigger in RESPONSE if isinstance(trigger, str)}

    assert named == set(SUBSCRIPTIONS.on_deadline) | set(Occurrence) | {
        event.TYPE for event in (ReferralCancelled, ReferralReturned, ReferralRouted)
    }
