"""Imports risk scores from a file into the schema of `mdt`, for `care import-risk`. The HTTP upload calls the same handler."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from infra.errors import StackError
from services.mdt.domain.policy import Policy
from services.mdt.domain.risk_import import RiskImport
from services.mdt.handlers.risk import Step, import_scores
from shared.kernel.actor import Actor
from shared.kernel.errors import DomainError
from shared.persistence.database import Database
from shared.persistence.transaction import Cause, RequestContext

OPERATOR = Actor(id="care-import-risk", organisation="CARE", role="operator")
#: Called with a step of the import, the lines done and the lines in all.
OnProgress = Callable[[Step, int, int], None]
_PLAIN_FIELDS = ("rule_version", "rows", "accepted", "mismatched", "crossings", "climbers", "events", "summary")


async def import_risk_file(file: Path, out: Console, name: str) -> dict[str, Any]:
    """Returns the report of the import. Raises StackError when the file is refused or no stack runs."""
    from infra.operations.replay import database_of

    async with database_of("mdt", name, derives_ids=True) as database:
        with _bars(out) as on_progress:
            report = await import_risk(database, file.read_bytes(), on_progress)  # noqa: ASYNC240  no other task runs
    if refused := sum(report.refused.values()):
        out.print(f"Refused: {refused} of {report.rows} lines; the others were imported. `refused` counts the reasons.")
    return as_json(report)


async def import_risk(database: Database[Policy], content: bytes, on_progress: OnProgress) -> RiskImport:
    """Imports the whole file in one transaction. Raises StackError when the file is refused."""
    try:
        async with database.transaction(RequestContext(OPERATOR, Cause("import-risk"))) as tx:
            return await import_scores(content, tx=tx, progress=on_progress)
    except DomainError as refusal:
        raise StackError(f"{refusal.detail} {refusal.advice}") from refusal


def as_json(report: RiskImport) -> dict[str, Any]:
    return {name: getattr(report, name) for name in _PLAIN_FIELDS} | {
        "id": str(report.id),
        "repeats": None if report.repeats is None else str(report.repeats),
        "levels": {str(level): count for level, count in enumerate(report.levels)},
        "refused": {reason.value: count for reason, count in report.refused.items()},
        "bad_rows": [{"line": row.line, "reason": row.reason.value} for row in report.bad_rows],
    }


@contextmanager
def _bars(out: Console) -> Iterator[OnProgress]:
    """Shows a progress bar for each step of the import."""
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=out) as progress:
        tasks = {step: progress.add_task(step.value, total=None, start=False) for step in Step}

        def show(step: Step, done: int, total: int) -> None:
            progress.start_task(tasks[step])
            progress.update(tasks[step], completed=done, total=total or None)

        yield show
