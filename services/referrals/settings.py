"""The environment of the Community Point of Access."""

from typing import ClassVar

from pydantic_settings import SettingsConfigDict

from shared.deployment import ContextSettings


class Settings(ContextSettings):
    """For instance `REFERRALS_POLICY='{"acknowledge_urgent": "PT30M"}'`."""

    model_config = SettingsConfigDict(env_prefix="REFERRALS_")
    DERIVES_IDS: ClassVar[bool] = True
