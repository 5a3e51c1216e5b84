"""Options that several commands share."""

from datetime import UTC, datetime
from typing import Annotated

import typer

By = Annotated[str, typer.Option(envvar=["LOGNAME", "USER"], help="Who reads; stays in the audit.")]


def in_utc(instant: datetime | None) -> datetime | None:
    """Reads a time without an offset as UTC, and converts any other."""
    if instant is None:
        return None
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
