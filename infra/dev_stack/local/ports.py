"""Finds and checks ports on 127.0.0.1.

Invariant: chosen ports lie below the ephemeral ranges of Linux and macOS, so no outgoing connection takes a port while its broker is down.
"""

import asyncio
import secrets
import socket
from contextlib import suppress

from infra.errors import StackError

HOST = "127.0.0.1"
_LOWEST, _HIGHEST = 20_000, 32_000
_TIMEOUT_SECONDS = 10


def free_ports(count: int) -> list[int]:
    found: set[int] = set()
    while len(found) < count:
        port = _LOWEST + secrets.randbelow(_HIGHEST - _LOWEST)
        if _is_free(port):
            found.add(port)
    return list(found)


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
