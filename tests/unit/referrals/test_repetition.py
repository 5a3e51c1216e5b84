"""A repeated command finds itself carried out (D7)."""

from dataclasses import replace
from datetime import UTC, timedelta

import pytest

from services.referrals import commands
from services.referrals.domain import Policy
from services.referrals.domain.referral import REFERRAL, Referral, Status
from services.referrals.domain.repetition import is_repeated
from shared.contracts.codes import Condition, Urgency
from shared.contracts.referral_codes import Outcome, ReturnReason, Route
from tests.builders.referrals import MONDAY, a_referral, transitions

NOW = MONDAY.astimezone(UTC) + timedelta(hours=1)
TRANSITIONS = transitions(NOW, Policy())
#: The commands of the builder's transitions.
SENT = {
    commands.TriageReferral: commands.TriageReferral(Urgency.ROUTINE, is_complex=False, reason="Seen"),
    commands.RequestInformation: commands.RequestInformation("Which medicines?"),
    commands.AmendReferral: commands.AmendReferral(is_urgent=True),
    commands.SetCondition: commands.SetCondition(Condition.PNEUMONIA),
    commands.AcceptReferral: commands.AcceptReferral(),
    commands.ReturnReferral: commands.ReturnReferral(ReturnReason.CAPACITY),
    commands.RecallReferral: commands.RecallReferral(),
    commands.AnswerCall: commands.AnswerCall(),
    commands.RaiseUrgency: commands.RaiseUrgency("Fever"),
    commands.CloseReferral: commands.CloseReferral(Outcome.NEED_MET),
    commands.ReopenReferral: commands.ReopenReferral("Wrong person"),
}
BEFORE: dict[type, Referral] = {
    commands.TriageReferral: a_referral(),
    commands.RequestInformation: a_referral(Status.ROUTED),
    commands.AmendReferral: a_referral(Status.TRIAGED_ROUTINE),
    commands.SetCondition: a_referral(),
    commands.AcceptReferral: a_referral(Status.ROUTED),
    commands.ReturnReferral: a_referral(Status.ROUTED),
    commands.RecallReferral: a_referral(Status.ACCEPTED, route=Route.RAPID_CARE),
    commands.AnswerCall: a_referral(Status.ACCEPTED, answer_by=MONDAY, call_repeated_at=MONDAY),
    commands.RaiseUrgency: a_referral(Status.TRIAGED_ROUTINE),
    commands.CloseReferral: a_referral(Status.ACCEPTED),
    commands.ReopenReferral: a_referral(Status.CANCELLED, ended_at=NOW),
}


@pytest.mark.parametrize("command", SENT, ids=lambda command: command.__name__)
def test_command_is_a_repetition_after_its_effect_alone(command: type) -> None:
    before = BEFORE[command]
    decision = TRANSITIONS[command](before)
    after = replace(decision.state, version=before.version + len(decision.events))

    assert not is_repeated(before, SENT[command], before.version)
    assert is_repeated(after, SENT[command], before.version)


@pytest.mark.parametrize(
    ("referral", "other"),
    [
        (a_referral(Status.CLOSED, outcome=Outcome.NEED_MET), commands.CloseReferral(Outcome.NOT_ACUTE)),
        (a_referral(Status.RETURNED, return_reason=ReturnReason.CAPACITY), commands.ReturnReferral(ReturnReason.OTHER)),
        (a_referral(Status.ROUTED), commands.RouteReferral(Route.SERVICE, "palliative-home")),
        (a_referral(condition=Condition.FALL), commands.SetCondition(Condition.COPD)),
    ],
)
def test_other_content_is_no_repetition(referral: Referral, other: object) -> None:
    assert not is_repeated(replace(referral, version=5), other, 1)


def test_every_command_of_the_table_has_a_rule() -> None:
    assert {trigger for trigger in REFERRAL if isinstance(trigger, type)} - {*SENT} == {
        commands.ReceiveReferral,
        commands.RouteReferral,
        commands.SignpostReferral,
        commands.AnswerInformation,
        commands.ResolveDiscrepancy,
        commands.CancelReferral,
    }
