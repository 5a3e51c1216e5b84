"""PostgreSQL 18 from its wheel, on a unix socket.

The programs of the wheel are called directly, because its Python interface fixes the settings and attaches to a running server.

Invariant: an acknowledged commit is on disk (fsync, synchronous_commit), and the data folder is complete or absent.
"""

import asyncio
import os
import shutil
import signal
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from infra.dev_stack.local.child import Child, run_child, start_child, until_ready
from infra.dev_stack.local.logs import log_tail, open_log
from infra.dev_stack.local.orphan_processes import end_orphans
from infra.dev_stack.local.paths import make_folder
from infra.dev_stack.local.postgres_programs import Programs, installed_programs
from infra.errors import StackError

_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "300",
    "shared_buffers": "256MB",
    "fsync": "on",
    "synchronous_commit": "on",
    "wal_level": "replica",
    "max_wal_size": "2GB",
    "autovacuum_naptime": "5s",  # tables grow from empty: plans for empty tables must not live for a minute
    "autovacuum_analyze_scale_factor": "0.5",  # growing tables need no analysis after each tenth (docs/performance.md)
    "autovacuum_vacuum_insert_scale_factor": "0.5",
    "track_commit_timestamp": "on",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %q%u@%d ",  # a refused statement names the role (docs/runbook.md, Audit altered)
    "log_error_verbosity": "terse",  # the detail of an error quotes the row, with the person's name and story (docs/adr/0009)
    "log_parameter_max_length": "0",
}
_INITDB = ("--auth=trust", "--encoding=UTF8", "--no-locale", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")
_MAX_SOCKET_PATH = 100  # macOS allows 103 bytes, Linux 107
_SOCKET_NAME = ".s.PGSQL.5432"


@dataclass(slots=True)
class LocalPostgres:
    """A PostgreSQL server with its data in `folder`."""

    title: ClassVar = "PostgreSQL"

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
        """Starts the server unless it runs, on existing data or on none; returns when it accepts sessions."""
        child = self._child if self._child and self._child.is_running else await self._start_server(installed_programs())
        await until_ready(child, self._is_ready, name=self.title, log=self.log)

    async def stop(self) -> None:
        if self._child:
            await self._child.stop(signal.SIGINT)  # fast shutdown: ends sessions, writes a checkpoint
        if self._socket_folder and self._socket_folder != self._data:
            shutil.rmtree(self._socket_folder, ignore_errors=True)

    async def kill(self) -> None:
        """Ends the server with SIGKILL; the next `start` ends its remaining sessions."""
        if self._child:
            await self._child.kill()

    async def ended(self) -> None:
        """Returns when the process of the server has ended."""
        if self._child:
            await self._child.process.wait()

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    @property
    def _pid_file(self) -> Path:
        return self._data / "postmaster.pid"

    async def _start_server(self, programs: Programs) -> Child:
        await asyncio.to_thread(self._clean_up)
        await self._make_data_folder(programs)
        self._socket_folder = _socket_folder(self._data, programs)
        self._child = await self._run(programs)
        return self._child

    async def _make_data_folder(self, programs: Programs) -> None:
        if self._data.exists():
            return
        fresh = self.folder / "data.new"
        _make_empty(fresh, programs)
        command = [programs.path("initdb"), "-D", str(fresh), "-U", "postgres", *_INITDB]
        with open_log(self.log) as log:
            if not await run_child(command, output=log.fileno(), identity=programs.identity, folder=fresh):
                raise StackError(f"PostgreSQL could not create its data folder. {log_tail(self.log)}")
        fresh.rename(self._data)

    async def _run(self, programs: Programs) -> Child:
        settings = [f"--{name}={value}" for name, value in _SETTINGS.items()]
        command = [programs.path("postgres"), "-D", str(self._data), "-k", str(self._socket_folder), *settings]
        with open_log(self.log) as log:
            return await start_child(
                command, output=log.fileno(), identity=programs.identity, death_signal=signal.SIGINT, folder=self._data
            )

    async def _is_ready(self) -> bool:
        """Returns whether this server, not an earlier one, has written `ready` into the pid file."""
        try:
            pid, *rest = self._pid_file.read_text().split()
        except (OSError, ValueError):  # absent, or being written
            return False
        return pid == str(self.pid) and rest[-1:] == ["ready"]

    def _clean_up(self) -> None:
        """Ends the sessions of a killed server and removes its pid file, whose pid another process may have."""
        end_orphans([self.folder])
        self._pid_file.unlink(missing_ok=True)


def _make_empty(folder: Path, programs: Programs) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    make_folder(folder)
    folder.chmod(0o700)
    _set_owner(folder, programs)


def _set_owner(folder: Path, programs: Programs) -> None:
    if programs.identity:
        os.chown(folder, programs.identity.uid, programs.identity.gid)


def _socket_folder(data: Path, programs: Programs) -> Path:
    """Returns the data folder, or a short one when its path is too long for a socket."""
    if len(os.fsencode(data / _SOCKET_NAME)) <= _MAX_SOCKET_PATH:
        return data
    short = Path(tempfile.mkdtemp(prefix="care-", dir="/tmp"))
    _set_owner(short, programs)
    return short
