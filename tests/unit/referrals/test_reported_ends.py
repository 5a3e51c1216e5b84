"""A death or a move that a referrer may only report: a mark for staff, which the record of the change answers."""

from dataclasses import replace
from datetime import UTC

import pytest

from services.referrals.commands import CancelReferral
from services.referrals.domain import Policy, closure, discrepancies
from services.referrals.domain.referral import ENDED, OPEN, Referral, ReferralDeadline, Status, pending_deadlines
from services.referrals.domain.repetition import is_repeated
from shared.access import Basis, Relationship, may_record_end
from shared.contracts.persons import PersonChange
from shared.contracts.referral_codes import CancelReason, Discrepancy
from shared.contracts.referrals import ReferralDiscrepancyFound
from shared.kernel.errors import IllegalTransition
from tests.builders.referrals import MONDAY, a_referral

POLICY = Policy()
NOW = MONDAY.astimezone(UTC)
_REPORTS = [
    (PersonChange.DEATH, CancelReason.DIED, Discrepancy.DEATH_REPORTED),
    (PersonChange.MOVE, CancelReason.MOVED_AWAY, Discrepancy.MOVE_REPORTED),
]


@pytest.mark.parametrize("status", OPEN)
@pytest.mark.parametrize(("change", "mark"), [(change, mark) for change, _, mark in _REPORTS])
def test_report_of_an_end_marks_and_ends_nothing(change: PersonChange, mark: Discrepancy, status: Status) -> None:
    referral = a_referral(status, asked_in=Status.ROUTED if status is Status.INFORMATION_REQUESTED else None)

    decision = discrepancies.report_end(referral, change, NOW, POLICY)

    marked = decision.state
    assert replace(marked, discrepancies=(), discrepancies_due_at=None) == referral
    assert (marked.discrepancies, marked.cancel_reason) == ((mark,), None)
    assert ReferralDeadline.DISCREPANCY in pending_deadlines(marked)
    assert [type(event) for event in decision.events] == [ReferralDiscrepancyFound]


@pytest.mark.parametrize("status", ENDED)
def test_ended_referral_takes_no_report(status: Status) -> None:
    with pytest.raises(IllegalTransition):
        discrepancies.report_end(a_referral(status, ended_at=NOW), PersonChange.DEATH, NOW, POLICY)


@pytest.mark.parametrize(
    ("change", "reason", "left"),
    [
        (PersonChange.DEATH, CancelReason.DIED, ()),
        (PersonChange.MOVE, CancelReason.MOVED_AWAY, (Discrepancy.DEATH_REPORTED,)),
    ],
)
def test_recorded_death_answers_both_reports(change: PersonChange, reason: CancelReason, left: tuple[Discrepancy, ...]) -> None:
    """The report of a death stands after a move, should the move prove to be a mistake. A dead person's move needs no decision."""
    marked = _marked(Discrepancy.DEATH_REPORTED, Discrepancy.MOVE_REPORTED)

    ended = [
        closure.cancel(marked, CancelReferral(reason), has_merged=False, now=NOW).state,
        closure.end_with(marked, change, NOW, POLICY).state,
    ]

    assert [each.discrepancies for each in ended] == [left, left]


def test_withdrawal_records_no_reported_end() -> None:
    withdrawing = CancelReferral(CancelReason.SENT_IN_ERROR)

    ended = closure.cancel(_marked(Discrepancy.DEATH_REPORTED), withdrawing, has_merged=False, now=NOW).state

    assert (ended.discrepancies, ended.ended_from) == ((Discrepancy.DEATH_REPORTED,), None)


@pytest.mark.parametrize(("reason", "mark"), [(reason, mark) for _, reason, mark in _REPORTS])
def test_repeated_report_is_a_repetition(reason: CancelReason, mark: Discrepancy) -> None:
    marked = replace(_marked(mark), version=2)

    assert is_repeated(marked, CancelReferral(reason), version=1)
    assert not is_repeated(marked, CancelReferral(reason), version=2)
    assert not is_repeated(replace(marked, discrepancies=()), CancelReferral(reason), version=1)
    assert not is_repeated(marked, CancelReferral(CancelReason.WITHDRAWN), version=1)


@pytest.mark.parametrize("basis", Basis)
def test_mere_referrer_records_no_end(basis: Basis) -> None:
    """Neither do a proposal, a list of risk scores, a concern and an act of break-glass let their holder record one."""
    is_weak = basis in {Basis.REFERRER, Basis.PROPOSED_LEAD, Basis.CASE_FINDING, Basis.SAFEGUARDING, Basis.BREAK_GLASS}
    held = [Relationship(Basis.REFERRER, "W08"), Relationship(basis, "W08")]

    assert may_record_end(held) is not is_weak


def test_stranger_records_no_end() -> None:
    assert not may_record_end([])


def _marked(*marks: Discrepancy) -> Referral:
    return a_referral(discrepancies=marks, discrepancies_due_at=NOW)
