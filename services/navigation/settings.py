"""The environment of care navigation."""

from typing import Any

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """`policy` overrides numbers of `domain.policy.Policy` by name: `NAVIGATION_POLICY='{"caseload_cap": 40}'`."""

    model_config = SettingsConfigDict(env_prefix="NAVIGATION_", frozen=True, extra="ignore")

    database_url: SecretStr
    policy: dict[str, Any] = Field(default_factory=dict)
    metrics_port: int | None = None
