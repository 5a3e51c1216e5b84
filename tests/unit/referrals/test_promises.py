"""Invariants on every path of a referral: it keeps an owner and a deadline, and its clock never resets (guarantees 2 and 4)."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from services.referrals.commands import AmendReferral, ResolveDiscrepancy
from services.referrals.domain import Policy, deadlines, receipt
from services.referrals.domain.discrepancies import resolvable
from services.referrals.domain.life import REPORT_OF
from services.referrals.domain.receipt import Arrival
from services.referrals.domain.reference import parse_reference, reference_of
from services.referrals.domain.referral import (
    OPEN,
    POINT_OF_ACCESS,
    Referral,
    ReferralDeadline,
    available_transitions,
    current_deadline,
    owner,
    pending_deadlines,
)
from shared.contracts.codes import Urgency
from shared.contracts.referrals import ReferralUrgencyRaised
from shared.kernel.decision import Decision
from shared.kernel.ids import new_id
from tests.builders.referrals import MONDAY, a_person, a_request, transitions

POLICY = Policy()


@dataclass
class Journey:
    """A referral on its path, with the rows that the deadline table would hold."""

    now: datetime
    referral: Referral
    pending: set[tuple[str, datetime]] = field(default_factory=set)

    @classmethod
    def start(cls, urgency: Urgency, number: int) -> "Journey":
        now = MONDAY.astimezone(UTC)
        arrival = Arrival(new_id(), reference_of(number), "W07", is_story_known=False, is_practice_covered=True, joins=None)
        decision = receipt.receive(a_request(urgency=urgency), a_person(), arrival, now=now, policy=POLICY)
        journey = cls(now, decision.state)
        journey.save(decision)
        return journey

    def save(self, decision: Decision[Referral]) -> None:
        """Saves the decision's deadlines as the repository does."""
        self.pending = {row for row in self.pending if row[0] not in decision.cancels}
        self.pending |= {(deadline.kind, deadline.due_at) for deadline in decision.deadlines}
        self.referral = replace(decision.state, version=decision.state.version + len(decision.events))

    def fire(self, until: datetime) -> None:
        """Runs the scheduler, perhaps late: each row that is due fires once."""
        while due := sorted((at, kind) for kind, at in self.pending if at <= until):
            at, kind = due[0]
            self.now = max(self.now, at)
            self.pending.discard((kind, at))
            self.save(deadlines.mark_overdue(self.referral, ReferralDeadline(kind), self.now, POLICY))
        self.now = until


STEPS = st.lists(st.tuples(st.integers(0, 100), st.sampled_from(Urgency), st.integers(0, 96)), max_size=14)


@settings(deadline=None, max_examples=2 * settings().max_examples)
@given(st.sampled_from(Urgency), STEPS, st.integers(1, 10**6))
def test_any_path_keeps_owner_deadline_and_clock(urgency: Urgency, steps: list[tuple[int, Urgency, int]], number: int) -> None:
    journey = Journey.start(urgency, number)
    first = journey.referral
    clock, was_urgent = first.received_at, urgency is Urgency.URGENT

    for choice, judged, hours in steps:
        journey.fire(journey.now + timedelta(hours=hours))
        commands = [trigger for trigger in available_transitions(journey.referral) if not isinstance(trigger, ReferralDeadline)]
        if not resolvable(journey.referral.discrepancies):
            commands = [trigger for trigger in commands if trigger is not ResolveDiscrepancy]
        if not commands:
            break
        is_judged = journey.referral.triaged_at is not None
        command = commands[choice % len(commands)]
        decision = transitions(journey.now, POLICY, judged=judged)[command](journey.referral)
        journey.save(decision)
        is_urgent = journey.referral.urgency is Urgency.URGENT
        restarts = is_judged or command is AmendReferral  # a referrer states that it has become urgent (G41)
        clock = journey.now if is_urgent and restarts and not was_urgent else clock
        was_urgent = was_urgent or is_urgent
        raised = [event.clock_starts_at for event in decision.events if isinstance(event, ReferralUrgencyRaised)]
        assert raised in ([], [clock])
        _assert_invariants(journey, first, clock)


def _assert_invariants(journey: Journey, first: Referral, clock: datetime) -> None:
    referral = journey.referral
    assert (referral.id, referral.reference, referral.received_at) == (first.id, first.reference, first.received_at)
    assert parse_reference(referral.reference) == referral.reference
    assert referral.clock_starts_at == clock
    assert journey.pending == {(kind, at + timedelta(microseconds=1)) for kind, at in pending_deadlines(referral).items()}
    assert all(at > journey.now for _, at in journey.pending)
    if referral.status in OPEN:
        assert owner(referral) is not None
        assert referral.due_at is not None
        assert current_deadline(referral) in pending_deadlines(referral)
    else:
        has_report = bool(set(referral.discrepancies) & set(REPORT_OF.values()))
        assert owner(referral) == (POINT_OF_ACCESS if has_report else None)
        assert set(pending_deadlines(referral)) == ({ReferralDeadline.DISCREPANCY} if has_report else set())
        assert (current_deadline(referral), referral.due_at) == (None, None)
        assert referral.ended_at is not None
