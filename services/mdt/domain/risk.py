"""Risk stratification: levels, crossings of the two highest levels, high climbers, and the review of case finding.

A person is listed from the first time that they reach level 2 or climb. A coordinator reviews them before any case opens (G54).
Sources: Table 14, T12, G07, G08, G39, G54; 001:9876-9931, 001:10070-10072.
"""

from bisect import bisect_right
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

from services.mdt.commands import ScreenFinding
from services.mdt.domain.desks import CASE_FINDING
from services.mdt.domain.person_change import REASON_OF, EndOfCare
from services.mdt.domain.policy import Policy
from services.mdt.domain.risk_importer import NO_IMPORTERS, Importers
from shared.contracts.codes import Locality, RiskLevel
from shared.contracts.event import Event
from shared.contracts.mdt import (
    FindingDestination,
    RiskEnded,
    RiskHighClimberFound,
    RiskLevelCrossed,
    RiskReopened,
    RiskReopenReason,
    RiskRestored,
    RiskScreened,
    RiskWatchEnded,
)
from shared.contracts.persons import PersonChange
from shared.kernel.decision import Deadline, Decision
from shared.kernel.errors import NotFound, RuleBroken
from shared.kernel.ids import PersonId
from shared.kernel.ownership import Owners, owned
from shared.kernel.state_table import Transitions, require_transition, state_table, transition
from shared.kernel.totality import total
from shared.kernel.working_days import working_days_later


class Status(StrEnum):
    FOUND = "found"
    SCREENED = "screened"
    WATCHED = "watched"
    BELOW = "below"
    ENDED = "ended"


class Occurrence(StrEnum):
    """Changes of a person's risk by a score, by a death, a move or a return, and by the end of the work that followed the review."""

    ROSE = "rose"
    FELL = "fell"
    CARE_ENDED = "care-ended"
    CARE_RESTORED = "care-restored"
    PERSON_RETURNED = "person-returned"
    TASK_CANCELLED = "task-cancelled"


class RiskDeadline(StrEnum):
    """The deadlines of imports, that of a review, and that of a watching brief."""

    SCORES_EXPIRED = "risk-scores-expired"
    DEATHS_DURING_IMPORT = "deaths-during-import"
    SCREENING = "finding-screening"
    WATCH = "watching-brief"


@dataclass(frozen=True, slots=True)
class Risk:
    """A person's risk since a score last changed it. `correlation_id` is the case-finding id; each rise starts a new one.

    `climbed_on` is the day of the score that last made them a high climber; they count as one until the window has passed.
    `ended` is the death or the move after which they are not listed. `imported_by` has all whose scores it follows.
    """

    id: UUID
    person_id: PersonId
    correlation_id: UUID
    status: Status
    practice_code: str
    level: RiskLevel
    ratio: Decimal
    valid_from: date
    climbed_on: date | None = None
    climber_until: date | None = None
    destination: FindingDestination | None = None
    reason: str | None = None
    ended: EndOfCare | None = None
    imported_by: Importers = NO_IMPORTERS
    version: int = 0


@dataclass(frozen=True, slots=True)
class Score:
    """One line of a risk file: how likely an unplanned admission is within the horizon (T12), against the average of 1."""

    person_id: PersonId
    practice_code: str
    ratio: Decimal
    level: RiskLevel
    valid_from: date


@dataclass(frozen=True, slots=True)
class ScoreHistory:
    """A person's earlier scores: the newest, and the lowest within the high-climber window."""

    newest_on: date | None = None
    level: RiskLevel | None = None
    lowest_ratio: Decimal | None = None
    lowest_level: RiskLevel | None = None


@dataclass(frozen=True, slots=True)
class ScoredPerson:
    """A score with the earlier scores and risk, at the time of the import. `known` is None for a person who was never listed.

    `has_died`: a death is recorded. `imported_by` has all who imported a score of this person that is stored.
    """

    score: Score
    earlier: ScoreHistory
    at: datetime
    known: Risk | None = None
    has_died: bool = False
    imported_by: Importers = NO_IMPORTERS


class RiskNotFound(NotFound):
    """Case finding has not listed this person."""

    code = "risk-not-found"
    advice = "Read the practice's case-finding list; only people on it can be screened."


class NoOpenCase(RuleBroken):
    """A review names the open case of the person only while there is one."""

    code = "no-open-case"
    advice = "Screen the person to the meeting, which opens a case, or to another destination."


LISTED = (Status.FOUND, Status.SCREENED, Status.WATCHED)
PRESENT = (*LISTED, Status.BELOW)
#: Whether later scores of the person change nothing.
_IS_FINAL = total(PersonChange, {PersonChange.DEATH: True, PersonChange.MOVE: False})
_REVIEWS = (RiskDeadline.WATCH, RiskDeadline.SCREENING)

#: State table: guards the commands, answers `GET .../actions`, and is printed (and tested) as docs/states/mdt.md.
RISK: Transitions = state_table(
    {
        ScreenFinding: transition((Status.FOUND, Status.WATCHED), (Status.SCREENED, Status.WATCHED), RiskScreened),
        RiskDeadline.SCREENING: transition(Status.FOUND, ()),
        RiskDeadline.WATCH: transition(Status.WATCHED, Status.FOUND, RiskWatchEnded),
        Occurrence.ROSE: transition(tuple(Status), Status.FOUND, RiskLevelCrossed, RiskHighClimberFound),
        Occurrence.FELL: transition(tuple(Status), tuple(Status), RiskLevelCrossed),
        Occurrence.CARE_ENDED: transition(PRESENT, Status.ENDED, RiskEnded),
        Occurrence.CARE_RESTORED: transition(Status.ENDED, PRESENT, RiskRestored),
        Occurrence.PERSON_RETURNED: transition(Status.ENDED, (Status.FOUND, Status.BELOW), RiskReopened, RiskRestored),
        Occurrence.TASK_CANCELLED: transition(Status.SCREENED, Status.FOUND, RiskReopened),
    },
    Occurrence,
)


#: The owner of each state. Another service or an open case has a screened person, and one below the levels waits for no one.
RISK_OWNERS: Owners = total(
    Status,
    {
        Status.FOUND: owned(CASE_FINDING, RiskDeadline.SCREENING),
        Status.WATCHED: owned(CASE_FINDING, RiskDeadline.WATCH),
        Status.SCREENED: None,
        Status.BELOW: None,
        Status.ENDED: None,
    },
)
OPEN = tuple(status for status, ownership in RISK_OWNERS.items() if ownership)


def level_of(ratio: Decimal, policy: Policy) -> RiskLevel:
    """Half-open bands: a ratio at a boundary belongs to the level above it (Table 14, G07)."""
    return RiskLevel(bisect_right(policy.risk_bands, ratio))


def rule_version(policy: Policy) -> str:
    """The policy's numbers as a code, which events carry to name their rule (G08)."""
    bands = "-".join(map(str, policy.risk_bands))
    climb = f"{policy.climber_window.days}-{policy.climber_ratio}-{policy.climber_rise}"
    return f"bands-{bands}_climb-{climb}_months-{policy.risk_horizon_months}"


def is_high_climber(score: Score, earlier: ScoreHistory, policy: Policy) -> bool:
    """Within the window the level rose to 2 or 3, or the ratio by half of itself and by two points (G08).

    Measured against the lowest score of the window: if the rule holds for any, it holds for that one.
    """
    if earlier.lowest_level is None or earlier.lowest_ratio is None:
        return False
    has_risen_level = score.level >= RiskLevel.HIGH and score.level > earlier.lowest_level
    has_risen_ratio = score.ratio >= earlier.lowest_ratio * policy.climber_ratio
    return has_risen_level or (has_risen_ratio and score.ratio - earlier.lowest_ratio >= policy.climber_rise)


def crosses(previous: RiskLevel | None, level: RiskLevel) -> bool:
    """Whether the level moves into or out of level 2 or 3. A first score at these levels crosses into them."""
    return previous != level and max(previous or RiskLevel.LOW, level) >= RiskLevel.HIGH


def assess(person: ScoredPerson, policy: Policy, *, rule: str, risk_id: UUID, case_finding_id: UUID) -> Decision[Risk] | None:
    """The change by a score; None without one, or for a score older than the newest. `rule` is the policy's `rule_version`.

    A rise starts a new case-finding id and a new review; a fall keeps the id of the rise. A person who died before their first score is
    not listed; later scores of a person who died change nothing.
    """
    moved = _moved(person, policy, rule=rule, risk_id=risk_id, case_finding_id=case_finding_id)
    if moved is None or not person.has_died or moved.state.status is Status.ENDED:
        return moved
    ended = end(moved.state, PersonChange.DEATH, person.at)
    return Decision(ended.state, [*moved.events, *ended.events], cancels=ended.cancels)


def _moved(person: ScoredPerson, policy: Policy, *, rule: str, risk_id: UUID, case_finding_id: UUID) -> Decision[Risk] | None:
    score, earlier = person.score, person.earlier
    if (earlier.newest_on is not None and earlier.newest_on > score.valid_from) or _has_died(person.known):
        return None
    previous = _previous_level(person)
    has_crossed, has_climbed = crosses(previous, score.level), is_high_climber(score, earlier, policy)
    if not has_crossed and not has_climbed:
        return None
    events = _events(score, previous if has_crossed else score.level, earlier.lowest_level if has_climbed else None, rule)
    if has_climbed or score.level > (RiskLevel.LOW if previous is None else previous):
        risen = _rise(person, policy, has_climbed=has_climbed, risk_id=risk_id, case_finding_id=case_finding_id)
        return Decision(risen, events, until_screened(risen, person.at, policy), cancels=_REVIEWS)
    fallen = _fall(person)
    return Decision(fallen, events, cancels=() if fallen.status in LISTED else _REVIEWS)


def screen(
    risk: Risk, command: ScreenFinding, *, locality: Locality | None, now: datetime, policy: Policy, case_id: UUID | None = None
) -> Decision[Risk]:
    """Records the coordinator's review (G54); a watching brief gets a deadline. `case_id` is the open case that has the person already.

    Raises IllegalTransition, NoOpenCase.
    """
    require_transition(risk.status, ScreenFinding, RISK)
    if command.destination is FindingDestination.OPEN_CASE and case_id is None:
        raise NoOpenCase("The person has no open case.")
    is_watched = command.destination is FindingDestination.WATCHING_BRIEF
    status = Status.WATCHED if is_watched else Status.SCREENED
    screened = replace(risk, status=status, destination=command.destination, reason=command.reason)
    facts = {"destination": command.destination, "reason": command.reason, "level": risk.level, "practice_code": risk.practice_code}
    watch = [Deadline(RiskDeadline.WATCH, now + policy.watching_brief_for)] if is_watched else []
    return Decision(screened, [RiskScreened.model_validate({**facts, "locality": locality, "case_id": case_id})], watch, cancels=_REVIEWS)


def until_screened(risk: Risk, now: datetime, policy: Policy) -> list[Deadline]:
    """The deadline of the coordinator's review, which is repeated until the review; none for a person who is not waiting for one."""
    if risk.status is not Status.FOUND:
        return []
    return [Deadline(RiskDeadline.SCREENING, working_days_later(now, policy.finding_screened_within_working_days, policy.zone))]


def require_unscreened(risk: Risk) -> None:
    """Raises IllegalTransition."""
    require_transition(risk.status, RiskDeadline.SCREENING, RISK)


def end_watch(risk: Risk, now: datetime, policy: Policy) -> Decision[Risk]:
    """Returns the person to the list for another review. Raises IllegalTransition."""
    require_transition(risk.status, RiskDeadline.WATCH, RISK)
    again = replace(risk, status=Status.FOUND, destination=None, reason=None)
    return Decision(again, [RiskWatchEnded(level=risk.level, practice_code=risk.practice_code)], until_screened(again, now, policy))


def end(risk: Risk, change: PersonChange, now: datetime) -> Decision[Risk]:
    """The person died or moved away (G39). Raises IllegalTransition."""
    require_transition(risk.status, Occurrence.CARE_ENDED, RISK)
    ended = replace(risk, status=Status.ENDED, ended=EndOfCare(change, risk.status, now))
    return Decision(ended, [RiskEnded(reason=REASON_OF[change])], cancels=_REVIEWS)


def restore(risk: Risk, now: datetime, policy: Policy) -> Decision[Risk]:
    """The death or move was a mistake: a person who was found or watched is found again. Raises IllegalTransition."""
    require_transition(risk.status, Occurrence.CARE_RESTORED, RISK)
    before = replace(risk, status=Status.ENDED if risk.ended is None else Status(risk.ended.status), ended=None)
    restored = replace(before, status=Status.FOUND, destination=None, reason=None) if before.status is Status.WATCHED else before
    return Decision(restored, [RiskRestored(level=risk.level, practice_code=risk.practice_code)], until_screened(restored, now, policy))


def find_again(risk: Risk, now: datetime, policy: Policy) -> Decision[Risk]:
    """The person is here again: one who was on the list or under the care of a service is found for another review.

    Raises IllegalTransition.
    """
    require_transition(risk.status, Occurrence.PERSON_RETURNED, RISK)
    before = replace(risk, status=Status.ENDED if risk.ended is None else Status(risk.ended.status), ended=None)
    if before.status in LISTED:
        return _found(before, RiskReopenReason.PERSON_RETURNED, now, policy)
    return Decision(replace(before, status=Status.BELOW), [RiskRestored(level=risk.level, practice_code=risk.practice_code)])


def reopen(risk: Risk, now: datetime, policy: Policy) -> Decision[Risk]:
    """A coordinator gave up the task that takes the person to their destination. Raises IllegalTransition."""
    require_transition(risk.status, Occurrence.TASK_CANCELLED, RISK)
    return _found(risk, RiskReopenReason.TASK_CANCELLED, now, policy)


def _found(risk: Risk, reason: RiskReopenReason, now: datetime, policy: Policy) -> Decision[Risk]:
    found = replace(risk, status=Status.FOUND, destination=None, reason=None)
    event = RiskReopened(level=risk.level, practice_code=risk.practice_code, reason=reason)
    return Decision(found, [event], until_screened(found, now, policy))


def _has_died(known: Risk | None) -> bool:
    return known is not None and known.ended is not None and _IS_FINAL[known.ended.by]


def _previous_level(person: ScoredPerson) -> RiskLevel | None:
    known = person.known
    return person.earlier.level if person.earlier.level is not None or known is None else known.level


def _rise(person: ScoredPerson, policy: Policy, *, has_climbed: bool, risk_id: UUID, case_finding_id: UUID) -> Risk:
    score, known = person.score, person.known
    if known:
        require_transition(known.status, Occurrence.ROSE, RISK)
    earlier_climb = known.climbed_on if known else None
    climbed_on = score.valid_from if has_climbed else earlier_climb
    return Risk(
        id=known.id if known else risk_id,
        person_id=score.person_id,
        correlation_id=case_finding_id,
        status=Status.FOUND,
        practice_code=score.practice_code,
        level=score.level,
        ratio=score.ratio,
        valid_from=score.valid_from,
        climbed_on=climbed_on,
        climber_until=None if climbed_on is None else climbed_on + policy.climber_window,
        imported_by=_importers(person),
        version=known.version if known else 0,
    )


def _fall(person: ScoredPerson) -> Risk:
    """Only a person at level 2 or 3, who is therefore listed, can fall. Raises RiskNotFound otherwise."""
    score, known = person.score, person.known
    if known is None:
        raise RiskNotFound("A person at a high level has no entry in case finding.")
    require_transition(known.status, Occurrence.FELL, RISK)
    return replace(
        known,
        status=known.status if score.level >= RiskLevel.HIGH or known.status is Status.ENDED else Status.BELOW,
        practice_code=score.practice_code,
        level=score.level,
        ratio=score.ratio,
        valid_from=score.valid_from,
        imported_by=_importers(person),
    )


def _importers(person: ScoredPerson) -> Importers:
    """The earlier ones stay: a later score of another importer ends no entry, and a low score makes a climber of the next one."""
    return (person.known.imported_by if person.known else NO_IMPORTERS).joined(person.imported_by)


def _events(score: Score, from_level: RiskLevel | None, climbed_from: RiskLevel | None, rule: str) -> list[Event]:
    """The crossing, unless `from_level` equals the score's level, and the climb, unless `climbed_from` is None."""
    events: list[Event] = []
    if from_level != score.level:
        events.append(
            RiskLevelCrossed(
                from_level=from_level,
                to_level=score.level,
                practice_code=score.practice_code,
                valid_from=score.valid_from,
                rule_version=rule,
            )
        )
    if climbed_from is not None:
        events.append(
            RiskHighClimberFound(
                level=score.level,
                previous_level=climbed_from,
                practice_code=score.practice_code,
                valid_from=score.valid_from,
                rule_version=rule,
            )
        )
    return events
