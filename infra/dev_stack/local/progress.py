"""Reports the steps of a start.

Invariant: every implementation prints warnings.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console
from rich.markup import escape
from rich.progress import Progress as Bars
from rich.progress import SpinnerColumn, TaskID, TextColumn


class Progress(Protocol):
    """Receives the begin, the progress and the end of steps."""

    def began(self, step: str) -> None: ...
    def reached(self, step: str, detail: str) -> None: ...
    def done(self, step: str, seconds: float) -> None: ...
    def warned(self, sentence: str) -> None: ...


class WarningLines:
    """Prints warnings only."""

    def began(self, step: str) -> None:
        """Prints nothing."""

    def reached(self, step: str, detail: str) -> None:
        """Prints nothing."""

    def done(self, step: str, seconds: float) -> None:
        """Prints nothing."""

    def warned(self, sentence: str) -> None:
        print(f"WARNING: {sentence}", file=sys.stderr, flush=True)


class StatusLines:
    """Prints one line for each step, with a spinner, then its duration. Use as a context manager."""

    def __init__(self, console: Console | None = None) -> None:
        self._bars = Bars(
            SpinnerColumn(finished_text="[green]✓"),
            TextColumn("{task.description}"),
            TextColumn("[dim]{task.fields[detail]}"),
            console=console,
        )
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.finish()

    def finish(self) -> None:
        """Ends the display of steps; later warnings are still printed."""
        self._bars.stop()

    def began(self, step: str) -> None:
        self._tasks[step] = self._bars.add_task(step, total=1, detail="")

    def reached(self, step: str, detail: str) -> None:
        self._bars.update(self._tasks[step], detail=detail)

    def done(self, step: str, seconds: float) -> None:
        self._bars.update(self._tasks[step], completed=1, detail=f"{seconds:.1f} s")

    def warned(self, sentence: str) -> None:
        self._bars.console.print(f"[bold yellow]WARNING:[/] {escape(sentence)}")


@contextmanager
def timed(progress: Progress, step: str) -> Iterator[None]:
    """Reports the begin of `step` and, unless it raises, its duration."""
    progress.began(step)
    started = monotonic()
    yield
    progress.done(step, monotonic() - started)
