"""The environment of Rapid Care."""

from pydantic_settings import SettingsConfigDict

from shared.deployment import ContextSettings


class Settings(ContextSettings):
    """For instance `RAPID_CARE_POLICY='{"capacity_low": 150}'`."""

    model_config = SettingsConfigDict(env_prefix="RAPID_CARE_")
