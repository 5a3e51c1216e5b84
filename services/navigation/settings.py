"""The environment of care navigation."""

from pydantic_settings import SettingsConfigDict

from shared.deployment import ContextSettings


class Settings(ContextSettings):
    """For instance `NAVIGATION_POLICY='{"caseload_cap": 40}'`."""

    model_config = SettingsConfigDict(env_prefix="NAVIGATION_")
