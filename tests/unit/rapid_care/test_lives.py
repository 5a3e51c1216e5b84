"""Invariants of any sequence of commands on a response, with deadlines firing late or on time."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from services.rapid_care.commands import CloseResponse, DeclineResponse, RecordFirstContact
from services.rapid_care.domain import care, clock, dispatch
from services.rapid_care.domain.clock import ClockState, ResponseIds, clock_of
from services.rapid_care.domain.policy import Policy
from services.rapid_care.domain.response import Occurrence, Response, ResponseDeadline
from shared.contracts.rapid_care import (
    DeclineReason,
    ResponseAtRisk,
    ResponseBreachCleared,
    ResponseBreached,
    ResponseCancelled,
    ResponseClosed,
    ResponseContacted,
    ResponseDeclined,
    ResponseOutcome,
)
from shared.kernel.decision import Deadline, Decision, Fact
from shared.kernel.errors import DomainError
from shared.kernel.ids import PersonId, new_id
from tests.builders.rapid_care import a_clinician, a_routed_referral, at

POLICY = Policy()
_ENDS = {ResponseDeclined, ResponseCancelled, ResponseClosed}

Act = Callable[[Response, datetime], Decision[Response]]

ACTS: dict[str, Act] = {
    "accept": clock.accept,
    "assign": lambda response, _: dispatch.assign(response, a_clinician(), None, POLICY),
    "depart": dispatch.depart,
    "contact": lambda response, now: clock.record_first_contact(response, RecordFirstContact(now), now),
    "contact an hour ago": lambda response, now: clock.record_first_contact(response, RecordFirstContact(now - timedelta(hours=1)), now),
    "decline": lambda response, now: clock.decline(response, DeclineResponse(DeclineReason.CAPACITY), now),
    "close": lambda response, now: care.close(response, CloseResponse(ResponseOutcome.DECLINED_BY_PERSON), POLICY, now),
    "cancel": lambda response, now: clock.cancel(response, trigger=Occurrence.PERSON_GONE, reason="died", now=now),
}
DEADLINES: dict[str, Act] = {
    ResponseDeadline.OPENING: lambda response, _: clock.open_held_response(response),
    ResponseDeadline.AT_RISK: clock.warn,
    ResponseDeadline.BREACH: clock.judge_deadline,
}


@dataclass
class Life:
    """A response with the deadlines and events that the database would hold."""

    response: Response
    pending: list[Deadline] = field(default_factory=list)
    published: list[Fact] = field(default_factory=list)

    def run(self, act: Act, now: datetime) -> None:
        """Runs a command or deadline; a refused one changes nothing."""
        try:
            decision = act(self.response, now)
        except DomainError:
            return
        self.response = replace(decision.state, version=self.response.version + len(decision.events))
        self.pending = [each for each in self.pending if each.kind not in decision.cancels] + list(decision.deadlines)
        self.published += decision.events

    def fire_due(self, now: datetime) -> None:
        """Fires every deadline up to `now`, each at its own time."""
        while due := sorted((each for each in self.pending if each.due_at <= now), key=lambda each: each.due_at):
            first = due[0]
            self.pending.remove(first)
            self.run(DEADLINES[first.kind], first.due_at)

    def events(self, kind: type[Fact]) -> list[Fact]:
        return [event for event in self.published if isinstance(event, kind)]


Step = tuple[int, str, bool]

minutes = st.sampled_from([0, 1, 29, 30, 59, 60, 61, 119, 120, 121, 600])
steps = st.tuples(minutes, st.sampled_from(sorted(ACTS)), st.booleans())
beginnings = st.sampled_from([[], ["accept"], ["accept", "assign"], ["accept", "assign", "depart"]])


def _simulate(received_at: datetime, acts: Sequence[Step]) -> Life:
    """A step is the minutes since the previous one, the command, and whether the scheduler runs before it."""
    ids = ResponseIds(new_id(), PersonId(new_id()), new_id(), new_id())
    began = clock.request(a_routed_referral(received_at), ids, previous=None, policy=POLICY, now=received_at)
    life, now = Life(began.state, list(began.deadlines), list(began.events)), received_at
    for minutes, act, is_scheduler_up in acts:
        now += timedelta(minutes=minutes)
        if is_scheduler_up:
            life.fire_due(now)
        life.run(ACTS[act], now)
    life.fire_due(now + timedelta(days=1))
    return life


@st.composite
def lives(draw: st.DrawFn) -> Life:
    """Some usual commands in order, then any commands."""
    usual = [(draw(st.integers(0, 40)), act, draw(st.booleans())) for act in draw(beginnings)]
    return _simulate(at(draw(st.sampled_from(["06:30", "14:00", "21:30", "22:00"]))), [*usual, *draw(st.lists(steps, max_size=4))])


@settings(max_examples=2 * settings().max_examples)
@given(lives())
def test_any_path_ends_clock_once_and_silences_it(life: Life) -> None:
    _assert_clock_agrees_with_events(life)
    _assert_silence_after_contact_or_end(life)


def _assert_clock_agrees_with_events(life: Life) -> None:
    final = clock_of(life.response, life.response.due_at + timedelta(days=2))
    breaches, cleared = life.events(ResponseBreached), life.events(ResponseBreachCleared)
    contacts = [event for event in life.events(ResponseContacted) if isinstance(event, ResponseContacted)]

    assert len(breaches) <= 1
    assert (
        (len(breaches) - len(cleared) == 1)
        is (life.response.breached_at is not None)
        is (final in {ClockState.BREACHED, ClockState.OVERDUE})
    )
    assert [contact.is_met for contact in contacts] == ([final is ClockState.MET] if life.response.contacted_at else [])
    if final is ClockState.RELEASED:
        assert life.response.ended_at is not None
        assert life.response.ended_at <= life.response.due_at
    assert final not in {ClockState.HELD, ClockState.RUNNING}


def _assert_silence_after_contact_or_end(life: Life) -> None:
    """No warning and no breach."""
    kinds = [type(event) for event in life.published]
    over = next((number for number, kind in enumerate(kinds) if kind in {ResponseContacted, *_ENDS}), len(kinds))

    assert ResponseAtRisk not in kinds[over:]
    assert ResponseBreached not in kinds[over:]
    assert kinds.count(ResponseAtRisk) <= 3
