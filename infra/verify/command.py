"""What `care verify` does: judges the running stack, tells the verdict, and leaves it for Prometheus."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from pydantic_settings import BaseSettings, SettingsConfigDict
from rich.console import Console

from infra.verify import metrics as files
from infra.verify.progress import bars
from infra.verify.report import Terms, verify_stack
from infra.verify.verdict import tell
from shared.deployment import read
from shared.persistence.keeping import KEEP, Keep


class _Kept(BaseSettings):
    """For how long the judged deployment keeps things: its workers' own variables."""

    model_config = SettingsConfigDict(env_prefix="CARE_", frozen=True, extra="ignore")

    keep_answers: timedelta = KEEP.answers
    keep_applied: timedelta = KEEP.applied
    keep_settled: timedelta = KEEP.settled


async def judge_stack(
    out: Console, name: str, *, answers: Path | None, parked: int, since: datetime | None, metrics: Path | None, is_live: bool
) -> bool:
    """Whether everything holds. Raises StackError, Misconfigured."""
    kept = read(_Kept)
    keep = Keep(kept.keep_answers, kept.keep_applied, kept.keep_settled)
    terms = Terms(is_live=is_live, parked=parked, recorded_since=since and since.replace(tzinfo=UTC), log=answers, keep=keep)
    with bars(Console(stderr=True)) as watch:
        verdict = await verify_stack(name, terms, watch)
    tell(out, verdict)
    if metrics:
        files.write(metrics, verdict)
    return verdict.holds
