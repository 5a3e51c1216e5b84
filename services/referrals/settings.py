"""The environment of the Community Point of Access."""

from typing import Any

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """`policy` overrides numbers of `domain.Policy` by name: `REFERRALS_POLICY='{"acknowledge_urgent": "PT30M"}'`."""

    model_config = SettingsConfigDict(env_prefix="REFERRALS_", frozen=True, extra="ignore")

    database_url: SecretStr
    policy: dict[str, Any] = Field(default_factory=dict)
    metrics_port: int | None = None
