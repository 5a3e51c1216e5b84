"""A bar for each step of the judgement, on standard error."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from infra.operations.verify.deliveries import Tell


@contextmanager
def bars(console: Console) -> Iterator[Tell]:
    """A step whose size is not known moves without an end; the next step ends it."""
    with Progress(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=console) as progress:
        steps: dict[str, TaskID] = {}

        def tell(step: str, done: int, total: int) -> None:
            if step not in steps:
                steps[step] = progress.add_task(step, total=total or None)
            progress.update(steps[step], completed=done, total=total or None)

        yield tell


def silent(step: str, done: int, total: int) -> None:
    """Nobody watches."""
