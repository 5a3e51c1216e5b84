"""Any sequence of reports, commands, restorations and returns: a referral is open with owner and deadline, or its end is explained.

An ended referral with an open report of a death or a move has owner and deadline too.
"""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TypeVar
from uuid import UUID

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from services.referrals.commands import CancelReferral, CloseReferral, RecordDeath, RecordMove, RecordReturn, RestorePerson, ReturnReferral
from services.referrals.domain import Policy, closure, deadlines, life, receipt, routing
from services.referrals.domain.life import Life, LifeStatus, Report, available_changes, contradiction
from services.referrals.domain.receipt import Arrival
from services.referrals.domain.referral import (
    OPEN,
    Referral,
    ReferralDeadline,
    available_transitions,
    owner,
    pending_deadlines,
)
from shared.contracts.codes import Urgency
from shared.contracts.persons import PersonChange
from shared.contracts.referral_codes import CancelReason, Outcome, ReturnReason
from shared.kernel.decision import Decision
from shared.kernel.ids import PersonId, new_id
from tests.builders.referrals import MONDAY, a_person, a_request, a_service, transitions

NOW = MONDAY.astimezone(UTC)
POLICY = Policy()
OUTCOMES = {PersonChange.DEATH: Outcome.DIED, PersonChange.MOVE: Outcome.MOVED_AWAY}
REASONS = {PersonChange.DEATH: CancelReason.DIED, PersonChange.MOVE: CancelReason.MOVED_AWAY}
_JUST_AFTER = timedelta(microseconds=1)
T = TypeVar("T")


@dataclass(frozen=True)
class Statement:
    """A service's report on its way: about a referral, if any. An echo follows a change that is recorded here already."""

    change: PersonChange
    stated_at: datetime
    referral_id: UUID | None
    is_echo: bool = False


@dataclass
class World:
    """One person with all referrals, and the rows that the deadline table would hold.

    `called` are the referrals that a move left open, because an urgent call was unanswered.
    """

    now: datetime = NOW
    life: Life = field(default_factory=lambda: life.living(PersonId(new_id())))
    referrals: dict[UUID, Referral] = field(default_factory=dict)
    rows: dict[UUID, set[tuple[str, datetime]]] = field(default_factory=dict)
    called: set[UUID] = field(default_factory=set)

    def of_status(self, *, is_open: bool) -> list[Referral]:
        return [each for each in self.referrals.values() if (each.status in OPEN) is is_open]

    def save(self, decision: Decision[Referral]) -> Referral:
        referral = replace(decision.state, version=decision.state.version + len(decision.events))
        rows = {row for row in self.rows.get(referral.id, set()) if row[0] not in decision.cancels}
        self.rows[referral.id] = rows | {(deadline.kind, deadline.due_at) for deadline in decision.deadlines}
        self.referrals[referral.id] = referral
        return referral

    def record(self, decision: Decision[Life] | None) -> None:
        """Ends the open referrals with a recorded change, as the handler does in one transaction."""
        if decision:
            self.life = replace(decision.state, version=decision.state.version + len(decision.events))
            for referral in self.of_status(is_open=True):
                ended = self.save(closure.end_with(referral, self.life.changes[-1].kind, self.now, POLICY))
                if ended.status in OPEN:
                    assert referral.answer_by is not None
                    assert self.life.status is LifeStatus.MOVED
                    self.called.add(referral.id)

    def restore(self) -> None:
        decision = life.restore(self.life, RestorePerson("A mistake"), restored_by="triager-1", now=self.now, policy=POLICY)
        self.life = replace(decision.state, version=decision.state.version + len(decision.events))
        contradicts = contradiction(self.life)
        for referral in self.of_status(is_open=True):
            self.referrals[referral.id] = replace(referral, person_is_recorded_as=contradicts)
        for referral in self.of_status(is_open=False):
            if referral.ended_from and life.is_reversed(self.life, closure.change_of(referral)):
                self.save(closure.reopen(referral, service=a_service(), contradicts=contradicts, now=self.now, policy=POLICY))

    def come_back(self) -> None:
        """The person returns: their open referrals contradict nothing any more, and those that ended stay ended."""
        command = RecordReturn("Here again")
        decision = life.record_return(self.life, command, returned_by="triager-1", report=self.report(), policy=POLICY)
        self.life = replace(decision.state, version=decision.state.version + len(decision.events))
        for referral in self.referrals.values():
            self.referrals[referral.id] = replace(referral, ended_from=None)
        for referral in self.of_status(is_open=True):
            self.referrals[referral.id] = replace(referral, person_is_recorded_as=None)

    def report(self) -> Report:
        return Report("rapid-care", new_id(), self.now)


class LifeMachine(RuleBasedStateMachine):
    """The person's life with the referrals; statements of services arrive late, repeated and out of order."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.statements: list[Statement] = []

    @rule(urgency=st.sampled_from(Urgency))
    def receive(self, urgency: Urgency) -> None:
        world, recorded = self.world, contradiction(self.world.life)
        arrival = Arrival(
            new_id(), "CPA-MQ3P-WD5J", "W07", is_story_known=True, is_practice_covered=True, joins=None, person_is_recorded_as=recorded
        )
        received = world.save(receipt.receive(a_request(urgency=urgency), a_person(), arrival, now=world.now, policy=POLICY))
        assert received.person_is_recorded_as is recorded

    @precondition(lambda self: self.world.of_status(is_open=True))
    @rule(which=st.integers(0, 9), choice=st.integers(0, 99), judged=st.sampled_from(Urgency))
    def act(self, which: int, choice: int, judged: Urgency) -> None:
        """A command on a referral; a cancellation states a death (`transitions`)."""
        world = self.world
        referral = _pick(world.of_status(is_open=True), which)
        triggers = [trigger for trigger in available_transitions(referral) if not isinstance(trigger, ReferralDeadline)]
        ended = world.save(transitions(world.now, POLICY, judged=judged)[_pick(triggers, choice)](referral))
        self._follow(ended)

    @precondition(lambda self: any(CloseReferral in available_transitions(each) for each in self.world.referrals.values()))
    @rule(which=st.integers(0, 9), change=st.sampled_from(PersonChange))
    def close(self, which: int, change: PersonChange) -> None:
        world = self.world
        closable = [each for each in world.referrals.values() if CloseReferral in available_transitions(each)]
        self._follow(world.save(closure.close(_pick(closable, which), CloseReferral(OUTCOMES[change]), world.now, POLICY)))

    @precondition(lambda self: self.world.of_status(is_open=True))
    @rule(which=st.integers(0, 9), change=st.sampled_from(PersonChange))
    def cancel(self, which: int, change: PersonChange) -> None:
        world, command = self.world, CancelReferral(REASONS[change])
        referral = _pick(world.of_status(is_open=True), which)
        self._follow(world.save(closure.cancel(referral, command, has_merged=False, now=world.now)))

    @rule(which=st.integers(0, 9), change=st.sampled_from(PersonChange), is_echo=st.booleans())
    def state(self, which: int, change: PersonChange, *, is_echo: bool) -> None:
        found = list(self.world.referrals.values())
        self.statements.append(Statement(change, self.world.now, _pick(found, which).id if found else None, is_echo))

    @precondition(lambda self: self.statements)
    @rule(which=st.integers(0, 9), is_repeated=st.booleans())
    def deliver(self, which: int, *, is_repeated: bool) -> None:
        statement = _pick(self.statements, which)
        if not is_repeated:
            self.statements.remove(statement)
        if not statement.is_echo:
            self._apply(statement)

    @precondition(lambda self: RecordDeath in available_changes(self.world.life, self.world.now, POLICY))
    @rule()
    def die(self) -> None:
        self.world.record(life.record_death(self.world.life, RecordDeath(), self.world.report(), POLICY))

    @precondition(lambda self: RecordMove in available_changes(self.world.life, self.world.now, POLICY))
    @rule()
    def move(self) -> None:
        self.world.record(life.record_move(self.world.life, RecordMove(), self.world.report(), POLICY))

    @precondition(lambda self: RestorePerson in available_changes(self.world.life, self.world.now, POLICY))
    @rule()
    def restore(self) -> None:
        self.world.restore()

    @precondition(lambda self: RecordReturn in available_changes(self.world.life, self.world.now, POLICY))
    @rule()
    def come_back(self) -> None:
        self.world.come_back()

    @rule(minutes=st.integers(0, 720))
    def let_pass(self, minutes: int) -> None:
        """Runs the scheduler, perhaps late: each row that is due fires once."""
        world, until = self.world, self.world.now + timedelta(minutes=minutes)
        while due := min(((at, kind, key) for key, rows in world.rows.items() for kind, at in rows if at <= until), default=None):
            at, kind, key = due
            world.now = max(world.now, at)
            world.rows[key].discard((kind, at))
            world.save(deadlines.mark_overdue(world.referrals[key], ReferralDeadline(kind), world.now, POLICY))
        world.now = until

    @invariant()
    def each_referral_has_owner_and_deadline_or_has_ended(self) -> None:
        for referral in self.world.referrals.values():
            pending = {(kind, at + _JUST_AFTER) for kind, at in pending_deadlines(referral).items()}
            assert self.world.rows[referral.id] == pending
            is_owed = referral.ended_at is None or bool(set(referral.discrepancies) & set(life.REPORT_OF.values()))
            assert (owner(referral) is not None) is is_owed is bool(pending)
            assert all(at > self.world.now for _, at in pending)

    @invariant()
    def life_explains_each_referral_that_it_ended(self) -> None:
        recorded = self.world.life
        for referral in self.world.referrals.values():
            if referral.ended_from:
                assert closure.change_of(referral) is not None
                assert contradiction(recorded) is not None
            elif referral.ended_at is None:
                assert referral.person_is_recorded_as is contradiction(recorded)

    @invariant()
    def change_ends_every_earlier_referral(self) -> None:
        for change in self.world.life.changes[-1:]:
            for referral in self.world.of_status(is_open=True):
                assert referral.received_at >= change.recorded_at or referral.id in self.world.called

    def _follow(self, referral: Referral) -> None:
        """Records the change for which a command has ended a referral."""
        change = closure.change_of(referral)
        if change:
            self.world.record(life.record_reported(self.world.life, change, self.world.report()))

    def _apply(self, statement: Statement) -> None:
        world = self.world
        referral = world.referrals.get(statement.referral_id) if statement.referral_id else None
        permitted = available_transitions(referral) if referral else {}
        if life.is_superseded(world.life, statement.change, statement.stated_at):
            if referral and ReturnReferral in permitted:
                world.save(routing.return_referral(referral, ReturnReferral(ReturnReason.OTHER), world.now, POLICY))
            return
        if referral and CloseReferral in permitted:
            world.save(closure.close(referral, CloseReferral(OUTCOMES[statement.change]), world.now, POLICY))
        world.record(life.record_reported(world.life, statement.change, world.report()))


def _pick(found: list[T], number: int) -> T:
    return found[number % len(found)]


LifeMachine.TestCase.settings = settings(deadline=None, stateful_step_count=30)
test_any_path_keeps_referrals_and_life_consistent = LifeMachine.TestCase
