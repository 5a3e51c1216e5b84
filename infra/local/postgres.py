"""PostgreSQL 18 from its wheel, on a unix socket.

The shipped programs are driven directly, because the wheel's own Python interface fixes the settings and attaches to whatever already
runs.

Invariant: what a commit acknowledged is on disk (fsync, synchronous_commit), and the data folder is either complete or absent.
"""

import asyncio
import os
import shutil
import signal
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from infra.local.child import Child, run_child, start_child
from infra.local.errors import StackError
from infra.local.postgres_programs import Programs, installed_programs

POSTGRES_VERSION = "18.4"
_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "300",
    "shared_buffers": "256MB",
    "fsync": "on",
    "synchronous_commit": "on",
    "wal_level": "replica",
    "max_wal_size": "2GB",
    "track_commit_timestamp": "on",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
_LONGEST_SOCKET_PATH = 100  # macOS allows 103 bytes, Linux 107
_SOCKET_NAME = ".s.PGSQL.5432"


@dataclass(slots=True)
class LocalPostgres:
    """One PostgreSQL server on the data in `folder`."""

    folder: Path
    _child: Child | None = field(default=None, init=False)
    _socket_folder: Path | None = field(default=None, init=False)

    @property
    def dsn(self) -> str:
        return f"postgresql://postgres@/postgres?host={self._socket_folder}"

    @property
    def log(self) -> Path:
        return self.folder / "postgres.log"

    @property
    def pid(self) -> int | None:
        return self._child.pid if self._child and self._child.is_running else None

    async def start(self) -> None:
        programs = installed_programs()
        await self._make_data_folder(programs)
        self._socket_folder = _socket_folder(self._data, programs)
        self._child = await self._run(programs)
        await self._until_ready(self._child)

    async def stop(self) -> None:
        if self._child:
            await self._child.stop(signal.SIGINT)  # fast shutdown: ends sessions, writes a checkpoint
        if self._socket_folder and self._socket_folder != self._data:
            shutil.rmtree(self._socket_folder, ignore_errors=True)

    async def kill(self) -> None:
        """End the server as a power cut would, for tests."""
        if self._child:
            await self._child.kill()

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    async def _make_data_folder(self, programs: Programs) -> None:
        if self._data.exists():
            return
        fresh = self.folder / "data.new"
        _make_empty(fresh, programs)
        command = [programs.path("initdb"), "-D", str(fresh), "-U", "postgres", "--auth=trust", "--encoding=UTF8", "--no-locale"]
        with self.log.open("ab") as log:
            if not await run_child(command, output=log.fileno(), identity=programs.identity, folder=fresh):
                raise StackError(f"PostgreSQL could not make its data folder; {self.log} says why.")
        fresh.rename(self._data)

    async def _run(self, programs: Programs) -> Child:
        settings = [f"--{name}={value}" for name, value in _SETTINGS.items()]
        command = [programs.path("postgres"), "-D", str(self._data), "-k", str(self._socket_folder), *settings]
        with self.log.open("ab") as log:
            return await start_child(
                command, output=log.fileno(), identity=programs.identity, death_signal=signal.SIGINT, folder=self._data
            )

    async def _until_ready(self, child: Child) -> None:
        while not _says_ready(self._data / "postmaster.pid", child.pid):
            if not child.is_running:
                raise StackError(f"PostgreSQL did not start; {self.log} says why.")
            await asyncio.sleep(0.02)


def _says_ready(pid_file: Path, pid: int) -> bool:
    """Whether the server of that pid has written `ready` to the last line of its pid file."""
    try:
        lines = pid_file.read_text().split("\n")
    except OSError:
        return False
    return lines[0] == str(pid) and "ready" in lines[-2]


def _make_empty(folder: Path, programs: Programs) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    folder.chmod(0o700)
    _give(folder, programs)


def _give(folder: Path, programs: Programs) -> None:
    if programs.identity:
        os.chown(folder, programs.identity.uid, programs.identity.gid)


def _socket_folder(data: Path, programs: Programs) -> Path:
    """The data folder itself, or a short one where its path is too long for a socket."""
    if len(os.fsencode(data / _SOCKET_NAME)) <= _LONGEST_SOCKET_PATH:
        return data
    short = Path(tempfile.mkdtemp(prefix="care-", dir="/tmp"))
    _give(short, programs)
    return short
