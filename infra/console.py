"""The output of `care`, and how it runs a command's work."""

import asyncio
from collections.abc import Coroutine, Sequence
from datetime import datetime
from typing import Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

out = Console()


def run(work: Coroutine[Any, Any, Any]) -> Any:
    """Ends with the exit code of an interrupted command after Ctrl-C."""
    try:
        return asyncio.run(work)
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Prints cells as plain text: parked records may contain markup."""
    table = Table(*columns, title=title)
    for row in rows:
        table.add_row(*(Text(f"{cell:%Y-%m-%d %H:%M:%S}" if isinstance(cell, datetime) else str(cell)) for cell in row))
    out.print(table)
