"""For how long a deployment keeps things, for commands that must reckon with it: its workers' own variables."""

from datetime import timedelta

from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.deployment import read
from shared.persistence.retention import DEFAULT_RETENTION, RetentionPolicy


class _RetentionSettings(BaseSettings):
    """Of the workers' environment only this: whoever runs a command holds none of their secrets."""

    model_config = SettingsConfigDict(env_prefix="CARE_", frozen=True, extra="ignore")

    keep_answers: timedelta = DEFAULT_RETENTION.idempotency_keys
    keep_applied: timedelta = DEFAULT_RETENTION.inbox
    keep_settled: timedelta = DEFAULT_RETENTION.fired_deadlines


def configured_retention() -> RetentionPolicy:
    """Raises Misconfigured."""
    found = read(_RetentionSettings)
    return RetentionPolicy(found.keep_answers, found.keep_applied, found.keep_settled)
