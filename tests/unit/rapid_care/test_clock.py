"""The rules of the two-hour clock."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from services.rapid_care.commands import DeclineResponse, RecordFirstContact
from services.rapid_care.domain.clock import (
    ClockState,
    ResponseIds,
    clock_of,
    decline,
    judge_deadline,
    may_cancel,
    recall,
    reconfirm_acceptance,
    request,
    warn,
)
from services.rapid_care.domain.contact import record_first_contact
from services.rapid_care.domain.opening import next_opening
from services.rapid_care.domain.policy import Policy
from services.rapid_care.domain.response import (
    IN_CARE,
    WAITING,
    ContactBeforeReceipt,
    ContactInFuture,
    Response,
    ResponseDeadline,
    Status,
    TelephoneNotAuthorised,
)
from shared.contracts.codes import Condition
from shared.contracts.rapid_care import (
    ContactMode,
    DeclineReason,
    ResponseAccepted,
    ResponseAtRisk,
    ResponseBreachCleared,
    ResponseBreached,
    ResponseCancelled,
    ResponseContacted,
    ResponseHeldUntilOpening,
    ResponseRequested,
)
from shared.contracts.referrals import ReferralCancelled, ReferralRecalled, ReferralReturned, ReferralRouted
from shared.kernel.decision import Decision
from shared.kernel.ids import PersonId, new_id
from tests.builders.rapid_care import a_response, a_routed_referral, at

POLICY = Policy()
_OF_CLOCK = (ResponseDeadline.AT_RISK, ResponseDeadline.BREACH)

instants = st.datetimes(min_value=datetime(2013, 1, 1), max_value=datetime(2030, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001  the zone is given


def _requested(
    received_at: datetime, *, previous: Response | None = None, now: datetime | None = None, **changes: object
) -> Decision[Response]:
    """A referral routed at its receipt, unless `now` is given."""
    ids = ResponseIds(new_id(), PersonId(new_id()), new_id(), new_id())
    return request(a_routed_referral(received_at, **changes), ids, previous=previous, policy=POLICY, now=now or received_at)


@given(instants, st.timedeltas(min_value=timedelta(), max_value=timedelta(days=3)))
@example(datetime(2015, 3, 28, 23, 30, tzinfo=UTC), timedelta())
@example(datetime(2015, 10, 25, 0, 30, tzinfo=UTC), timedelta())
def test_deadline_is_two_hours_after_clock_start(received_at: datetime, later: timedelta) -> None:
    response = _requested(received_at, clock_starts_at=received_at + later).state

    assert response.clock_starts_at == next_opening(received_at + later, POLICY)
    assert response.due_at.timestamp() - response.clock_starts_at.timestamp() == 7200
    assert response.received_at == received_at


@given(instants)
def test_referral_is_held_only_in_closed_hours(received_at: datetime) -> None:
    decision = _requested(received_at)
    response = decision.state
    is_open = next_opening(received_at, POLICY) == received_at
    kinds = [deadline.kind for deadline in decision.deadlines]

    assert response.status is (Status.REQUESTED if is_open else Status.HELD)
    assert [type(event) for event in decision.events] == [ResponseRequested if is_open else ResponseHeldUntilOpening]
    assert (ResponseDeadline.OPENING in kinds, response.was_held) == (not is_open, not is_open)
    assert clock_of(response, received_at) is (ClockState.RUNNING if is_open else ClockState.HELD)


def test_raised_urgency_starts_clock_when_raised() -> None:
    response = _requested(at("10:00"), clock_starts_at=at("12:00")).state

    assert (response.received_at, response.due_at) == (at("10:00"), at("14:00"))


def test_warnings_precede_breach_just_after_deadline() -> None:
    decision = _requested(at("14:00"))

    assert [(deadline.kind, deadline.due_at) for deadline in decision.deadlines] == [
        (ResponseDeadline.AT_RISK, at("15:00")),
        (ResponseDeadline.AT_RISK, at("15:30")),
        (ResponseDeadline.AT_RISK, at("15:50")),
        (ResponseDeadline.BREACH, at("16:00:00.000001")),
    ]


@pytest.mark.parametrize(
    ("ended_at", "now", "left"),
    [
        ("14:20", "14:40", ["15:00", "15:30", "15:50", "16:00:00.000001"]),
        ("15:10", "15:20", ["15:30", "15:50", "16:00:00.000001"]),
        ("15:10", "15:40", ["15:30", "15:50", "16:00:00.000001"]),
        ("16:10", "16:20", []),
    ],
)
def test_rerouted_referral_repeats_no_warning(ended_at: str, now: str, left: list[str]) -> None:
    previous = decline(a_response(), DeclineResponse(DeclineReason.CAPACITY), at(ended_at)).state

    again = _requested(at("14:00"), previous=previous, now=at(now))

    assert [deadline.due_at for deadline in again.deadlines if deadline.kind in _OF_CLOCK] == [at(each) for each in left]
    assert (again.state.breached_at is not None) is (previous.breached_at is not None) is (ended_at > "16:00")
    en_route = replace(again.state, status=Status.EN_ROUTE)
    events = record_first_contact(en_route, RecordFirstContact(at("16:30")), POLICY, at("16:30")).events
    assert ([type(event) for event in events] == [ResponseContacted]) is (ended_at > "16:00")


def test_restarted_clock_warns_from_its_start() -> None:
    previous = decline(a_response(), DeclineResponse(DeclineReason.CAPACITY), at("16:10")).state

    again = _requested(at("14:00"), clock_starts_at=at("16:30"), previous=previous, now=at("16:30"))

    assert len(again.deadlines) == 4
    assert again.state.breached_at is None


def test_telephone_contact_needs_decision_of_triage() -> None:
    call = RecordFirstContact(at("15:00"), ContactMode.TELEPHONE_BY_TRIAGE)

    with pytest.raises(TelephoneNotAuthorised):
        record_first_contact(a_response(status=Status.EN_ROUTE), call, POLICY, at("15:00"))

    assert _requested(at("14:00"), is_by_telephone=True).state.is_by_telephone


def test_rerouted_referral_is_accepted_again() -> None:
    accepted = a_response(status=Status.ASSIGNED)

    decision = reconfirm_acceptance(accepted, a_routed_referral(at("14:00"), routing=2), at("14:50"))

    assert decision.state == replace(accepted, routing=2)
    [event] = decision.events
    assert isinstance(event, ResponseAccepted)
    assert (event.referral_id, event.routing) == (accepted.referral_id, 2)


@pytest.mark.parametrize("status", [Status.HELD, *WAITING])
def test_recall_before_contact_cancels_response(status: Status) -> None:
    response = a_response(status=status)

    decision = recall(response, _RECALLED, at("15:00"))

    assert (decision.state.status, decision.state.cancel_reason) == (Status.CANCELLED, "recalled")
    assert decision.state.clinician_id == response.clinician_id
    assert decision.events == [ResponseCancelled(referral_id=response.referral_id, reason="recalled")]
    assert set(decision.cancels) == set(ResponseDeadline)


@pytest.mark.parametrize("status", IN_CARE)
def test_recall_after_contact_publishes_acceptance_again(status: Status) -> None:
    response = a_response(status=status, contacted_at=at("14:40"))

    decision = recall(response, _RECALLED, at("15:00"))

    assert decision.state == replace(response, routing=3)
    assert decision.events == [
        ResponseAccepted(referral_id=response.referral_id, accepted_at=at("15:00"), due_at=response.due_at, routing=3)
    ]


_RECALLED = ReferralRecalled(service_code="rapid-care", routing=3)


@pytest.mark.parametrize("clock_starts_at", ["03:11", "07:00"])
@pytest.mark.parametrize("now", ["03:20", "07:20"])
def test_response_shows_clock_of_referral_held_at_night(clock_starts_at: str, now: str) -> None:
    """A22: the referral may state the opening as the start of its clock, or the receipt."""
    response = _requested(at("03:11"), clock_starts_at=at(clock_starts_at), now=at(now)).state

    assert (response.clock_starts_at, response.due_at, response.was_held) == (at("07:00"), at("09:00"), True)


def test_raised_urgency_in_open_hours_is_not_held() -> None:
    assert not _requested(at("03:11"), clock_starts_at=at("12:00"), now=at("12:00")).state.was_held


def test_first_warning_flags_response_until_its_end() -> None:
    first = warn(a_response(), at("15:00")).state
    second = warn(first, at("15:30")).state

    assert second.at_risk_since == at("15:00")
    declined = decline(second, DeclineResponse(DeclineReason.CAPACITY), at("15:40")).state
    assert _requested(at("14:00"), previous=declined, now=at("15:45")).state.at_risk_since == at("15:00")


@pytest.mark.parametrize("status", [Status.HELD, *WAITING])
def test_response_is_declined_in_every_state_before_contact(status: Status) -> None:
    assert decline(a_response(status=status), DeclineResponse(DeclineReason.CAPACITY), at("15:00")).state.status is Status.DECLINED


@pytest.mark.parametrize("status", Status)
@pytest.mark.parametrize("trigger", [ReferralCancelled.TYPE, ReferralReturned.TYPE, ReferralRouted.TYPE])
def test_only_unanswered_response_is_taken_back(status: Status, trigger: str) -> None:
    assert may_cancel(a_response(status=status), trigger) is (status in (Status.HELD, Status.REQUESTED))


def test_missing_condition_becomes_other() -> None:
    assert _requested(at("14:00"), condition=None).state.condition is Condition.OTHER


@pytest.mark.parametrize(("received_at", "crosses"), [("19:59", False), ("20:00", False), ("20:00:01", True), ("21:59:59", True)])
def test_deadline_after_closing_time_is_flagged(received_at: str, crosses: bool) -> None:  # noqa: FBT001  a case
    assert _requested(at(received_at)).state.crosses_close is crosses


@pytest.mark.acceptance("rapid_care-1")
@pytest.mark.parametrize(("contacted_at", "is_met"), [("15:59:59", True), ("16:00:00", True), ("16:00:01", False)])
def test_contact_exactly_at_deadline_meets_clock(contacted_at: str, is_met: bool) -> None:  # noqa: FBT001  a case
    decision = record_first_contact(a_response(status=Status.EN_ROUTE), RecordFirstContact(at(contacted_at)), POLICY, at("17:00"))

    contact = decision.events[-1]
    assert isinstance(contact, ResponseContacted)
    assert contact.is_met is is_met
    assert decision.cancels == [ResponseDeadline.AT_RISK, ResponseDeadline.BREACH]


def test_timely_contact_recorded_late_clears_breach() -> None:
    response = a_response(status=Status.EN_ROUTE, breached_at=at("16:00:01"))

    decision = record_first_contact(response, RecordFirstContact(at("15:50")), POLICY, at("16:30"))

    assert [type(event) for event in decision.events] == [ResponseContacted, ResponseBreachCleared]
    assert (decision.state.breached_at, decision.state.contact_recorded_at) == (None, at("16:30"))


def test_late_contact_keeps_breach() -> None:
    response = a_response(status=Status.EN_ROUTE, breached_at=at("16:00:01"))

    decision = record_first_contact(response, RecordFirstContact(at("16:20")), POLICY, at("16:30"))

    assert [type(event) for event in decision.events] == [ResponseContacted]
    assert clock_of(decision.state, at("16:30")) is ClockState.BREACHED


@pytest.mark.parametrize("mode", ContactMode)
def test_every_contact_mode_stops_clock(mode: ContactMode) -> None:
    response = a_response(status=Status.EN_ROUTE, is_by_telephone=True)

    decision = record_first_contact(response, RecordFirstContact(at("15:00"), mode), POLICY, at("15:00"))

    assert (decision.state.contact_mode, clock_of(decision.state, at("18:00"))) == (mode, ClockState.MET)


@pytest.mark.parametrize(("contacted_at", "refusal"), [("17:00:00.000001", ContactInFuture), ("13:59:59.999999", ContactBeforeReceipt)])
def test_contact_time_lies_between_receipt_and_now(contacted_at: str, refusal: type[Exception]) -> None:
    with pytest.raises(refusal):
        record_first_contact(a_response(status=Status.EN_ROUTE), RecordFirstContact(at(contacted_at)), POLICY, at("17:00"))


def test_warning_carries_minutes_elapsed() -> None:
    response = a_response()

    assert warn(response, at("15:30")).events == [ResponseAtRisk(referral_id=response.referral_id, minutes_elapsed=90, due_at=at("16:00"))]


def test_breach_carries_deadline_and_keeps_status() -> None:
    response = a_response(status=Status.ASSIGNED)

    decision = judge_deadline(response, at("16:00:00.000001"), POLICY)

    assert decision.events == [ResponseBreached(referral_id=response.referral_id, due_at=at("16:00"))]
    assert decision.state.status is Status.ASSIGNED


@pytest.mark.parametrize(
    ("changes", "now", "expected"),
    [
        ({}, "15:59", ClockState.RUNNING),
        ({}, "16:00", ClockState.RUNNING),
        ({}, "16:00:01", ClockState.OVERDUE),
        ({"status": Status.HELD}, "13:00", ClockState.HELD),
        ({"status": Status.ACCEPTED}, "13:00", ClockState.HELD),
        ({"status": Status.CONTACTED, "contacted_at": at("15:00")}, "20:00", ClockState.MET),
        ({"status": Status.DECLINED, "ended_at": at("15:00")}, "20:00", ClockState.RELEASED),
        ({"status": Status.DECLINED, "ended_at": at("17:00"), "breached_at": at("16:00:01")}, "20:00", ClockState.BREACHED),
    ],
)
def test_clock_has_exactly_one_state(changes: dict[str, object], now: str, expected: ClockState) -> None:
    assert clock_of(replace(a_response(), **changes), at(now)) is expected  # type: ignore[arg-type]
