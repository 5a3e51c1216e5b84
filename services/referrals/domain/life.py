"""A person's life as recorded: living, deceased, or moved out of the area. The change holds for every service (G39).

The first report of a change counts, from whichever service. A death may follow a move; no report follows a death. The last change can
be reversed as a mistake within a day: what ended with it is open again. After that day a person who moved may return, and so may one
whose death was recorded by mistake: they are living. What ended stays ended, and may be opened again one by one (`reversal`). Pure.
States: docs/states/referrals.md.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from functools import lru_cache
from itertools import takewhile
from typing import assert_never
from uuid import UUID

from services.referrals.commands import RecordDeath, RecordMove, RecordReturn, RestorePerson
from services.referrals.domain.policy import Policy
from shared.contracts.event import Event
from shared.contracts.persons import PersonChange, PersonDeceased, PersonMoved, PersonRestored, PersonReturned
from shared.contracts.referral_codes import Discrepancy
from shared.kernel.date_limits import require_within
from shared.kernel.decision import Decision, Fact
from shared.kernel.errors import RuleBroken
from shared.kernel.ids import PersonId, derived_id
from shared.kernel.ownership import Owners
from shared.kernel.state_table import Transitions, require_transition, state_table, transition
from shared.kernel.totality import total


class LifeStatus(StrEnum):
    LIVING = "living"
    DECEASED = "deceased"
    MOVED = "moved"


#: The mark of a referral whose referrer reports the change, and has no relationship with the person that records it.
REPORT_OF: Mapping[PersonChange, Discrepancy] = total(
    PersonChange, {PersonChange.DEATH: Discrepancy.DEATH_REPORTED, PersonChange.MOVE: Discrepancy.MOVE_REPORTED}
)
#: The reports that a recorded change answers: the move of a person who has died needs no decision, the death of one who moved does.
ANSWERED_BY: Mapping[PersonChange, frozenset[Discrepancy]] = total(
    PersonChange,
    {
        PersonChange.DEATH: frozenset({Discrepancy.DEATH_REPORTED, Discrepancy.MOVE_REPORTED}),
        PersonChange.MOVE: frozenset({Discrepancy.MOVE_REPORTED}),
    },
)


@dataclass(frozen=True, slots=True)
class Report:
    """`reported_by` is an organisation, or the context whose event reported the change; `correlation_id` is the chain of the report."""

    reported_by: str
    correlation_id: UUID
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class RecordedChange:
    """A death or a move; `happened_on` is None while the day is unknown. `stated_for` is the person's record that it was stated for."""

    kind: PersonChange
    happened_on: date | None
    reported_by: str
    recorded_at: datetime
    stated_for: PersonId | None = None


@dataclass(frozen=True, slots=True)
class Restoration:
    """The reversal of a mistaken change."""

    mistaken: PersonChange
    restored_at: datetime
    restored_by: str
    reason: str


@dataclass(frozen=True, slots=True)
class Return:
    """The person is here again; `after` is the last change that held until then."""

    after: PersonChange
    returned_at: datetime
    returned_by: str
    reason: str


@dataclass(frozen=True, slots=True)
class Life:
    """One for each person, also for one whom case finding alone knows. `id` is derived from the person's id.

    `changes` are those that hold, the last one at the end; it decides the status. `restoration` and `returned` are the last ones.
    """

    id: UUID
    person_id: PersonId
    correlation_id: UUID
    status: LifeStatus = LifeStatus.LIVING
    changes: tuple[RecordedChange, ...] = ()
    restoration: Restoration | None = None
    returned: Return | None = None
    version: int = 0


class RestorationTooLate(RuleBroken):
    """The death or the move was recorded too long ago to be reversed."""

    code = "restoration-too-late"
    advice = "Record the return of the person, and send a new referral for what they need now."


class DeathReversible(RuleBroken):
    """The recorded death can still be reversed, which opens again what ended with it."""

    code = "death-reversible"
    advice = "Reverse the recorded death as a mistake."


class MoveReversible(RuleBroken):
    """The recorded move can still be reversed, which opens again what ended with it."""

    code = "move-reversible"
    advice = "Restore the person (RestorePerson): what ended with the move is open again. A return may be recorded after that time."


#: Guards the commands, answers `GET .../actions`, and is printed (and tested) as docs/states/referrals.md.
LIFE: Transitions = state_table(
    {
        RecordDeath: transition((LifeStatus.LIVING, LifeStatus.MOVED), LifeStatus.DECEASED, PersonDeceased),
        RecordMove: transition(LifeStatus.LIVING, LifeStatus.MOVED, PersonMoved),
        RestorePerson: transition((LifeStatus.DECEASED, LifeStatus.MOVED), (LifeStatus.LIVING, LifeStatus.MOVED), PersonRestored),
        RecordReturn: transition((LifeStatus.DECEASED, LifeStatus.MOVED), LifeStatus.LIVING, PersonReturned),
    }
)
#: A recorded life waits for nothing: its referrals and the other services' work have owners and deadlines.
LIFE_OWNERS: Owners = total(LifeStatus, {LifeStatus.LIVING: None, LifeStatus.DECEASED: None, LifeStatus.MOVED: None})
_STATUS: Mapping[PersonChange, LifeStatus] = total(
    PersonChange, {PersonChange.DEATH: LifeStatus.DECEASED, PersonChange.MOVE: LifeStatus.MOVED}
)
_COMMAND: Mapping[PersonChange, type] = total(PersonChange, {PersonChange.DEATH: RecordDeath, PersonChange.MOVE: RecordMove})
_REVERSIBLE: Mapping[PersonChange, type[RuleBroken]] = total(
    PersonChange, {PersonChange.DEATH: DeathReversible, PersonChange.MOVE: MoveReversible}
)
#: As a referral of the person shows the contradiction.
_CONTRADICTION: Mapping[LifeStatus, LifeStatus | None] = total(
    LifeStatus, {LifeStatus.LIVING: None, LifeStatus.DECEASED: LifeStatus.DECEASED, LifeStatus.MOVED: LifeStatus.MOVED}
)


@lru_cache(maxsize=1_000)  # a lookup and a life without a row derive the same id
def id_of(person_id: PersonId) -> UUID:
    return derived_id("referrals", "person-life", person_id)


def living(person_id: PersonId) -> Life:
    """The life of a person without a recorded change."""
    life_id = id_of(person_id)
    return Life(life_id, person_id, correlation_id=life_id)


def record_death(life: Life, command: RecordDeath, report: Report, policy: Policy) -> Decision[Life]:
    """Raises IllegalTransition, DateOutOfLimits."""
    require_transition(life.status, RecordDeath, LIFE)
    _require_recent("died_on", command.died_on, report, policy)
    return _changed(life, PersonChange.DEATH, command.died_on, report)


def record_move(life: Life, command: RecordMove, report: Report, policy: Policy) -> Decision[Life]:
    """Raises IllegalTransition, DateOutOfLimits."""
    require_transition(life.status, RecordMove, LIFE)
    _require_recent("moved_on", command.moved_on, report, policy)
    return _changed(life, PersonChange.MOVE, command.moved_on, report)


def record_reported(life: Life, change: PersonChange, report: Report) -> Decision[Life] | None:
    """Records a change that another service or the end of a referral reports; None when a recorded change stands already."""
    return _changed(life, change, None, report) if life.status in LIFE[_COMMAND[change]].sources else None


def restore(life: Life, command: RestorePerson, *, restored_by: str, now: datetime, policy: Policy) -> Decision[Life]:
    """Reverses the last change. A move before a mistaken death still holds. Raises IllegalTransition, RestorationTooLate."""
    require_transition(life.status, RestorePerson, LIFE)
    *earlier, mistaken = life.changes
    if not _is_reversible(mistaken, now, policy):
        raise RestorationTooLate("The change was recorded too long ago.")
    restoration = Restoration(mistaken.kind, now, restored_by, command.reason)
    restored = replace(life, status=_status(earlier), changes=tuple(earlier), restoration=restoration)
    return Decision(restored, [PersonRestored(mistaken=mistaken.kind, recorded_at=mistaken.recorded_at, restored_at=now)])


def record_return(life: Life, command: RecordReturn, *, returned_by: str, report: Report, policy: Policy) -> Decision[Life]:
    """The person is living; no recorded change holds. While the last one is reversible, a return would leave closed what a reversal opens.

    Raises IllegalTransition, DeathReversible, MoveReversible.
    """
    require_transition(life.status, RecordReturn, LIFE)
    *_, last = life.changes
    if _is_reversible(last, report.recorded_at, policy):
        raise _REVERSIBLE[last.kind](f"The {last.kind} was recorded within the time of reversal.")
    returned = Return(last.kind, report.recorded_at, returned_by, command.reason)
    here = replace(life, status=LifeStatus.LIVING, changes=(), returned=returned, correlation_id=report.correlation_id)
    return Decision(here, [PersonReturned(after=last.kind, reported_by=report.reported_by, recorded_at=report.recorded_at)])


def follow(life: Life, led: Decision[Life]) -> Decision[Life]:
    """The same change for another record of the person, whose life is alike."""
    after, count = led.state, len(led.state.changes)
    changes = (*life.changes[:count], *after.changes[len(life.changes) :])
    followed = replace(after, id=life.id, person_id=life.person_id, changes=changes, version=life.version)
    return Decision(followed, [_for_own_change(event, life) for event in led.events])


def separate(life: Life, people: Collection[PersonId], restoration: Callable[[PersonChange], Restoration]) -> Decision[Life] | None:
    """Reverses the last changes that were stated for another person; None without one. `people` are the records of this person."""
    foreign = list(takewhile(lambda change: change.stated_for not in {None, *people}, reversed(life.changes)))
    if not foreign:
        return None
    left, ends = life.changes[: len(life.changes) - len(foreign)], [restoration(change.kind) for change in foreign]
    alone = replace(life, status=_status(left), changes=left, restoration=ends[-1])
    pairs = zip(foreign, ends, strict=True)
    events = [PersonRestored(mistaken=each.kind, recorded_at=each.recorded_at, restored_at=end.restored_at) for each, end in pairs]
    return Decision(alone, events)


def available_changes(life: Life, now: datetime, policy: Policy) -> Transitions:
    """The part of the state table that this life permits now."""
    here = {trigger: row for trigger, row in LIFE.items() if life.status in row.sources}
    for last in life.changes[-1:]:
        here.pop(RecordReturn if _is_reversible(last, now, policy) else RestorePerson, None)
    return here


def is_superseded(life: Life, change: PersonChange, stated_at: datetime) -> bool:
    """Whether a report was stated before the Community Point of Access reversed a change of this kind, or the person returned."""
    restoration, returned = life.restoration, life.returned
    is_reversed = restoration is not None and restoration.mistaken is change and stated_at <= restoration.restored_at
    return is_reversed or (returned is not None and _ends(returned, change) and stated_at <= returned.returned_at)


def is_reversed(restored: Life, change: PersonChange | None) -> bool:
    """Whether a referral that ended with this change is reopened: an earlier move may still hold for those that it ended."""
    mistaken = restored.restoration.mistaken if restored.restoration else None
    return contradiction(restored) is None or change is mistaken


def contradiction(life: Life) -> LifeStatus | None:
    """The recorded status that a referral of the person contradicts; None for a living person."""
    return _CONTRADICTION[life.status]


def _ends(returned: Return, change: PersonChange) -> bool:
    """Whether a change of this kind cannot hold after the return: a death may be reported late about a person who came back."""
    return change is PersonChange.MOVE or returned.after is change


def _for_own_change(event: Fact, life: Life) -> Fact:
    """A restoration names the time at which the change was recorded for this record."""
    is_restoration = isinstance(event, PersonRestored) and life.changes
    return event.model_copy(update={"recorded_at": life.changes[-1].recorded_at}) if is_restoration else event  # type: ignore[attr-defined]


def _changed(life: Life, kind: PersonChange, happened_on: date | None, report: Report) -> Decision[Life]:
    change = RecordedChange(kind, happened_on, report.reported_by, report.recorded_at, life.person_id)
    changes = (*life.changes, change)
    changed = replace(life, status=_status(changes), changes=changes, correlation_id=report.correlation_id)
    return Decision(changed, [_event(change)])


def _status(changes: Sequence[RecordedChange]) -> LifeStatus:
    return _STATUS[changes[-1].kind] if changes else LifeStatus.LIVING


def _event(change: RecordedChange) -> Event:
    match change.kind:
        case PersonChange.DEATH:
            return PersonDeceased(died_on=change.happened_on, reported_by=change.reported_by, recorded_at=change.recorded_at)
        case PersonChange.MOVE:
            return PersonMoved(moved_on=change.happened_on, reported_by=change.reported_by, recorded_at=change.recorded_at)
        case _:
            assert_never(change.kind)


def _require_recent(field: str, day: date | None, report: Report, policy: Policy) -> None:
    if day is not None:
        earliest, latest = (policy.day_of(at) for at in (report.recorded_at - policy.change_known_within, report.recorded_at))
        require_within(field, day, earliest, latest)


def _is_reversible(change: RecordedChange, now: datetime, policy: Policy) -> bool:
    return now - change.recorded_at <= policy.restoration_within
