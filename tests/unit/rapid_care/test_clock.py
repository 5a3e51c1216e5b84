"""The two-hour clock, as pure rules."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from services.rapid_care.commands import DeclineResponse, RecordFirstContact
from services.rapid_care.domain.clock import (
    Clock,
    clock_of,
    decline,
    judge_deadline,
    reconfirm_acceptance,
    record_first_contact,
    request,
    warn,
)
from services.rapid_care.domain.opening import next_opening
from services.rapid_care.domain.policy import Policy
from services.rapid_care.domain.response import (
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
    ResponseBreachCleared,
    ResponseBreached,
    ResponseContacted,
    ResponseHeldUntilOpening,
    ResponseRequested,
)
from shared.kernel.decision import Decision
from shared.kernel.ids import PersonId, new_id
from tests.builders.rapid_care import a_response, a_routed_referral, at

POLICY = Policy()

instants = st.datetimes(min_value=datetime(2013, 1, 1), max_value=datetime(2030, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001  the zone is given


def _requested(
    received_at: datetime, *, before: Response | None = None, now: datetime | None = None, **changes: object
) -> Decision[Response]:
    """Routed at the moment of its receipt, unless `now` is another."""
    return request(
        a_routed_referral(received_at, **changes),
        response_id=new_id(),
        person_id=PersonId(new_id()),
        referral_id=new_id(),
        correlation_id=new_id(),
        before=before,
        policy=POLICY,
        now=now or received_at,
    )


@given(instants, st.timedeltas(min_value=timedelta(), max_value=timedelta(days=3)))
@example(datetime(2015, 3, 28, 23, 30, tzinfo=UTC), timedelta())
@example(datetime(2015, 10, 25, 0, 30, tzinfo=UTC), timedelta())
def test_the_deadline_is_exactly_two_hours_after_the_clock_began(received_at: datetime, later: timedelta) -> None:
    response = _requested(received_at, clock_starts_at=received_at + later).state

    assert response.clock_starts_at == next_opening(received_at + later, POLICY)
    assert response.due_at.timestamp() - response.clock_starts_at.timestamp() == 7200
    assert response.received_at == received_at


@given(instants)
def test_what_comes_in_closed_hours_is_held_and_all_else_is_requested(received_at: datetime) -> None:
    decision = _requested(received_at)
    response = decision.state
    is_open = next_opening(received_at, POLICY) == received_at
    kinds = [deadline.kind for deadline in decision.deadlines]

    assert response.status is (Status.REQUESTED if is_open else Status.HELD)
    assert [type(event) for event in decision.events] == [ResponseRequested if is_open else ResponseHeldUntilOpening]
    assert (ResponseDeadline.OPENING in kinds, response.was_held) == (not is_open, not is_open)
    assert clock_of(response, received_at) is (Clock.RUNNING if is_open else Clock.HELD)


def test_a_raised_urgency_starts_the_clock_when_it_was_raised() -> None:
    response = _requested(at("10:00"), clock_starts_at=at("12:00")).state

    assert (response.received_at, response.due_at) == (at("10:00"), at("14:00"))


def test_warnings_come_at_60_90_and_110_minutes_and_the_breach_an_instant_after_the_deadline() -> None:
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
def test_a_referral_that_comes_again_is_not_warned_of_what_was_told(ended_at: str, now: str, left: list[str]) -> None:
    before = decline(a_response(), DeclineResponse(DeclineReason.CAPACITY), at(ended_at)).state

    again = _requested(at("14:00"), before=before, now=at(now))

    assert [deadline.due_at for deadline in again.deadlines] == [at(each) for each in left]
    assert (again.state.breached_at is not None) is (before.breached_at is not None) is (ended_at > "16:00")
    contact = replace(again.state, status=Status.EN_ROUTE)
    told = record_first_contact(contact, RecordFirstContact(at("16:30")), at("16:30")).events
    assert ([type(event) for event in told] == [ResponseContacted]) is (ended_at > "16:00")


def test_a_new_clock_warns_from_its_own_beginning() -> None:
    before = decline(a_response(), DeclineResponse(DeclineReason.CAPACITY), at("16:10")).state

    again = _requested(at("14:00"), clock_starts_at=at("16:30"), before=before, now=at("16:30"))

    assert len(again.deadlines) == 4
    assert again.state.breached_at is None


def test_a_call_stops_the_clock_only_where_triage_chose_it() -> None:
    call = RecordFirstContact(at("15:00"), ContactMode.TELEPHONE_BY_TRIAGE)

    with pytest.raises(TelephoneNotAuthorised):
        record_first_contact(a_response(status=Status.EN_ROUTE), call, at("15:00"))

    assert _requested(at("14:00"), is_by_telephone=True).state.is_by_telephone


def test_what_is_asked_for_again_is_said_to_be_accepted_again() -> None:
    accepted = a_response(status=Status.ASSIGNED)

    decision = reconfirm_acceptance(accepted, a_routed_referral(at("14:00"), routing=2), at("14:50"))

    assert decision.state == replace(accepted, routing=2)
    [event] = decision.events
    assert isinstance(event, ResponseAccepted)
    assert (event.referral_id, event.routing) == (accepted.referral_id, 2)


def test_a_referral_without_a_condition_is_another_condition() -> None:
    assert _requested(at("14:00"), condition=None).state.condition is Condition.OTHER


@pytest.mark.parametrize(("received_at", "crosses"), [("19:59", False), ("20:00", False), ("20:00:01", True), ("21:59:59", True)])
def test_a_deadline_after_closing_time_is_flagged(received_at: str, crosses: bool) -> None:  # noqa: FBT001  a case
    assert _requested(at(received_at)).state.crosses_close is crosses


@pytest.mark.acceptance("rapid_care-1")
@pytest.mark.parametrize(("contacted_at", "is_met"), [("15:59:59", True), ("16:00:00", True), ("16:00:01", False)])
def test_a_contact_exactly_at_the_deadline_is_met(contacted_at: str, is_met: bool) -> None:  # noqa: FBT001  a case
    decision = record_first_contact(a_response(status=Status.EN_ROUTE), RecordFirstContact(at(contacted_at)), at("17:00"))

    contact = decision.events[-1]
    assert isinstance(contact, ResponseContacted)
    assert contact.is_met is is_met
    assert decision.cancels == [ResponseDeadline.AT_RISK, ResponseDeadline.BREACH]


def test_a_contact_written_up_late_but_made_in_time_clears_the_breach() -> None:
    response = a_response(status=Status.EN_ROUTE, breached_at=at("16:00:01"))

    decision = record_first_contact(response, RecordFirstContact(at("15:50")), at("16:30"))

    assert [type(event) for event in decision.events] == [ResponseContacted, ResponseBreachCleared]
    assert (decision.state.breached_at, decision.state.contact_recorded_at) == (None, at("16:30"))


def test_a_late_contact_leaves_the_breach_as_it_was_told() -> None:
    response = a_response(status=Status.EN_ROUTE, breached_at=at("16:00:01"))

    decision = record_first_contact(response, RecordFirstContact(at("16:20")), at("16:30"))

    assert [type(event) for event in decision.events] == [ResponseContacted]
    assert clock_of(decision.state, at("16:30")) is Clock.BREACHED


@pytest.mark.parametrize("mode", ContactMode)
def test_every_mode_of_contact_stops_the_clock(mode: ContactMode) -> None:
    response = a_response(status=Status.EN_ROUTE, is_by_telephone=True)

    decision = record_first_contact(response, RecordFirstContact(at("15:00"), mode), at("15:00"))

    assert (decision.state.contact_mode, clock_of(decision.state, at("18:00"))) == (mode, Clock.MET)


@pytest.mark.parametrize(("contacted_at", "refusal"), [("17:00:00.000001", ContactInFuture), ("13:59:59.999999", ContactBeforeReceipt)])
def test_a_contact_lies_between_receipt_and_now(contacted_at: str, refusal: type[Exception]) -> None:
    with pytest.raises(refusal):
        record_first_contact(a_response(status=Status.EN_ROUTE), RecordFirstContact(at(contacted_at)), at("17:00"))


def test_a_warning_says_how_many_minutes_have_gone() -> None:
    assert warn(a_response(), at("15:30")).events[0].minutes_elapsed == 90  # type: ignore[attr-defined]


def test_a_breach_is_told_with_its_deadline_and_changes_no_state() -> None:
    decision = judge_deadline(a_response(status=Status.ASSIGNED), at("16:00:00.000001"))

    assert decision.events == [ResponseBreached(due_at=at("16:00"))]
    assert decision.state.status is Status.ASSIGNED


@pytest.mark.parametrize(
    ("changes", "now", "stands"),
    [
        ({}, "15:59", Clock.RUNNING),
        ({}, "16:00", Clock.RUNNING),
        ({}, "16:00:01", Clock.OVERDUE),
        ({"status": Status.HELD}, "13:00", Clock.HELD),
        ({"status": Status.ACCEPTED}, "13:00", Clock.HELD),
        ({"status": Status.CONTACTED, "contacted_at": at("15:00")}, "20:00", Clock.MET),
        ({"status": Status.DECLINED, "ended_at": at("15:00")}, "20:00", Clock.RELEASED),
        ({"status": Status.DECLINED, "ended_at": at("17:00"), "breached_at": at("16:00:01")}, "20:00", Clock.BREACHED),
    ],
)
def test_a_clock_stands_in_exactly_one_way(changes: dict[str, object], now: str, stands: Clock) -> None:
    assert clock_of(replace(a_response(), **changes), at(now)) is stands  # type: ignore[arg-type]
