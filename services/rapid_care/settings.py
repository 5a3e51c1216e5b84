"""The environment of Rapid Care."""

from typing import Any

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """`policy` overrides numbers of `domain.Policy` by name: `RAPID_CARE_POLICY='{"opens": "08:00"}'`."""

    model_config = SettingsConfigDict(env_prefix="RAPID_CARE_", frozen=True, extra="ignore")

    database_url: SecretStr
    policy: dict[str, Any] = Field(default_factory=dict)
    metrics_port: int | None = None
