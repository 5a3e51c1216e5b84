"""Runs `care verify`: checks the running stack, prints the verdict and writes its metrics."""

from datetime import datetime
from pathlib import Path

from rich.console import Console

from infra.operations.verify import metrics as metrics_file
from infra.operations.verify.progress import bars
from infra.operations.verify.report import Options, verify_stack
from infra.operations.verify.verdict import print_verdict
from shared.deployment import RetentionSettings, read


async def judge_stack(
    out: Console, name: str, *, client_log: Path | None, parked: int, since: datetime | None, metrics: Path | None, is_live: bool
) -> bool:
    """Returns whether every invariant holds. Raises StackError, ConfigurationError."""
    if metrics:
        metrics_file.require_folder(metrics)
    retention = read(RetentionSettings).retention()
    options = Options(is_live=is_live, parked=parked, recorded_since=since, log=client_log, retention=retention)
    with bars(Console(stderr=True)) as on_progress:
        verdict = await verify_stack(name, options, on_progress)
    print_verdict(out, verdict)
    if metrics:
        metrics_file.write(metrics, verdict)
    return verdict.holds
