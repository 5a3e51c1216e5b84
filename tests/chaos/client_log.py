"""Writes a client's log: each response, or its absence, is on disk before that client continues.

Concurrent lines share one fsync. infra/operations/verify/client_log.py documents the format.
"""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, BinaryIO

from shared.messaging.shutdown import cancel_and_wait


class ClientLog:
    """Appends JSON lines to a file."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._waiting: list[tuple[bytes, asyncio.Future[None]]] = []
        self._has_lines = asyncio.Event()

    async def write(self, line: Mapping[str, Any]) -> None:
        """Returns when the line is on disk."""
        written: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((json.dumps(line).encode() + b"\n", written))
        self._has_lines.set()
        await written

    async def run(self) -> None:
        """Writes waiting lines until cancelled."""
        while True:
            await self._has_lines.wait()
            self._has_lines.clear()
            waiting, self._waiting = self._waiting, []
            await asyncio.to_thread(self._append, b"".join(line for line, _ in waiting))
            for _, written in waiting:
                if not written.done():
                    written.set_result(None)

    def _append(self, lines: bytes) -> None:
        self._file.write(lines)
        self._file.flush()
        os.fsync(self._file.fileno())


@asynccontextmanager
async def client_log(path: Path) -> AsyncIterator[ClientLog]:
    with path.open("ab") as file:
        log = ClientLog(file)
        writer = asyncio.create_task(log.run())
        try:
            yield log
        finally:
            await cancel_and_wait(writer)
