"""Ports on 127.0.0.1: which are free, which are served.

Invariant: free ones lie below the ranges that Linux and macOS hand to outgoing connections, so that a port stays ours while its broker
is down.
"""

import asyncio
import secrets
import socket
from contextlib import suppress

from infra.errors import StackError

HOST = "127.0.0.1"
_LOWEST, _HIGHEST = 20_000, 32_000
_PATIENCE = 10


def free_ports(count: int) -> list[int]:
    found: set[int] = set()
    while len(found) < count:
        port = _LOWEST + secrets.randbelow(_HIGHEST - _LOWEST)
        if _is_free(port):
            found.add(port)
    return list(found)


def require_free(port: int) -> int:
    """Raises StackError."""
    if not _is_free(port):
        raise StackError(f"Port {port} cannot be served: somebody else does, or it is not ours to take. Name another with --port.")
    return port


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # connections of an earlier server may still be fading
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


async def accepts(host: str, port: int) -> bool:
    """Whether somebody accepts connections there."""
    try:
        _, writer = await asyncio.wait_for(asyncio.open_connection(host, port), _PATIENCE)
    except (OSError, TimeoutError):
        return False
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
    return True
