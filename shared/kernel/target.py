"""The aggregate that a command changes, in the version that its sender saw."""

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Target:
    """`version` is the version in If-Match; a newer stored version refuses the command."""

    id: UUID
    version: int
