"""Safeguarding concerns: their states, and the deadlines of the council."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.referrals.commands import AcknowledgeConcern, CloseConcern
from services.referrals.domain import Policy, safeguarding
from services.referrals.domain.safeguarding import (
    SAFEGUARDING_CONCERN,
    Account,
    Concern,
    ConcernDeadline,
    ConcernOccurrence,
    ConcernStatus,
)
from shared.contracts.safeguarding import ConcernKind, ConcernOutcome, Raiser
from shared.kernel.actor import Actor
from shared.kernel.decision import Decision
from shared.kernel.errors import IllegalTransition
from shared.kernel.ids import PersonId, new_id
from shared.kernel.state_table import Trigger, name_of
from tests.builders.referrals import MONDAY

NOW = MONDAY.astimezone(UTC)
POLICY = Policy()
CLOSING = CloseConcern(ConcernOutcome.ADVICE_GIVEN, "He wants no enquiry.")
TUESDAY = datetime(2015, 3, 17, 10, 5, tzinfo=UTC)


def an_account(**changes: Any) -> Account:
    fields: dict[str, Any] = {
        "id": new_id(),
        "service": "referrals",
        "kind": ConcernKind.NEGLECT,
        "is_urgent": False,
        "account": "He has not eaten.",
        "raiser": Raiser(organisation="CLCH", professional_id="nurse-1", role="community-nurse"),
        "is_raiser_limited": False,
        "raised_at": NOW,
    }
    return Account(**(fields | changes))


def a_concern(status: ConcernStatus = ConcernStatus.RAISED, **changes: Any) -> Concern:
    raised = safeguarding.raise_concern(new_id(), PersonId(new_id()), an_account(), POLICY).state
    ended: dict[str, Any] = {"due_at": None} if status is ConcernStatus.CLOSED else {}
    fields: dict[str, Any] = {"status": status, "version": 1} | ended | changes
    return replace(raised, **fields)


LATE = NOW + timedelta(days=1, seconds=1)
TRIGGERS: dict[Trigger, Callable[[Concern], Decision[Concern] | None]] = {
    AcknowledgeConcern: lambda it: safeguarding.acknowledge(it, acknowledged_by="LBB council-1", now=NOW, policy=POLICY),
    CloseConcern: lambda it: safeguarding.close(it, CLOSING, closed_by="LBB council-1", now=NOW),
    ConcernOccurrence.ACCOUNT_ADDED: lambda it: safeguarding.add_account(it, an_account(), POLICY),
    ConcernDeadline.ACKNOWLEDGEMENT: lambda it: safeguarding.mark_overdue(it, ConcernDeadline.ACKNOWLEDGEMENT, LATE, POLICY),
    ConcernDeadline.DECISION: lambda it: safeguarding.mark_overdue(it, ConcernDeadline.DECISION, LATE, POLICY),
}


@pytest.mark.parametrize("status", ConcernStatus)
@pytest.mark.parametrize("trigger", TRIGGERS, ids=name_of)
def test_every_trigger_follows_state_table(trigger: Trigger, status: ConcernStatus) -> None:
    """A deadline of a former state does nothing; a command in a wrong state is refused."""
    concern, row = a_concern(status), SAFEGUARDING_CONCERN[trigger]

    if status not in row.sources:
        if isinstance(trigger, ConcernDeadline):
            assert TRIGGERS[trigger](concern) is None
            return
        with pytest.raises(IllegalTransition):
            TRIGGERS[trigger](concern)
        return

    decision = TRIGGERS[trigger](concern)
    assert decision is not None
    assert decision.state.status in (row.targets or {status})
    assert {type(event) for event in decision.events} <= row.emits


def test_table_has_a_row_for_each_trigger() -> None:
    assert set(SAFEGUARDING_CONCERN) == set(TRIGGERS)


@pytest.mark.parametrize(("is_urgent", "due_at"), [(False, TUESDAY), (True, NOW + timedelta(hours=4))])
def test_council_has_a_working_day_or_four_hours(*, is_urgent: bool, due_at: datetime) -> None:
    raised = safeguarding.raise_concern(new_id(), PersonId(new_id()), an_account(is_urgent=is_urgent), POLICY).state

    assert raised.due_at == due_at


def test_time_of_the_council_runs_from_the_account() -> None:
    """An event that was long under way is escalated at once."""
    friday = NOW - timedelta(days=3)
    late = safeguarding.raise_concern(new_id(), PersonId(new_id()), an_account(raised_at=friday), POLICY)

    assert late.state.due_at == NOW
    escalated = safeguarding.mark_overdue(late.state, ConcernDeadline.ACKNOWLEDGEMENT, NOW + timedelta(seconds=1), POLICY)
    assert escalated is not None
    assert escalated.state.status is ConcernStatus.ESCALATED


def test_deadline_that_became_later_does_nothing() -> None:
    concern = a_concern(due_at=TUESDAY)

    assert safeguarding.mark_overdue(concern, ConcernDeadline.ACKNOWLEDGEMENT, TUESDAY, POLICY) is None


@pytest.mark.parametrize("status", [ConcernStatus.RAISED, ConcernStatus.ESCALATED])
def test_account_never_delays_the_acknowledgement(status: ConcernStatus) -> None:
    sooner = NOW + timedelta(minutes=10)

    added = safeguarding.add_account(a_concern(status, due_at=sooner), an_account(), POLICY).state

    assert (added.status, added.due_at) == (status, sooner)


@pytest.mark.parametrize(("organisation", "is_limited", "expected"), [("LBB", True, True), ("CLCH", True, False), ("CLCH", False, True)])
def test_limited_name_is_shown_to_the_council(organisation: str, *, is_limited: bool, expected: bool) -> None:
    reader = Actor("reader-1", organisation, "safeguarding-lead")

    assert safeguarding.shows_raiser(an_account(is_raiser_limited=is_limited), reader, POLICY) is expected
