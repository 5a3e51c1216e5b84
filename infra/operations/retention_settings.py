"""For how long a deployment keeps things, for commands that must reckon with it: its workers' own variables."""

from datetime import timedelta

from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.deployment import read
from shared.persistence.retention import KEEP, Keep


class _Kept(BaseSettings):
    """Of the workers' environment only this: whoever runs a command holds none of their secrets."""

    model_config = SettingsConfigDict(env_prefix="CARE_", frozen=True, extra="ignore")

    keep_answers: timedelta = KEEP.answers
    keep_applied: timedelta = KEEP.applied
    keep_settled: timedelta = KEEP.settled


def kept() -> Keep:
    """Raises Misconfigured."""
    found = read(_Kept)
    return Keep(found.keep_answers, found.keep_applied, found.keep_settled)
