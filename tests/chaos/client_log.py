"""A client's log: every answer, or its absence, is on disk before that client goes on.

Several that are waiting share one fsync. The form is that of infra/operations/verify/client_log.py.
"""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, BinaryIO

from shared.messaging.shutdown import cancel_and_wait


class AnswerLog:
    """`note` returns when the line is on disk."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._waiting: list[tuple[bytes, asyncio.Future[None]]] = []
        self._is_asked = asyncio.Event()

    async def note(self, line: Mapping[str, Any]) -> None:
        kept: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((json.dumps(line).encode() + b"\n", kept))
        self._is_asked.set()
        await kept

    async def keep(self) -> None:
        """Writes until cancelled."""
        while True:
            await self._is_asked.wait()
            self._is_asked.clear()
            waiting, self._waiting = self._waiting, []
            await asyncio.to_thread(self._write, b"".join(line for line, _ in waiting))
            for _, kept in waiting:
                if not kept.done():
                    kept.set_result(None)

    def _write(self, lines: bytes) -> None:
        self._file.write(lines)
        self._file.flush()
        os.fsync(self._file.fileno())


@asynccontextmanager
async def answer_log(path: Path) -> AsyncIterator[AnswerLog]:
    with path.open("ab") as file:
        log = AnswerLog(file)
        keeping = asyncio.create_task(log.keep())
        try:
            yield log
        finally:
            await cancel_and_wait(keeping)
