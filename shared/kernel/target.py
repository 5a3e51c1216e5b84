"""The aggregate that a command changes, in the version that its sender saw."""

from dataclasses import dataclass
from uuid import UUID

from shared.kernel.errors import VersionConflict


@dataclass(frozen=True, slots=True)
class Target:
    """`version` is the version in If-Match; a newer stored version refuses the command."""

    id: UUID
    version: int

    def require(self, subject: str, stored: int) -> None:
        """Raises VersionConflict, which names the subject, unless the stored version is the one that the sender saw."""
        if stored != self.version:
            raise VersionConflict(subject, self.version, stored)
