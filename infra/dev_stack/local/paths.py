"""The folders of the embedded stack.

Invariant: as root, PostgreSQL runs as another OS user, so none of its files lie below a home directory, which that user cannot enter. The
permissions of foreign folders are never changed.
"""

import hashlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path

SYSTEM_FOLDER = Path("/var/lib/care-coordination")


def care_home() -> Path:
    """Returns `CARE_HOME`, or the product's folder in the user's cache."""
    if chosen := os.environ.get("CARE_HOME"):
        return Path(chosen).expanduser().absolute()
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache).absolute() / "care-coordination"


def is_root() -> bool:
    return os.geteuid() == 0


def make_folder(folder: Path) -> None:
    """Creates `folder` and its parents. As root, other users may enter them regardless of the umask, because PostgreSQL runs as one."""
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    for each in reversed(missing):
        each.mkdir(exist_ok=True)
        if is_root():
            each.chmod(0o755)


@dataclass(frozen=True, slots=True)
class StackFolders:
    """The folders of a named stack."""

    root: Path
    postgres: Path

    @property
    def kafka(self) -> Path:
        return self.root / "kafka"

    @property
    def lock(self) -> Path:
        return self.root / "lock"

    @property
    def ephemeral_mark(self) -> Path:
        return self.root / "ephemeral"


def stacks_folder() -> Path:
    return care_home() / "stacks"


def stack_folders(name: str) -> StackFolders:
    root = stacks_folder() / name
    return StackFolders(root=root, postgres=_postgres_root(root) / "postgres")


def _postgres_root(root: Path) -> Path:
    """Returns the stack's folder; as root, a system folder when another OS user cannot reach the stack's."""
    if not is_root() or _can_be_shared(root):
        return root
    digest = hashlib.sha256(str(root).encode()).hexdigest()[:8]
    return SYSTEM_FOLDER / "stacks" / f"{root.name}-{digest}"


def _can_be_shared(folder: Path) -> bool:
    """Returns whether another OS user can enter `folder` and it is outside the home directory."""
    if folder.is_relative_to(Path.home()):
        return False
    return all(above.stat().st_mode & stat.S_IXOTH for above in (folder, *folder.parents) if above.exists())
