"""A person's recorded life: deaths, moves, and their restoration."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, timedelta

import pytest

from services.referrals.commands import RecordDeath, RecordMove, RecordReturn, RestorePerson
from services.referrals.domain import Policy, life
from services.referrals.domain.life import LIFE, Life, LifeStatus, Report, Restoration, Return, available_changes
from shared.contracts.persons import PersonChange, PersonDeceased, PersonMoved, PersonRestored, PersonReturned
from shared.kernel.date_limits import DateOutOfLimits
from shared.kernel.decision import Decision
from shared.kernel.errors import IllegalTransition, RuleBroken
from shared.kernel.ids import PersonId, derived_id, new_id
from shared.kernel.state_table import Trigger, name_of
from tests.builders.referrals import MONDAY

NOW = MONDAY.astimezone(UTC)
POLICY = Policy()
RESTORING = RestorePerson("The wrong record was open.")
RETURNING = RecordReturn("Lives with the daughter in Barnet again.")
LONG_AGO = NOW - timedelta(days=400)


def a_life(*changes: PersonChange, at: timedelta = timedelta()) -> Life:
    """A life with these changes, recorded one after another at `NOW` and a further `at` each."""
    lived = life.living(PersonId(new_id()))
    for number, change in enumerate(changes):
        decision = life.record_reported(lived, change, a_report(number * at))
        assert decision
        lived = saved(decision)
    return lived


def recorded_before(lived: Life) -> Life:
    """The same life, whose changes were recorded long ago."""
    return replace(lived, changes=tuple(replace(each, recorded_at=LONG_AGO) for each in lived.changes))


def a_report(later: timedelta = timedelta()) -> Report:
    return Report(reported_by="rapid-care", correlation_id=derived_id("chain"), recorded_at=NOW + later)


def saved(decision: Decision[Life]) -> Life:
    return replace(decision.state, version=decision.state.version + len(decision.events))


TRIGGERS: dict[Trigger, Callable[[Life], Decision[Life]]] = {
    RecordDeath: lambda it: life.record_death(it, RecordDeath(), a_report(), POLICY),
    RecordMove: lambda it: life.record_move(it, RecordMove(), a_report(), POLICY),
    RestorePerson: lambda it: life.restore(it, RESTORING, restored_by="triager-1", now=NOW, policy=POLICY),
    RecordReturn: lambda it: life.record_return(recorded_before(it), RETURNING, returned_by="triager-1", report=a_report(), policy=POLICY),
}
LIVES = {LifeStatus.LIVING: a_life(), LifeStatus.MOVED: a_life(PersonChange.MOVE), LifeStatus.DECEASED: a_life(PersonChange.DEATH)}


@pytest.mark.parametrize("status", LifeStatus)
@pytest.mark.parametrize("trigger", TRIGGERS, ids=name_of)
def test_every_command_follows_state_table(trigger: Trigger, status: LifeStatus) -> None:
    lived = LIVES[status]

    assert lived.status is status
    if status not in LIFE[trigger].sources:
        assert trigger not in {**available_changes(lived, NOW, POLICY), **available_changes(recorded_before(lived), NOW, POLICY)}
        with pytest.raises(IllegalTransition):
            TRIGGERS[trigger](lived)
        return

    assert trigger in {**available_changes(lived, NOW, POLICY), **available_changes(recorded_before(lived), NOW, POLICY)}
    decision = TRIGGERS[trigger](lived)
    assert decision.state.status in LIFE[trigger].targets
    assert {type(event) for event in decision.events} <= LIFE[trigger].emits


def test_table_has_a_row_for_each_command() -> None:
    assert set(LIFE) == set(TRIGGERS)


def test_death_publishes_day_source_and_time() -> None:
    decision = life.record_death(a_life(), RecordDeath(died_on=date(2015, 3, 14)), a_report(), POLICY)

    assert decision.events == [PersonDeceased(died_on=date(2015, 3, 14), reported_by="rapid-care", recorded_at=NOW)]
    assert decision.state.correlation_id == derived_id("chain")


def test_move_publishes_day_source_and_time() -> None:
    decision = life.record_move(a_life(), RecordMove(moved_on=date(2015, 3, 14)), a_report(), POLICY)

    assert decision.events == [PersonMoved(moved_on=date(2015, 3, 14), reported_by="rapid-care", recorded_at=NOW)]


def test_life_has_one_id_for_each_person() -> None:
    person_id = PersonId(new_id())

    assert life.living(person_id).id == life.living(person_id).id == derived_id("referrals", "person-life", person_id)


@pytest.mark.parametrize("day", [date(2015, 3, 17), date(2014, 3, 14), date(1, 1, 1)])
def test_day_of_change_outside_the_limits_is_refused(day: date) -> None:
    with pytest.raises(DateOutOfLimits):
        life.record_death(a_life(), RecordDeath(died_on=day), a_report(), POLICY)
    with pytest.raises(DateOutOfLimits):
        life.record_move(a_life(), RecordMove(moved_on=day), a_report(), POLICY)


@pytest.mark.parametrize("change", PersonChange)
def test_repeated_report_changes_nothing(change: PersonChange) -> None:
    assert life.record_reported(a_life(change), change, a_report()) is None


def test_move_reported_after_death_changes_nothing() -> None:
    assert life.record_reported(a_life(PersonChange.DEATH), PersonChange.MOVE, a_report()) is None


def test_death_reported_after_move_is_recorded() -> None:
    decision = life.record_reported(a_life(PersonChange.MOVE), PersonChange.DEATH, a_report())

    assert decision
    assert decision.state.status is LifeStatus.DECEASED


@pytest.mark.parametrize("change", PersonChange)
def test_restoration_publishes_the_mistake(change: PersonChange) -> None:
    later = NOW + timedelta(hours=3)

    decision = life.restore(a_life(change), RESTORING, restored_by="triager-1", now=later, policy=POLICY)

    assert decision.events == [PersonRestored(mistaken=change, recorded_at=NOW, restored_at=later)]
    assert (decision.state.status, decision.state.changes) == (LifeStatus.LIVING, ())
    assert decision.state.restoration == Restoration(change, later, "triager-1", RESTORING.reason)


def test_restored_death_leaves_the_earlier_move() -> None:
    lived = a_life(PersonChange.MOVE, PersonChange.DEATH, at=timedelta(hours=1))

    once = life.restore(lived, RESTORING, restored_by="triager-1", now=NOW + timedelta(hours=2), policy=POLICY)
    twice = life.restore(saved(once), RESTORING, restored_by="triager-1", now=NOW + timedelta(hours=3), policy=POLICY)

    assert [(each.state.status, each.events[0].mistaken) for each in (once, twice)] == [  # type: ignore[attr-defined]
        (LifeStatus.MOVED, PersonChange.DEATH),
        (LifeStatus.LIVING, PersonChange.MOVE),
    ]


@pytest.mark.parametrize(("later", "is_permitted"), [(timedelta(), True), (timedelta(microseconds=1), False)])
def test_mistake_is_restored_within_a_day_only(later: timedelta, *, is_permitted: bool) -> None:
    lived, now = a_life(PersonChange.DEATH), NOW + POLICY.restoration_within + later

    assert (RestorePerson in available_changes(lived, now, POLICY)) is is_permitted
    if is_permitted:
        assert life.restore(lived, RESTORING, restored_by="triager-1", now=now, policy=POLICY).state.status is LifeStatus.LIVING
        return
    with pytest.raises(life.RestorationTooLate):
        life.restore(lived, RESTORING, restored_by="triager-1", now=now, policy=POLICY)


@pytest.mark.parametrize(
    ("stated", "change", "is_superseded"),
    [
        (timedelta(minutes=-1), PersonChange.DEATH, True),
        (timedelta(), PersonChange.DEATH, True),
        (timedelta(minutes=1), PersonChange.DEATH, False),
        (timedelta(minutes=-1), PersonChange.MOVE, False),
    ],
)
def test_report_stated_before_restoration_is_superseded(stated: timedelta, change: PersonChange, *, is_superseded: bool) -> None:
    restored = saved(life.restore(a_life(PersonChange.DEATH), RESTORING, restored_by="triager-1", now=NOW, policy=POLICY))

    assert life.is_superseded(restored, change, NOW + stated) is is_superseded
    assert not life.is_superseded(a_life(), change, NOW + stated)


@pytest.mark.parametrize(
    ("recorded", "reversed_changes"),
    [
        ((PersonChange.DEATH,), {PersonChange.DEATH, PersonChange.MOVE}),
        ((PersonChange.MOVE,), {PersonChange.DEATH, PersonChange.MOVE}),
        ((PersonChange.MOVE, PersonChange.DEATH), {PersonChange.DEATH}),
    ],
)
def test_restoration_reverses_ends_that_no_earlier_move_explains(
    recorded: tuple[PersonChange, ...], reversed_changes: set[PersonChange]
) -> None:
    restored = life.restore(a_life(*recorded), RESTORING, restored_by="triager-1", now=NOW, policy=POLICY).state

    assert {change for change in PersonChange if life.is_reversed(restored, change)} == reversed_changes


@pytest.mark.parametrize("recorded", [(PersonChange.MOVE,), (PersonChange.DEATH,), (PersonChange.MOVE, PersonChange.DEATH)])
def test_return_after_any_time_makes_the_person_living(recorded: tuple[PersonChange, ...]) -> None:
    decision = life.record_return(recorded_before(a_life(*recorded)), RETURNING, returned_by="triager-1", report=a_report(), policy=POLICY)

    returned = decision.state
    assert (returned.status, returned.changes, life.contradiction(returned)) == (LifeStatus.LIVING, (), None)
    assert returned.returned == Return(recorded[-1], NOW, "triager-1", RETURNING.reason)
    assert decision.events == [PersonReturned(after=recorded[-1], reported_by="rapid-care", recorded_at=NOW)]
    assert returned.correlation_id == derived_id("chain")


@pytest.mark.parametrize(
    ("change", "refusal"), [(PersonChange.DEATH, life.DeathReversible), (PersonChange.MOVE, life.MoveReversible)], ids=str
)
def test_mistaken_change_is_restored_while_that_is_possible(change: PersonChange, refusal: type[RuleBroken]) -> None:
    lived = a_life(change)

    assert RecordReturn not in available_changes(lived, NOW, POLICY)
    assert RestorePerson in available_changes(lived, NOW, POLICY)
    with pytest.raises(refusal):
        life.record_return(lived, RETURNING, returned_by="triager-1", report=a_report(), policy=POLICY)


@pytest.mark.parametrize("change", PersonChange)
def test_report_stated_before_a_return_is_superseded(change: PersonChange) -> None:
    lived = recorded_before(a_life(PersonChange.MOVE))
    returned = life.record_return(lived, RETURNING, returned_by="triager-1", report=a_report(), policy=POLICY).state

    assert life.is_superseded(returned, PersonChange.MOVE, NOW)
    assert not life.is_superseded(returned, PersonChange.DEATH, NOW)
    assert not life.is_superseded(returned, change, NOW + timedelta(seconds=1))


def test_person_who_returned_can_move_and_die_again() -> None:
    lived = recorded_before(a_life(PersonChange.MOVE))
    returned = saved(life.record_return(lived, RETURNING, returned_by="triager-1", report=a_report(), policy=POLICY))

    assert {RecordDeath, RecordMove} == set(available_changes(returned, NOW, POLICY))
