"""Proposals: their states, their deadlines, and what an equal one does."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.referrals.commands import ConfirmProposal, DismissProposal
from services.referrals.domain import Policy, proposals
from services.referrals.domain.differences import Difference
from services.referrals.domain.proposals import PROPOSAL, Proposal, ProposalDeadline, ProposalOccurrence, ProposalStatus
from services.referrals.domain.record_fields import FormerValue
from shared.contracts.codes import Urgency
from shared.contracts.persons import (
    ProposalConfirmed,
    ProposalDismissed,
    ProposalOpened,
    ProposalOverdue,
    ProposalRepeated,
    RecordField,
)
from shared.kernel.decision import Deadline, Decision
from shared.kernel.errors import IllegalTransition
from shared.kernel.ids import PersonId, new_id
from shared.kernel.state_table import Trigger, name_of
from tests.builders.referrals import MONDAY, a_person, a_referral

NOW = MONDAY.astimezone(UTC)
POLICY = Policy()
RECORD = PersonId(new_id())
MOVE = Difference(RecordField.ADDRESS, None, "Oakleigh", "Whetstone")
DISMISSING = DismissProposal("He lives where he lived; the neighbour confirms it.")
ROUTINE_DUE = datetime(2015, 3, 18, 10, 5, tzinfo=UTC)
URGENT_DUE = NOW + timedelta(minutes=15)


def proposed(
    urgency: Urgency = Urgency.ROUTINE, *, earlier: Sequence[Proposal] = (), now: datetime = NOW, **person: Any
) -> list[Decision[Proposal]]:
    """The move as a referral of this urgency proposes it."""
    referral = a_referral(urgency=urgency, requested_urgency=urgency, person_id=RECORD)
    return proposals.propose([MOVE], earlier, a_person(**person), referral, now=now, policy=POLICY)


def a_proposal(status: ProposalStatus = ProposalStatus.UNDECIDED, **changes: Any) -> Proposal:
    [decision] = proposed()
    ended: dict[str, Any] = {} if status is ProposalStatus.UNDECIDED else {"due_at": None, "decided_at": NOW}
    fields: dict[str, Any] = {"status": status, "version": 1} | ended | changes
    return replace(decision.state, **fields)


TRIGGERS: dict[Trigger, Callable[[Proposal], Decision[Proposal]]] = {
    ConfirmProposal: lambda it: proposals.confirm(it, a_person(), decided_by="handler-1", now=NOW),
    DismissProposal: lambda it: proposals.dismiss(it, a_person(), DISMISSING, decided_by="handler-1", now=NOW),
    ProposalDeadline.DECISION: lambda it: proposals.mark_overdue(it, NOW, POLICY),
}


@pytest.mark.parametrize("status", ProposalStatus)
@pytest.mark.parametrize("trigger", TRIGGERS, ids=name_of)
def test_every_trigger_follows_state_table(trigger: Trigger, status: ProposalStatus) -> None:
    proposal, row = a_proposal(status), PROPOSAL[trigger]

    if status not in row.sources:
        with pytest.raises(IllegalTransition):
            TRIGGERS[trigger](proposal)
        return

    decision = TRIGGERS[trigger](proposal)
    assert decision.state.status in (row.targets or {status})
    assert {type(event) for event in decision.events} <= row.emits


def test_table_has_a_row_for_each_trigger() -> None:
    assert set(PROPOSAL) == {*TRIGGERS, ProposalOccurrence.PROPOSED_AGAIN}


@pytest.mark.parametrize(
    ("urgency", "due_at"), [(Urgency.ROUTINE, ROUTINE_DUE), (Urgency.ADVICE, ROUTINE_DUE), (Urgency.URGENT, URGENT_DUE)]
)
def test_urgent_proposal_is_due_with_triage(urgency: Urgency, due_at: datetime) -> None:
    [decision] = proposed(urgency)

    [opened] = decision.events
    assert isinstance(opened, ProposalOpened)
    assert (opened.field, opened.decide_by, opened.referrer_organisation) == (RecordField.ADDRESS, due_at, "W07")
    assert decision.deadlines == [Deadline(ProposalDeadline.DECISION, due_at + timedelta(microseconds=1))]
    assert (decision.state.present_value, decision.state.proposed_value) == ("Oakleigh", "Whetstone")


def test_events_have_no_values_of_the_record() -> None:
    decisions = [*proposed(), *(trigger(a_proposal()) for trigger in TRIGGERS.values())]

    assert all(word not in str(decision.events) for decision in decisions for word in ("Whetstone", "Oakleigh", "neighbour"))


def test_reminder_follows_reminder_until_the_decision() -> None:
    once = proposals.mark_overdue(a_proposal(), ROUTINE_DUE, POLICY)
    urgent = proposals.mark_overdue(a_proposal(is_urgent=True), NOW, POLICY)

    assert once.events == [ProposalOverdue(decide_by=ROUTINE_DUE)]
    assert (once.state.overdue_since, once.state.due_at) == (ROUTINE_DUE, datetime(2015, 3, 19, 10, 5, tzinfo=UTC))
    again = proposals.mark_overdue(replace(once.state, version=2), ROUTINE_DUE + timedelta(days=1), POLICY)
    assert (again.state.overdue_since, again.state.due_at) == (ROUTINE_DUE, datetime(2015, 3, 20, 10, 5, tzinfo=UTC))
    assert urgent.state.due_at == NOW + timedelta(hours=1)
    assert [deadline.kind for deadline in again.deadlines] == [ProposalDeadline.DECISION]


@pytest.mark.parametrize("command", [ConfirmProposal, DismissProposal])
def test_decision_ends_the_deadline(command: type) -> None:
    decision = TRIGGERS[command](a_proposal(overdue_since=NOW))

    assert (decision.state.due_at, decision.state.overdue_since, decision.state.decided_by) == (None, None, "handler-1")
    assert list(decision.cancels) == list(ProposalDeadline)
    assert isinstance(decision.events[0], ProposalConfirmed | ProposalDismissed)


def test_equal_proposal_opens_no_second_one() -> None:
    earlier = [a_proposal()]

    assert proposed(earlier=earlier, now=NOW + timedelta(hours=1)) == []


def test_equal_proposal_of_another_record_stays_with_it() -> None:
    other = a_proposal(person_id=PersonId(new_id()))

    [decision] = proposed(earlier=[other])

    assert decision.state.person_id == RECORD != other.person_id


def test_proposal_after_separation_is_urgent_about_its_record() -> None:
    own, survivor = a_person(), a_person()

    [decision] = proposals.propose_separated([MOVE], [], survivor, own, organisation="CLCH", now=NOW, policy=POLICY)

    assert (decision.state.person_id, decision.state.referral_id) == (own.id, own.correlation_id)
    assert (decision.state.is_urgent, decision.state.due_at) == (True, URGENT_DUE)


def test_equal_urgent_proposal_brings_the_deadline_forward() -> None:
    earlier = [a_proposal()]

    [decision] = proposed(Urgency.URGENT, earlier=earlier)

    assert (decision.state.id, decision.state.due_at, decision.state.is_urgent) == (earlier[0].id, URGENT_DUE, True)
    assert [type(event) for event in decision.events] == [ProposalRepeated]
    assert decision.deadlines == [Deadline(ProposalDeadline.DECISION, URGENT_DUE + timedelta(microseconds=1))]
    assert proposed(Urgency.URGENT, earlier=[decision.state], now=NOW + timedelta(minutes=1)) == []


def test_decided_proposal_may_be_made_again_and_says_so() -> None:
    dismissed = a_proposal(ProposalStatus.DISMISSED)
    elsewhere = a_proposal(ProposalStatus.DISMISSED, proposed_value="Barnet")

    [again], [other] = proposed(earlier=[dismissed]), proposed(earlier=[elsewhere])

    assert (again.state.dismissed_before, other.state.dismissed_before) == (NOW, None)
    assert again.state.id != dismissed.id


def test_proposal_of_a_former_value_says_so() -> None:
    former = FormerValue(RecordField.ADDRESS, None, "WHETSTONE", NOW - timedelta(days=90), "W07", "handler-1")

    [decision] = proposed(former_values=(former,))

    assert decision.state.former_until == former.until


def test_open_proposal_shows_the_value_of_today() -> None:
    corrected = a_person(address="Barnet")

    assert proposals.shown(a_proposal(), corrected).present_value == "Barnet"
    assert proposals.shown(a_proposal(ProposalStatus.DISMISSED), corrected).present_value == "Oakleigh"
    confirmed = proposals.confirm(a_proposal(), corrected, decided_by="handler-1", now=NOW)
    assert (confirmed.state.present_value, confirmed.state.proposed_value) == ("Barnet", "Whetstone")


def test_correction_to_the_proposed_value_settles_it() -> None:
    assert proposals.is_settled(a_proposal(), a_person(address="whetstone"))
    assert not proposals.is_settled(a_proposal(), a_person())
