"""Receiving a referral: its first state, deadline and merge."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.referrals.domain import Policy, receipt
from services.referrals.domain.receipt import Arrival
from services.referrals.domain.referral import Referral, ReferralDeadline, Status
from shared.contracts.codes import Urgency
from shared.contracts.referral_codes import Reason, Route
from shared.contracts.referrals import ReferralIdentified, ReferralIdentityUnverified, ReferralMerged, ReferralReceived
from shared.kernel.decision import Decision
from shared.kernel.ids import new_id
from tests.builders.london import london
from tests.builders.referrals import MONDAY, SATURDAY, a_person, a_referral, a_request

POLICY = Policy()
NOW = MONDAY.astimezone(UTC)


#: Received at night, and a second call about an accepted referral.
_NIGHT_CALL: dict[str, Any] = {"urgency": Urgency.URGENT, "clock_starts_at": london("2015-03-14T23:00")}
_REPEATED_CALL: dict[str, Any] = {"urgency": Urgency.URGENT, "answer_by": MONDAY, "call_repeated_at": MONDAY}


def test_received_referral_starts_its_clock() -> None:
    decision = _receive()

    assert [type(event) for event in decision.events] == [ReferralReceived, ReferralIdentified]
    assert decision.state.status is Status.IDENTIFIED
    assert decision.state.received_at == decision.state.clock_starts_at == NOW


@pytest.mark.acceptance("referrals-5")
def test_urgent_referral_without_number_is_unverified() -> None:
    decision = _receive(person=a_person(nhs_number=None), urgency=Urgency.URGENT)

    assert [type(event) for event in decision.events] == [ReferralReceived, ReferralIdentityUnverified]
    assert decision.state.status is Status.UNVERIFIED


@pytest.mark.parametrize(
    ("urgency", "at", "due_at"),
    [
        (Urgency.URGENT, "2015-03-14T09:00", "2015-03-14T09:15"),  # T5: a Saturday is a day like any other
        (Urgency.URGENT, "2015-03-14T23:00", "2015-03-15T07:15"),  # G03: the service opens at 07:00
        (Urgency.URGENT, "2015-03-14T06:59", "2015-03-14T07:15"),
        (Urgency.ROUTINE, "2015-03-16T10:05", "2015-03-17T10:05"),
        (Urgency.ROUTINE, "2015-03-13T16:00", "2015-03-16T16:00"),
        (Urgency.ADVICE, "2015-04-02T12:00", "2015-04-07T12:00"),  # Easter
    ],
)
def test_received_referral_has_triage_deadline(urgency: Urgency, at: str, due_at: str) -> None:
    decision = _receive(now=london(at), urgency=urgency)

    assert decision.state.due_at == london(due_at)
    assert [deadline.kind for deadline in decision.deadlines][:1] == [ReferralDeadline.TRIAGE]


@pytest.mark.acceptance("referrals-2")
def test_same_reason_within_window_merges() -> None:
    open_one = a_referral()

    decision = _receive(joins=open_one)

    assert [type(event) for event in decision.events] == [ReferralReceived, ReferralIdentified, ReferralMerged]
    assert decision.state.merged_into == open_one.id
    assert decision.state.correlation_id == open_one.correlation_id
    assert decision.state.reference != open_one.reference
    assert not decision.deadlines


@pytest.mark.parametrize(
    ("hours", "joins"), [(0, True), (72, True), (72.001, False)], ids=["at once", "at the end of the window", "after it"]
)
def test_merge_window_is_72_hours(*, hours: float, joins: bool) -> None:
    open_one = a_referral(received_at=NOW - timedelta(hours=hours))

    assert (receipt.to_join(a_request(), [open_one], NOW, POLICY) is open_one) is joins


@pytest.mark.parametrize(
    "changes",
    [
        {"reason": Reason.FALLS},
        {"status": Status.CLOSED},
        {"status": Status.CANCELLED},
        {"status": Status.MERGED},
        {"status": Status.SIGNPOSTED},
        {"status": Status.TRIAGED_ADVICE},
    ],
)
def test_other_reason_or_inactive_referral_is_not_joined(changes: dict[str, Any]) -> None:
    assert receipt.to_join(a_request(), [a_referral(**changes)], NOW, POLICY) is None


def test_urgent_referral_joins_urgent_one_only() -> None:
    urgent = a_request(urgency=Urgency.URGENT)
    running = a_referral(Status.TRIAGED_URGENT)

    assert receipt.to_join(urgent, [a_referral()], NOW, POLICY) is None
    assert receipt.to_join(urgent, [a_referral(), running], NOW, POLICY) is running
    assert receipt.to_join(a_request(), [running], NOW, POLICY) is running


@pytest.mark.parametrize("status", [Status.IDENTIFIED, Status.TRIAGED_ROUTINE, Status.ROUTED, Status.ACCEPTED, Status.RETURNED])
def test_active_referral_is_joined(status: Status) -> None:
    open_one = a_referral(status)

    assert receipt.to_join(a_request(), [open_one], NOW, POLICY) is open_one


def test_newest_open_referral_is_joined() -> None:
    older, newer = a_referral(received_at=NOW - timedelta(hours=3)), a_referral(received_at=NOW - timedelta(hours=2))

    assert receipt.to_join(a_request(), [newer, older], NOW, POLICY) is newer


@pytest.mark.parametrize(
    ("status", "changes", "at", "service"),
    [
        (Status.IDENTIFIED, {"urgency": Urgency.URGENT}, "2015-03-14T23:00", "out-of-hours-gp"),
        (Status.IDENTIFIED, {"urgency": Urgency.URGENT}, "2015-03-14T21:59", None),
        (Status.IDENTIFIED, {}, "2015-03-14T23:00", None),
        (Status.TRIAGED_URGENT, {"has_red_flag": True}, "2015-03-14T12:00", "ambulance"),
        (Status.TRIAGED_URGENT, {"has_red_flag": True}, "2015-03-14T23:00", "ambulance"),
        (Status.ACCEPTED, {"has_red_flag": True}, "2015-03-14T12:00", None),
        (Status.ACCEPTED, _NIGHT_CALL, "2015-03-15T03:11", "out-of-hours-gp"),
        (Status.ACCEPTED, _NIGHT_CALL, "2015-03-15T07:00", None),
        (Status.ACCEPTED, _NIGHT_CALL, "2015-03-15T23:00", None),
        (Status.ACCEPTED, _REPEATED_CALL, "2015-03-17T23:00", "out-of-hours-gp"),
        (Status.ACCEPTED, _REPEATED_CALL, "2015-03-17T12:00", None),
        (Status.ACCEPTED, _REPEATED_CALL | {"has_red_flag": True}, "2015-03-17T12:00", "ambulance"),
        (Status.CLOSED, {"has_red_flag": True}, "2015-03-14T12:00", None),
    ],
)
def test_emergency_alternative_depends_on_urgency_and_hour(status: Status, changes: dict[str, Any], at: str, service: str | None) -> None:
    assert receipt.emergency_alternative(a_referral(status, **changes), london(at), POLICY) == service


def _receive(*, now: datetime = NOW, joins: Referral | None = None, **changes: Any) -> Decision[Referral]:
    person = changes.pop("person", None) or a_person()
    arrival = Arrival(new_id(), "CPA-9E7D-RTAY", "W07", is_story_known=False, is_practice_covered=True, joins=joins)
    return receipt.receive(a_request(**changes), person, arrival, now=now, policy=POLICY)


def test_urgent_call_is_not_merged_into_meeting_or_navigation() -> None:
    call = a_request(urgency=Urgency.URGENT)

    for route in Route:
        joined = a_referral(Status.ACCEPTED, urgency=Urgency.URGENT, route=route)
        assert (receipt.to_join(call, [joined], NOW, POLICY) is joined) is (route in {Route.RAPID_CARE, Route.SERVICE})


@pytest.mark.parametrize(
    ("received_at", "starts_at"),
    [("2015-03-14T23:00", "2015-03-15T07:00"), ("2015-03-14T09:00", "2015-03-14T09:00")],
    ids=["closed hours", "opening hours"],
)
def test_shown_clock_of_urgent_referral_follows_opening_rule(received_at: str, starts_at: str) -> None:
    referral = a_referral(urgency=Urgency.URGENT, clock_starts_at=london(received_at))

    assert receipt.clock_starts_at(referral, POLICY) == london(starts_at)


def test_open_saturday_needs_no_emergency_alternative() -> None:
    assert receipt.emergency_alternative(a_referral(Status.TRIAGED_URGENT), SATURDAY, POLICY) is None
