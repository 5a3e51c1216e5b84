"""The environment of the weekly meeting."""

from typing import ClassVar

from pydantic_settings import SettingsConfigDict

from shared.deployment import ContextSettings


class Settings(ContextSettings):
    """For instance `MDT_POLICY='{"capacity": 12}'`."""

    model_config = SettingsConfigDict(env_prefix="MDT_")
    DERIVES_IDS: ClassVar[bool] = True
