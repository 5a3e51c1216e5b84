"""Where the embedded stack keeps its files.

Invariant: run by root, nothing of PostgreSQL lies in or below a home directory, because PostgreSQL then works as another OS user, who
would need the way there opened; no permission of a folder that is not ours is ever changed.
"""

import hashlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path

SYSTEM_FOLDER = Path("/var/lib/care-coordination")


def care_home() -> Path:
    """The folder of the product: `CARE_HOME`, or its place in the user's cache."""
    if chosen := os.environ.get("CARE_HOME"):
        return Path(chosen).expanduser().absolute()
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache).absolute() / "care-coordination"


def is_root() -> bool:
    return os.geteuid() == 0


def make_folder(folder: Path) -> None:
    """Make `folder` and what is missing above it. What root makes here lets others pass, whatever the umask: PostgreSQL is one of them."""
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    for each in reversed(missing):
        each.mkdir(exist_ok=True)
        if is_root():
            each.chmod(0o755)


@dataclass(frozen=True, slots=True)
class StackFolders:
    """The folders of one named stack."""

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
    """The stack's own folder or, for root where another OS user cannot reach that, one in the system's place for such data."""
    if not is_root() or _can_be_shared(root):
        return root
    mark = hashlib.sha256(str(root).encode()).hexdigest()[:8]
    return SYSTEM_FOLDER / "stacks" / f"{root.name}-{mark}"


def _can_be_shared(folder: Path) -> bool:
    """Whether another OS user can reach `folder` as things are, and it is outside the home directory."""
    if folder.is_relative_to(Path.home()):
        return False
    return all(above.stat().st_mode & stat.S_IXOTH for above in (folder, *folder.parents) if above.exists())
