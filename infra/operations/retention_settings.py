"""For how long a deployment keeps things, for commands that must reckon with it: its workers' own variables."""

from datetime import timedelta

from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.deployment import read
from shared.persistence.retention import DEFAULT_RETENTION, RetentionPolicy


class _RetentionSettings(BaseSettings):
    """Of the workers' environment only this: whoever runs a command holds none of their secrets."""

    model_config = SettingsConfigDict(env_prefix="CARE_", frozen=True, extra="ignore")

    idempotency_retention: timedelta = DEFAULT_RETENTION.idempotency_keys
    inbox_retention: timedelta = DEFAULT_RETENTION.inbox
    deadline_retention: timedelta = DEFAULT_RETENTION.fired_deadlines


def configured_retention() -> RetentionPolicy:
    """Raises Misconfigured."""
    found = read(_RetentionSettings)
    return RetentionPolicy(found.idempotency_retention, found.inbox_retention, found.deadline_retention)
