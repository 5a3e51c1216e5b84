"""A second urgent call about a person whom Rapid Care already has (A2)."""

import pytest

from services.rapid_care.domain.policy import Policy
from services.rapid_care.domain.response import UNFINISHED, ResponseDeadline, Status
from services.rapid_care.domain.second_call import answer_call, take_call
from shared.contracts.codes import Condition
from shared.contracts.rapid_care import ResponseCallAnswered, ResponseCallRepeated
from shared.kernel.decision import Deadline
from shared.kernel.errors import IllegalTransition
from shared.kernel.ids import new_id
from tests.builders.rapid_care import a_repeated_call, a_response, at

POLICY = Policy()


@pytest.mark.parametrize("status", UNFINISHED)
def test_call_is_flagged_with_deadline_in_every_state(status: Status) -> None:
    response, call = a_response(status=status, routing=2), a_repeated_call()

    decision = take_call(response, call, POLICY, at("15:01"))

    found = decision.state
    assert (found.status, found.call_repeated_at, found.answer_by) == (status, call.called_at, call.answer_by)
    assert found.merged_referral_ids == (call.merged_referral_id,)
    assert decision.deadlines == [Deadline(ResponseDeadline.CALL, call.answer_by)]
    assert decision.events == [
        ResponseCallRepeated(
            referral_id=response.referral_id,
            merged_referral_id=call.merged_referral_id,
            condition=call.condition,
            answer_by=call.answer_by,
        )
    ]


def test_call_that_arrives_late_is_due_at_once() -> None:
    decision = take_call(a_response(), a_repeated_call(), POLICY, at("19:00"))

    assert decision.deadlines == [Deadline(ResponseDeadline.CALL, at("19:00"))]
    assert decision.state.answer_by == at("15:15")


@pytest.mark.parametrize(
    ("recorded", "named", "condition", "beside"),
    [
        (Condition.OTHER, Condition.FALL, Condition.FALL, None),
        (Condition.OTHER, None, Condition.OTHER, None),
        (Condition.COPD, Condition.FALL, Condition.COPD, Condition.FALL),
        (Condition.COPD, Condition.COPD, Condition.COPD, None),
        (Condition.COPD, None, Condition.COPD, None),
    ],
)
def test_condition_of_call_replaces_only_other(
    recorded: Condition, named: Condition | None, condition: Condition, beside: Condition | None
) -> None:
    found = take_call(a_response(condition=recorded), a_repeated_call(condition=named), POLICY, at("15:01")).state

    assert (found.condition, found.call_condition) == (condition, beside)


def test_earliest_promise_of_several_calls_counts() -> None:
    first, second = a_repeated_call(), a_repeated_call(called_at=at("15:10"), answer_by=at("15:25"))
    once = take_call(a_response(), first, POLICY, at("15:01")).state

    twice = take_call(once, second, POLICY, at("15:11"))

    assert (twice.state.call_repeated_at, twice.state.answer_by) == (at("15:10"), at("15:15"))
    assert twice.state.merged_referral_ids == (first.merged_referral_id, second.merged_referral_id)
    assert (list(twice.deadlines), list(twice.cancels)) == ([], [])


def test_answer_cancels_deadline_and_keeps_call() -> None:
    response = a_response(status=Status.ASSIGNED, routing=2, referral_id=new_id())
    called = take_call(response, a_repeated_call(), POLICY, at("15:01")).state

    decision = answer_call(called, POLICY, at("15:10"))

    assert (decision.state.answer_by, decision.state.call_repeated_at) == (None, at("15:00"))
    assert decision.cancels == [ResponseDeadline.CALL]
    assert decision.events == [ResponseCallAnswered(referral_id=response.referral_id, answered_at=at("15:10"), routing=2)]
    with pytest.raises(IllegalTransition):
        answer_call(decision.state, POLICY, at("15:11"))
