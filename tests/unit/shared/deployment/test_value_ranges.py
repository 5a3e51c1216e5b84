"""A policy or a setting outside its permitted range is refused, in a sentence that names the variable, the field and the range."""

import json
import logging
from collections.abc import Mapping
from dataclasses import fields
from datetime import time, timedelta
from decimal import Decimal
from typing import Any, get_args, get_origin, get_type_hints

import pytest

from infra.contexts import CONTEXTS, policy_of
from infra.dev_stack.dev_secrets import make
from infra.dev_stack.process_environment import environment
from shared.deployment import ConfigurationError, ContextSettings, Deployment, RetentionSettings, policy, read
from shared.kernel.value_rules import rules_of, written
from shared.telemetry import logs

VARIABLES = environment("postgresql://owner@127.0.0.1:1/care", "127.0.0.1:9", make())
DURATION = "the value must be an ISO 8601 duration, such as PT30M or P14D."
CHARACTERS = "the value must consist of letters, digits, dots, hyphens and underscores, and match the pattern ^["
HOUR = "must be a time of day without an offset, such as 09:00."

WRONG_POLICIES = [
    ("navigation", "caseload_cap", -3, "caseload_cap must be from 1 to 10000."),
    ("navigation", "task_weights", {"case-management": -5}, "task_weights must be from 0 to 100 in each entry."),
    ("navigation", "task_weights", {"case-management": "heavy"}, "task_weights.case-management: the value must be a whole number."),
    ("navigation", "stream_heartbeat", "PT0S", "stream_heartbeat must be from PT0.1S to PT1M."),
    ("navigation", "stream_heartbeat", 15, f"stream_heartbeat: {DURATION}"),
    ("navigation", "stream_duration", "P2D", "stream_duration must be from PT1M to P1D."),
    ("navigation", "acknowledge_within_working_days", -1, "acknowledge_within_working_days must be from 1 to 260."),
    ("navigation", "escalate_overdue_again_after_working_days", 0, "escalate_overdue_again_after_working_days must be from 1 to 260."),
    ("navigation", "rapid_care_within", "-PT2H", "rapid_care_within must be from PT1M to P7D."),
    ("navigation", "working_day_ends", "17:00Z", f"working_day_ends {HOUR}"),
    ("navigation", "working_day_ends", "late", "working_day_ends: the value must be a time of day, such as 09:00."),
    ("navigation", "timezone", "Europe/Barnet", "timezone must be a name in the IANA time zone database, such as Europe/London."),
    ("mdt", "risk_bands", ["5", "4", "1"], "risk_bands must be in rising order."),
    ("mdt", "risk_bands", ["1", "2"], "risk_bands: an entry is missing."),
    ("mdt", "risk_bands", ["0", "2", "3"], "risk_bands must be from 0.001 to 999 in each entry."),
    ("mdt", "risk_bands", ["1E+1", "20", "30"], "risk_bands must be written with at most 3 decimal places in each entry."),
    ("mdt", "meets_on_weekday", 9, "meets_on_weekday must be from 0 to 4."),
    ("mdt", "quorum", [], "quorum must be a list of at least one entry without repetition."),
    ("mdt", "quorum", ["gp", "gp"], "quorum must be a list of at least one entry without repetition."),
    ("mdt", "weeks_ahead", -1, "weeks_ahead must be from 0 to 52."),
    ("mdt", "review_weeks", 0, "review_weeks must be from 1 to 104."),
    ("mdt", "capacity", True, "capacity: the value must be a whole number."),
    ("mdt", "urgent_slots", -1, "urgent_slots must be from 0 to 1000."),
    ("mdt", "cut_off_working_days", -1, "cut_off_working_days must be from 0 to 20."),
    ("mdt", "climber_window", "PT36H", "climber_window must be in whole days."),
    ("mdt", "watching_brief_for", "26weeks", f"watching_brief_for: {DURATION}"),
    ("mdt", "member_organisations", [], "member_organisations must be a list of at least one entry without repetition."),
    ("mdt", "chair_id", "", f"chair_id: {CHARACTERS}"),
    ("referrals", "merge_window", "P9999D", "merge_window must be from PT1H to P366D."),
    ("referrals", "chase_urgent", "PT0S", "chase_urgent must be from PT1M to P7D."),
    ("referrals", "chase_routine_working_days", 1_000_000, "chase_routine_working_days must be from 1 to 260."),
    ("referrals", "opens", "07:00+01:00", f"opens {HOUR}"),
    ("referrals", "opens", "22:00", "opens must be before closes."),
    ("referrals", "emergency_service", "", f"emergency_service: {CHARACTERS}"),
    ("rapid_care", "response_target", "PT0S", "response_target must be from PT1M to P7D."),
    ("rapid_care", "at_risk_after", ["PT2H"], "at_risk_after must be above zero and below response_target in each entry."),
    ("rapid_care", "at_risk_after", ["PT1H", "PT1H"], "at_risk_after must be in rising order."),
    ("rapid_care", "at_risk_after", ["PT1H", "90m"], f"at_risk_after: {DURATION}"),
    ("rapid_care", "capacity_low", 201, "capacity_low must be at most capacity_high."),
    ("rapid_care", "modelled_baseline", -1, "modelled_baseline must be from 0 to 100000."),
    ("rapid_care", "avoided_rate_assumption", 1.5, "avoided_rate_assumption must be from 0 to 1."),
    ("rapid_care", "avoided_rate_assumption", float("nan"), "avoided_rate_assumption must be from 0 to 1."),
    ("rapid_care", "pounds_per_avoided_admission", -1, "pounds_per_avoided_admission must be from 0 to 1000000."),
    ("rapid_care", "while_closed", [], "while_closed must be a list of at least one entry without repetition."),
    ("rapid_care", "avoidance_confirmed_after", "PT0S", "avoidance_confirmed_after must be from PT1H to P366D."),
]

RETENTION = "must be from P1D to P3652D."
WRONG_SETTINGS = [
    ("CARE_IDEMPOTENCY_RETENTION", "-P7D", f"CARE_IDEMPOTENCY_RETENTION {RETENTION}"),
    ("CARE_IDEMPOTENCY_RETENTION", "PT0S", f"CARE_IDEMPOTENCY_RETENTION {RETENTION}"),
    ("CARE_IDEMPOTENCY_RETENTION", "7days", f"CARE_IDEMPOTENCY_RETENTION: {DURATION}"),
    ("CARE_DEADLINE_RETENTION", "PT1H", f"CARE_DEADLINE_RETENTION {RETENTION}"),
    ("CARE_DEADLINE_RETENTION", "30d", f"CARE_DEADLINE_RETENTION: {DURATION}"),
    ("CARE_INBOX_RETENTION", "P7D", "CARE_INBOX_RETENTION must be from P15D to P3652D."),
    ("CARE_INBOX_RETENTION", "P99999D", "CARE_INBOX_RETENTION must be from P15D to P3652D."),
    ("CARE_LATENESS_BUDGET", "PT0S", "CARE_LATENESS_BUDGET must be from PT0.1S to PT10S."),
    ("CARE_LATENESS_BUDGET", "soon", f"CARE_LATENESS_BUDGET: {DURATION}"),
    ("CARE_LATENESS_BUDGET", "P", f"CARE_LATENESS_BUDGET: {DURATION}"),
    ("CARE_WORKER_NICENESS", "20", "CARE_WORKER_NICENESS must be from 0 to 19."),
    ("CARE_WORKER_NICENESS", "nice", "CARE_WORKER_NICENESS: the value must be a whole number."),
    ("CARE_ALLOW_TIME_TRAVEL", "perhaps", "CARE_ALLOW_TIME_TRAVEL: the value must be true or false."),
    ("CARE_ISSUER", "", "CARE_ISSUER: the value must not be empty."),
    ("CARE_JWKS", "{", "CARE_JWKS: the value is not JSON."),
    ("CARE_TOPIC_PREFIX", "west wing", f"CARE_TOPIC_PREFIX: {CHARACTERS}"),
    ("CARE_LOG_LEVEL", "TRACE", "CARE_LOG_LEVEL: there is no such level; there are DEBUG, INFO, WARNING, ERROR, CRITICAL."),
]


def refusal(context: str, values: Mapping[str, Any]) -> str:
    with pytest.raises(ConfigurationError) as found:
        policy(policy_of(context), values, f"{context.upper()}_POLICY")
    return str(found.value)


@pytest.mark.parametrize(("context", "field", "value", "sentence"), WRONG_POLICIES)
def test_policy_value_outside_its_range_is_refused(context: str, field: str, value: object, sentence: str) -> None:
    assert refusal(context, {field: value}).startswith(f"{context.upper()}_POLICY: {sentence}")


def test_every_wrong_field_of_a_policy_is_named() -> None:
    found = refusal("mdt", {"capacity": 0, "weeks_ahead": 53})

    assert found == "MDT_POLICY: capacity must be from 1 to 1000; weeks_ahead must be from 0 to 52."


@pytest.mark.parametrize(("name", "value", "sentence"), WRONG_SETTINGS)
def test_setting_outside_its_range_is_refused(monkeypatch: pytest.MonkeyPatch, name: str, value: str, sentence: str) -> None:
    for known, sound in VARIABLES.items():
        monkeypatch.setenv(known, sound)
    monkeypatch.setenv(name, value)

    with pytest.raises(ConfigurationError) as found:
        read(Deployment)

    assert str(found.value).startswith(sentence)


@pytest.mark.parametrize("port", ["0", "-5", "65536"])
def test_impossible_metrics_port_is_refused(monkeypatch: pytest.MonkeyPatch, port: str) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://owner@127.0.0.1:1/care")
    monkeypatch.setenv("METRICS_PORT", port)

    with pytest.raises(ConfigurationError, match=r"^METRICS_PORT must be from 1 to 65535\.$"):
        read(ContextSettings)


def test_ends_of_a_range_are_permitted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARE_IDEMPOTENCY_RETENTION", "P1D")
    monkeypatch.setenv("CARE_DEADLINE_RETENTION", "P3652D")

    retention = read(RetentionSettings).retention()

    assert (retention.idempotency_keys, retention.fired_deadlines) == (timedelta(days=1), timedelta(days=3652))


@pytest.mark.parametrize("context", CONTEXTS)
def test_default_policy_is_permitted(context: str) -> None:
    assert policy(policy_of(context), {}, "X_POLICY") == policy_of(context)()


@pytest.mark.parametrize("context", CONTEXTS)
def test_every_number_and_time_has_a_rule(context: str) -> None:
    kind = policy_of(context)
    bounded = {int, float, Decimal, timedelta, time}
    hints = get_type_hints(kind)
    ruled = {name for name, rules in rules_of(kind).items() if rules}

    assert [each.name for each in fields(kind) if _types(hints[each.name]) & bounded and each.name not in ruled] == []


def test_levels_that_libraries_add_are_not_listed() -> None:
    logging.addLevelName(5, "TRACE")  # as uvicorn does

    with pytest.raises(ValueError, match=r"there are DEBUG, INFO, WARNING, ERROR, CRITICAL$"):
        logs.level("TRACE")
    assert [logs.level(name) for name in logs.LEVELS] == list(logs.LEVELS)


@pytest.mark.parametrize(
    ("duration", "text"),
    [
        (timedelta(), "PT0S"),
        (timedelta(days=400), "P400D"),
        (timedelta(days=1, hours=2, minutes=3, seconds=4.5), "P1DT2H3M4.5S"),
        (timedelta(minutes=90), "PT1H30M"),
        (timedelta(milliseconds=100), "PT0.1S"),
        (timedelta(seconds=10), "PT10S"),
        (timedelta(hours=-1), "-PT1H"),
    ],
)
def test_duration_is_written_in_iso_8601(duration: timedelta, text: str) -> None:
    assert written(duration) == text


def test_policy_in_the_environment_is_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://owner@127.0.0.1:1/care")
    monkeypatch.setenv("POLICY", json.dumps({"capacity": 0}))

    with pytest.raises(ConfigurationError, match=r"^POLICY: capacity must be from 1 to 1000\.$"):
        read(ContextSettings).policy_values(policy_of("mdt"))


def _types(hint: Any) -> set[object]:
    """The type itself and the types of its entries."""
    return {hint} if get_origin(hint) is None else {each for argument in get_args(hint) for each in _types(argument)}
