"""The retention settings of the workers, for commands that depend on them."""

from datetime import timedelta

from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.deployment import read
from shared.persistence.retention import DEFAULT_RETENTION, RetentionPolicy


class _RetentionSettings(BaseSettings):
    """A subset of the workers' settings: commands run without their secrets."""

    model_config = SettingsConfigDict(env_prefix="CARE_", frozen=True, extra="ignore")

    idempotency_retention: timedelta = DEFAULT_RETENTION.idempotency_keys
    inbox_retention: timedelta = DEFAULT_RETENTION.inbox
    deadline_retention: timedelta = DEFAULT_RETENTION.fired_deadlines


def configured_retention() -> RetentionPolicy:
    """Returns the retention of the workers. Raises ConfigurationError."""
    found = read(_RetentionSettings)
    return RetentionPolicy(found.idempotency_retention, found.inbox_retention, found.deadline_retention)
