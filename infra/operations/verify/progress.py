"""Shows a progress bar for each step, on standard error."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from infra.operations.verify.deliveries import OnProgress


@contextmanager
def bars(console: Console) -> Iterator[OnProgress]:
    """A step of unknown size shows an indeterminate bar."""
    with Progress(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=console) as progress:
        steps: dict[str, TaskID] = {}

        def update(step: str, done: int, total: int) -> None:
            if step not in steps:
                steps[step] = progress.add_task(step, total=total or None)
            progress.update(steps[step], completed=done, total=total or None)

        yield update


def silent(step: str, done: int, total: int) -> None:
    """Shows nothing."""
