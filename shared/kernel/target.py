"""Which thing a command is about, as its sender saw it."""

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Target:
    """`version` is what If-Match said; a newer stored version refuses the command."""

    id: UUID
    version: int
