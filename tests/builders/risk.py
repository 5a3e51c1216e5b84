"""Risk scores, earlier scores of a person, and their assessment."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from services.mdt.domain.policy import Policy
from services.mdt.domain.risk import Risk, Score, ScoredPerson, ScoreHistory, Status, assess, level_of, rule_version
from shared.contracts.codes import RiskLevel
from shared.kernel.decision import Decision
from shared.kernel.ids import PersonId, new_id

POLICY = Policy()
TODAY = date(2015, 3, 2)
NOW = datetime(2015, 3, 2, 10, tzinfo=UTC)


def a_score(ratio: str = "9.80", **changes: Any) -> Score:
    """A score at the level of its ratio."""
    fields: dict[str, Any] = {
        "person_id": PersonId(new_id()),
        "practice_code": "W07",
        "ratio": Decimal(ratio),
        "level": level_of(Decimal(ratio), POLICY),
        "valid_from": TODAY,
    }
    return Score(**(fields | changes))


def scored_before(ratio: str, **changes: Any) -> ScoreHistory:
    """A history of one earlier score within the 90 days of the climbing rule."""
    level = level_of(Decimal(ratio), POLICY)
    fields: dict[str, Any] = {"newest_on": date(2015, 2, 1), "level": level, "lowest_ratio": Decimal(ratio), "lowest_level": level}
    return ScoreHistory(**(fields | changes))


def a_risk(level: RiskLevel = RiskLevel.HIGH, **changes: Any) -> Risk:
    fields: dict[str, Any] = {
        "id": new_id(),
        "person_id": PersonId(new_id()),
        "correlation_id": new_id(),
        "status": Status.FOUND,
        "practice_code": "W07",
        "level": level,
        "ratio": Decimal("9.80"),
        "valid_from": date(2015, 2, 1),
        "version": 1,
    }
    return Risk(**(fields | changes))


def assessed(
    score: Score, earlier: ScoreHistory | None = None, known: Risk | None = None, *, has_died: bool = False
) -> Decision[Risk] | None:
    """The decision on a new score; None when it changes nothing."""
    person = ScoredPerson(score, earlier or ScoreHistory(), NOW, known, has_died=has_died)
    return assess(person, POLICY, rule=rule_version(POLICY), risk_id=new_id(), case_finding_id=new_id())
