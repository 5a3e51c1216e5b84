"""The environment of the weekly meeting."""

from typing import Any

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """`policy` overrides numbers of `domain.policy.Policy` by name: `MDT_POLICY='{"capacity": 12}'`."""

    model_config = SettingsConfigDict(env_prefix="MDT_", frozen=True, extra="ignore")

    database_url: SecretStr
    policy: dict[str, Any] = Field(default_factory=dict)
    metrics_port: int | None = None
