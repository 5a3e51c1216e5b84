"""What `care verify` does: judges the running stack, tells the verdict, and leaves it for Prometheus."""

from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from infra.operations.retention_settings import configured_retention
from infra.operations.verify import metrics as files
from infra.operations.verify.progress import bars
from infra.operations.verify.report import Options, verify_stack
from infra.operations.verify.verdict import print_verdict


async def judge_stack(
    out: Console, name: str, *, answers: Path | None, parked: int, since: datetime | None, metrics: Path | None, is_live: bool
) -> bool:
    """Whether everything holds. Raises StackError, Misconfigured."""
    terms = Options(
        is_live=is_live, parked=parked, recorded_since=since and since.replace(tzinfo=UTC), log=answers, keep=configured_retention()
    )
    with bars(Console(stderr=True)) as watch:
        verdict = await verify_stack(name, terms, watch)
    print_verdict(out, verdict)
    if metrics:
        files.write(metrics, verdict)
    return verdict.holds
