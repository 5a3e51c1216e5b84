"""Risk levels, crossings, high climbers, and findings to screen (Table 14, G07, G08, G54)."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.mdt.commands import ScreenFinding
from services.mdt.domain.policy import Policy
from services.mdt.domain.risk import NoOpenCase, Risk, Status, is_high_climber, level_of, rule_version, screen
from shared.contracts.codes import Locality, RiskLevel
from shared.contracts.mdt import FindingDestination, RiskHighClimberFound, RiskLevelCrossed, RiskScreened
from shared.contracts.meeting_reasons import FindingReason
from shared.kernel.decision import Decision
from shared.kernel.ids import new_id
from tests.builders.risk import POLICY, TODAY, a_risk, a_score, assessed, scored_before

NOW = datetime(2015, 3, 2, 10, tzinfo=UTC)
_RATIOS = st.decimals(min_value=0, max_value=60, places=3)


@pytest.mark.parametrize(
    ("ratio", "level"),
    [("0", 0), ("0.782", 0), ("0.783", 1), ("4.784", 1), ("4.785", 2), ("7.785", 2), ("25.924", 2), ("25.925", 3), ("40.226", 3)],
)
def test_ratio_at_boundary_has_higher_level(ratio: str, level: int) -> None:
    assert level_of(Decimal(ratio), POLICY) is RiskLevel(level)


@given(_RATIOS, _RATIOS)
def test_higher_ratio_never_has_lower_level(one: Decimal, other: Decimal) -> None:
    lower, higher = sorted((one, other))

    assert level_of(lower, POLICY) <= level_of(higher, POLICY)


def test_bands_are_configured_and_named_in_rule_version() -> None:
    other = Policy(risk_bands=(Decimal(1), Decimal(5), Decimal(20)))

    assert level_of(Decimal("4.9"), other) is RiskLevel.MEDIUM
    assert rule_version(POLICY) == "bands-0.783-4.785-25.925_climb-90-1.5-2.0_months-12"
    assert rule_version(other) != rule_version(POLICY)


@pytest.mark.parametrize(
    ("before", "now", "climbs"),
    [
        ("9.80", "27.10", True),  # Mr Dale: level 2 to 3
        ("4.70", "4.80", True),  # a level, at the boundary
        ("0.50", "0.90", False),  # a level, but not to 2 or 3
        ("1.00", "3.00", True),  # by half and by two points, at a low level
        ("1.00", "2.99", False),  # not by two points
        ("4.000", "6.000", True),  # exactly by half, exactly by two points, and a level
        ("5.000", "7.500", True),  # exactly by half
        ("5.000", "7.499", False),  # not by half
        ("10.0", "14.9", False),  # by more than two points, not by half
        ("27.0", "27.0", False),
        ("27.0", "5.0", False),
    ],
)
def test_high_climber_rises_a_level_or_by_half(before: str, now: str, *, climbs: bool) -> None:
    assert is_high_climber(a_score(now), scored_before(before), POLICY) is climbs


@given(st.lists(_RATIOS, min_size=1, max_size=6), _RATIOS)
def test_climb_from_lowest_score_equals_climb_from_any(window: list[Decimal], now: Decimal) -> None:
    score = a_score(str(now))
    levels = [level_of(ratio, POLICY) for ratio in window]
    lowest = scored_before("1", lowest_ratio=min(window), lowest_level=min(levels))

    each = [is_high_climber(score, scored_before(str(ratio)), POLICY) for ratio in window]

    assert is_high_climber(score, lowest, POLICY) is any(each)


def test_first_high_score_crosses_without_climb() -> None:
    decision = assessed(a_score("9.80"))

    assert decision is not None
    assert decision.events == [
        RiskLevelCrossed(from_level=None, to_level=RiskLevel.HIGH, practice_code="W07", valid_from=TODAY, rule_version=rule_version(POLICY))
    ]
    assert (decision.state.status, decision.state.climbed_on) == (Status.FOUND, None)


@pytest.mark.parametrize("ratio", ["0.3", "4.7"])
def test_first_low_score_finds_no_one(ratio: str) -> None:
    assert assessed(a_score(ratio)) is None


def test_mr_dale_crosses_and_climbs_with_new_correlation() -> None:
    known = a_risk(RiskLevel.HIGH, status=Status.SCREENED, destination=FindingDestination.GP, reason="known-to-gp")

    decision = _decided(assessed(a_score("27.10"), scored_before("9.80"), known))

    assert [event.TYPE for event in decision.events] == [RiskLevelCrossed.TYPE, RiskHighClimberFound.TYPE]
    assert decision.state.correlation_id != known.correlation_id
    assert (decision.state.id, decision.state.version) == (known.id, known.version)
    assert (decision.state.status, decision.state.destination, decision.state.climbed_on) == (Status.FOUND, None, TODAY)
    assert decision.state.climber_until == TODAY + timedelta(days=90)


@pytest.mark.parametrize(
    ("before", "now", "status"),
    [("27.10", "9.80", Status.SCREENED), ("27.10", "1.00", Status.BELOW), ("9.80", "4.70", Status.BELOW), ("9.80", "0.10", Status.BELOW)],
)
def test_fall_keeps_correlation_and_may_end_finding(before: str, now: str, status: Status) -> None:
    known = a_risk(level_of(Decimal(before), POLICY), status=Status.SCREENED, destination=FindingDestination.GP)

    decision = _decided(assessed(a_score(now), scored_before(before, lowest_ratio=None, lowest_level=None), known))

    assert [type(event) for event in decision.events] == [RiskLevelCrossed]
    assert (decision.state.correlation_id, decision.state.status) == (known.correlation_id, status)


@pytest.mark.parametrize(("before", "now"), [("9.80", "9.80"), ("9.80", "11.00"), ("0.30", "1.90"), ("1.90", "0.30")])
def test_score_at_same_level_publishes_nothing(before: str, now: str) -> None:
    assert assessed(a_score(now), scored_before(before)) is None


def test_older_score_publishes_nothing() -> None:
    assert assessed(a_score("27.10"), scored_before("0.30", newest_on=TODAY + timedelta(days=1))) is None


def test_score_of_same_day_publishes_difference() -> None:
    known, same_day = a_risk(RiskLevel.VERY_HIGH), scored_before("27.10", newest_on=TODAY, lowest_ratio=None, lowest_level=None)

    assert assessed(a_score("27.90"), same_day, known) is None
    events = _decided(assessed(a_score("9.80"), same_day, known)).events
    assert [event.from_level for event in events if isinstance(event, RiskLevelCrossed)] == [RiskLevel.VERY_HIGH]


def test_low_level_climber_is_found_without_crossing() -> None:
    decision = _decided(assessed(a_score("3.00"), scored_before("1.00")))

    assert [type(event) for event in decision.events] == [RiskHighClimberFound]
    assert (decision.state.status, decision.state.level) == (Status.FOUND, RiskLevel.MEDIUM)


def test_level_in_file_overrides_ratio() -> None:
    decision = _decided(assessed(a_score("1.00", level=RiskLevel.VERY_HIGH)))

    assert (decision.state.level, decision.state.ratio) == (RiskLevel.VERY_HIGH, Decimal("1.00"))


@pytest.mark.parametrize("destination", list(FindingDestination))
def test_finding_is_screened_to_destination_with_reason(destination: FindingDestination) -> None:
    risk, case_id = a_risk(), new_id() if destination is FindingDestination.OPEN_CASE else None

    command = ScreenFinding(destination, FindingReason.KNOWN_TO_TEAM)
    decision = screen(risk, command, locality=Locality.WEST, now=NOW, policy=POLICY, case_id=case_id)

    facts = {"destination": destination, "reason": "known-to-team", "level": RiskLevel.HIGH, "practice_code": "W07", "locality": "west"}
    assert decision.events == [RiskScreened.model_validate({**facts, "case_id": case_id})]
    is_watched = destination is FindingDestination.WATCHING_BRIEF
    assert [deadline.due_at for deadline in decision.deadlines] == ([NOW + POLICY.watching_brief_for] if is_watched else [])
    status = Status.WATCHED if is_watched else Status.SCREENED
    assert decision.state == replace(risk, status=status, destination=destination, reason="known-to-team")


def test_review_names_no_open_case_without_one() -> None:
    with pytest.raises(NoOpenCase):
        screen(
            a_risk(),
            ScreenFinding(FindingDestination.OPEN_CASE, FindingReason.KNOWN_TO_MEETING),
            locality=Locality.WEST,
            now=NOW,
            policy=POLICY,
        )


def test_climber_rule_is_configured() -> None:
    gentle = Policy(climber_ratio=Decimal("1.1"), climber_rise=Decimal("0.5"))

    assert is_high_climber(a_score("1.60"), scored_before("1.00"), gentle)
    assert not is_high_climber(a_score("1.60", valid_from=date(2015, 3, 2)), scored_before("1.00"), POLICY)


def _decided(decision: Decision[Risk] | None) -> Decision[Risk]:
    assert decision is not None
    return decision
