"""Missed deadlines of a referral, and opening hours."""

from datetime import timedelta

import pytest

from services.referrals.domain import Policy, deadlines
from services.referrals.domain.referral import ReferralDeadline, Status
from shared.contracts.codes import Urgency
from shared.contracts.event import Event
from shared.contracts.referrals import ReferralAcknowledgementOverdue, ReferralOutcomeOverdue
from tests.builders.london import london
from tests.builders.referrals import a_referral

POLICY = Policy()


DUE = london("2015-03-16T10:20")


@pytest.mark.parametrize(
    ("status", "kind", "event"),
    [
        (
            Status.IDENTIFIED,
            ReferralDeadline.TRIAGE,
            ReferralAcknowledgementOverdue(service_code="community-point-of-access", acknowledge_by=DUE),
        ),
        (
            Status.RETURNED,
            ReferralDeadline.TRIAGE,
            ReferralAcknowledgementOverdue(service_code="community-point-of-access", acknowledge_by=DUE),
        ),
        (
            Status.ROUTED,
            ReferralDeadline.ACKNOWLEDGEMENT,
            ReferralAcknowledgementOverdue(service_code="district-nursing", acknowledge_by=DUE),
        ),
        (Status.ACCEPTED, ReferralDeadline.OUTCOME, ReferralOutcomeOverdue(service_code="district-nursing", outcome_by=DUE)),
    ],
)
def test_overdue_event_names_responsible_service(status: Status, kind: ReferralDeadline, event: Event) -> None:
    decision = deadlines.mark_overdue(a_referral(status, due_at=DUE), kind, DUE, POLICY)

    assert decision.events == [event]
    assert decision.state.overdue_since == DUE


@pytest.mark.parametrize(
    ("status", "urgency", "at", "next_due"),
    [
        (Status.ROUTED, Urgency.URGENT, "2015-03-16T10:20", "2015-03-16T11:20"),
        (Status.ROUTED, Urgency.URGENT, "2015-03-16T21:30", "2015-03-17T07:00"),
        (Status.ROUTED, Urgency.ROUTINE, "2015-03-13T10:20", "2015-03-16T10:20"),
        (Status.ACCEPTED, Urgency.ROUTINE, "2015-03-16T10:20", "2015-03-23T10:20"),
    ],
)
def test_missed_deadline_is_replaced(status: Status, urgency: Urgency, at: str, next_due: str) -> None:
    kind = ReferralDeadline.OUTCOME if status is Status.ACCEPTED else ReferralDeadline.ACKNOWLEDGEMENT

    decision = deadlines.mark_overdue(a_referral(status, urgency=urgency, due_at=london(at)), kind, london(at), POLICY)

    assert decision.state.due_at == london(next_due)


def test_late_firing_sets_next_deadline_from_now() -> None:
    days_later = DUE + timedelta(days=30)

    decision = deadlines.mark_overdue(
        a_referral(Status.ROUTED, urgency=Urgency.URGENT, due_at=DUE), ReferralDeadline.ACKNOWLEDGEMENT, days_later, POLICY
    )

    assert decision.state.due_at is not None
    assert decision.state.due_at > days_later


def test_overdue_since_keeps_first_deadline() -> None:
    first = deadlines.mark_overdue(a_referral(Status.ROUTED, due_at=DUE), ReferralDeadline.ACKNOWLEDGEMENT, DUE, POLICY).state
    assert first.due_at is not None

    second = deadlines.mark_overdue(first, ReferralDeadline.ACKNOWLEDGEMENT, first.due_at, POLICY)

    assert second.state.overdue_since == DUE


@pytest.mark.parametrize(
    ("at", "opening"),
    [
        ("2015-03-14T06:59", "2015-03-14T07:00"),
        ("2015-03-14T07:00", "2015-03-14T07:00"),
        ("2015-03-14T21:59", "2015-03-14T21:59"),
        ("2015-03-14T22:00", "2015-03-15T07:00"),
        ("2015-12-25T12:00", "2015-12-25T12:00"),
        ("2015-03-28T22:30", "2015-03-29T07:00"),
        ("2015-10-24T22:30", "2015-10-25T07:00"),
    ],
)
def test_point_of_access_opens_from_seven_to_ten_daily(at: str, opening: str) -> None:
    assert deadlines.opening_of(london(at), POLICY.opens, POLICY.closes, POLICY) == london(opening)


def test_service_without_hours_is_always_open() -> None:
    assert deadlines.opening_of(london("2015-03-14T03:00"), None, None, POLICY) == london("2015-03-14T03:00")
