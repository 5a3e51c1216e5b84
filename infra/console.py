"""The output of `care`, and how it runs a command's work."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import typer
from rich.console import Console

out = Console()


def run(work: Coroutine[Any, Any, Any]) -> Any:
    """Ends with the exit code of an interrupted command after Ctrl-C."""
    try:
        return asyncio.run(work)
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
