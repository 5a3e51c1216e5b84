"""Finds and checks ports on 127.0.0.1.

Invariant: a chosen port stays free while its server is down. It lies below the ephemeral ranges of Linux and macOS, so no outgoing
connection gets it; and the process that chose it reserves it until the process ends, so no other process of the user chooses it.
"""

import asyncio
import fcntl
import os
import secrets
import socket
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from itertools import islice
from pathlib import Path

from infra.errors import StackError

HOST = "127.0.0.1"
_BELOW_EPHEMERAL = range(20_000, 32_000)
_TIMEOUT_SECONDS = 10
_reserved: set[int] = set()


def free_ports(count: int, among: Sequence[int] = _BELOW_EPHEMERAL) -> list[int]:
    """Returns `count` free ports and reserves them. Raises StackError when `among` has too few."""
    in_random_order = secrets.SystemRandom().sample(among, len(among))
    found = list(islice(filter(_can_reserve, in_random_order), count))
    if len(found) < count:
        raise StackError(f"The ports {among[0]} to {among[-1]} of {HOST} are in use or reserved. Stop a stack.")
    return found


def _can_reserve(port: int) -> bool:
    return port not in _reserved and _reserve(port) and _is_free(port)


def _reserve(port: int) -> bool:
    """Locks the byte of the port until this process ends. Returns whether no other process had locked it."""
    try:
        fcntl.lockf(_reservations(), fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
    except (BlockingIOError, PermissionError):  # POSIX allows EAGAIN and EACCES
        return False
    _reserved.add(port)
    return True


@cache
def _reservations() -> int:
    """Opens the file of the user's reservations: byte n is port n. The file stays open, because closing it ends the locks."""
    path = Path(tempfile.gettempdir()) / f"care-coordination-ports-{os.geteuid()}"
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def require_free(port: int, setting: str = "--port") -> int:
    """Returns `port`. Raises StackError when it is in use; `setting` is the option or variable that chose it."""
    if not _is_free(port):
        raise StackError(f"Port {port} is in use or reserved. Choose another with {setting}.")
    return port


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # connections of an earlier server may be in TIME_WAIT
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


async def accepts(host: str, port: int) -> bool:
    """Returns whether a server accepts connections."""
    try:
        async with asyncio.timeout(_TIMEOUT_SECONDS):  # not `wait_for`, which loses a connection that opens as the time ends (Python 3.11)
            _, writer = await asyncio.open_connection(host, port)
            writer.close()
    except (OSError, TimeoutError):
        return False
    with suppress(OSError):
        await writer.wait_closed()
    return True
