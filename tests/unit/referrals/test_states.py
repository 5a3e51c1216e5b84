"""The state table of a referral: every state with every trigger."""

from dataclasses import replace
from datetime import UTC, timedelta
from typing import Any

import pytest

from services.referrals import commands
from services.referrals.commands import AnswerInformation, ReceiveReferral, RequestInformation
from services.referrals.domain import Policy
from services.referrals.domain.referral import (
    ENDED,
    OPEN,
    REFERRAL,
    Occurrence,
    Referral,
    ReferralDeadline,
    Status,
    available_transitions,
    current_deadline,
    owner,
)
from shared.contracts.codes import Urgency
from shared.contracts.referral_codes import Discrepancy, Route
from shared.kernel.errors import IllegalTransition
from shared.kernel.ids import new_id
from shared.kernel.state_table import Trigger, name_of
from tests.builders.referrals import MONDAY, a_referral, transitions

TRANSITIONS = transitions(MONDAY.astimezone(UTC) + timedelta(hours=1), Policy())


#: A merged referral is withdrawn by its referrer, who may also give information, and a mistaken death or move is reversed. An acceptance
#: may cross with an end.
_FROM_AN_END: dict[Status, set[Trigger]] = {
    Status.MERGED: {commands.CancelReferral, commands.AnswerInformation, commands.AmendReferral, Occurrence.PERSON_SEPARATED},
    Status.CLOSED: {Occurrence.PERSON_RESTORED, commands.ReopenReferral, Occurrence.ACCEPTED_AFTER_ALL},
    Status.CANCELLED: {Occurrence.PERSON_RESTORED, commands.ReopenReferral, Occurrence.ACCEPTED_AFTER_ALL},
}
_OF_A_CALL = {"answer_by": MONDAY, "call_repeated_at": MONDAY}
_OF_A_DISCREPANCY = {"discrepancies": (Discrepancy.CONDITION_MISSING,), "discrepancies_due_at": MONDAY}
_NEEDED: dict[Trigger, dict[str, Any]] = {
    commands.RecallReferral: {"route": Route.RAPID_CARE, "service_code": "rapid-care"},
    commands.AnswerCall: _OF_A_CALL,
    ReferralDeadline.CALL: _OF_A_CALL,
    commands.ResolveDiscrepancy: _OF_A_DISCREPANCY,
    ReferralDeadline.DISCREPANCY: _OF_A_DISCREPANCY,
    commands.ReopenReferral: {"ended_at": MONDAY.astimezone(UTC)},
    Occurrence.PERSON_RESTORED: {"ended_from": Status.IDENTIFIED},
    Occurrence.PERSON_SEPARATED: {"merged_into": new_id()},
}

#: Every state, and an open question asked in each state that permits one.
SITUATIONS = [
    *((status, None) for status in Status if status is not Status.INFORMATION_REQUESTED),
    *((Status.INFORMATION_REQUESTED, status) for status in Status if status in REFERRAL[RequestInformation].sources),
]


@pytest.mark.parametrize(("status", "asked_in"), SITUATIONS, ids=str)
@pytest.mark.parametrize("trigger", TRANSITIONS, ids=name_of)
def test_every_trigger_follows_state_table(trigger: Trigger, status: Status, asked_in: Status | None) -> None:
    referral = _in(status, asked_in, trigger)

    if not _is_permitted(trigger, status, asked_in):
        assert trigger not in available_transitions(referral)
        with pytest.raises(IllegalTransition):
            TRANSITIONS[trigger](referral)
        return

    assert trigger in available_transitions(referral)
    decision = TRANSITIONS[trigger](referral)
    row = REFERRAL[trigger]
    assert decision.state.status in (row.targets or {status})
    assert {type(event) for event in decision.events} <= row.emits
    assert decision.events


def test_every_command_and_deadline_has_a_row() -> None:
    named = {each for each in vars(commands).values() if isinstance(each, type) and each.__module__ == commands.__name__}
    of_a_life = {commands.RecordDeath, commands.RecordMove, commands.RecordReturn, commands.RestorePerson}
    of_an_identity = {commands.VerifyIdentity, commands.MergePerson, commands.SeparatePerson}
    of_a_proposal = {commands.ConfirmProposal, commands.DismissProposal}
    not_of_a_referral = {commands.Demographics, commands.ReviseRecord} | of_a_life | of_an_identity | of_a_proposal
    not_of_a_referral |= {commands.ClaimReferral, commands.ReleaseClaim, commands.AcknowledgeConcern, commands.CloseConcern}

    assert set(REFERRAL) == (named - not_of_a_referral) | set(ReferralDeadline) | set(Occurrence)
    assert set(TRANSITIONS) == set(REFERRAL) - {ReceiveReferral, Occurrence.REFERRED_ONWARD}


def test_open_state_has_owner_and_deadline() -> None:
    assert set(OPEN) | set(ENDED) == set(Status)
    for status, asked_in in SITUATIONS:
        referral = _in(status, asked_in)
        assert (owner(referral) is not None) is (status in OPEN)
        assert (current_deadline(referral) is not None) is (status in OPEN)


def test_only_open_states_can_be_left() -> None:
    for status in OPEN:
        assert any(status in row.sources and row.targets - {status} for row in REFERRAL.values())
    for status in ENDED:
        leaving = {trigger for trigger, row in REFERRAL.items() if status in row.sources and row.targets - {status}}
        assert leaving <= _FROM_AN_END[status]


def test_referral_offers_no_command_without_object() -> None:
    """A call, a discrepancy, and a receiver that can be recalled."""
    accepted = a_referral(Status.ACCEPTED, urgency=Urgency.URGENT)

    absent = {commands.AnswerCall, commands.ResolveDiscrepancy, commands.RecallReferral, commands.RaiseUrgency}
    assert not absent & set(available_transitions(accepted))
    assert not {ReferralDeadline.CALL, ReferralDeadline.DISCREPANCY} & set(available_transitions(accepted))


def _is_permitted(trigger: Trigger, status: Status, asked_in: Status | None) -> bool:
    sources = REFERRAL[trigger].sources
    return status in sources and (asked_in is None or trigger is AnswerInformation or asked_in in sources)


def _in(status: Status, asked_in: Status | None, trigger: Trigger | None = None) -> Referral:
    """A referral routed before, so that an acceptance may still arrive, with the object that the trigger needs."""
    needed: dict[str, Any] = _NEEDED.get(trigger, {}) if trigger else {}
    routed = a_referral(asked_in or status, **{"route": Route.SERVICE, "service_code": "district-nursing"} | needed)
    return replace(routed, status=status, asked_in=asked_in)
