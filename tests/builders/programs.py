"""Python programs of the tests, forked from one process that has imported the product."""

import asyncio
import json
import os
import socket
import sys
from asyncio import StreamReader, StreamReaderProtocol
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from infra.contexts import CONTEXTS
from infra.dev_stack.local.child import Child
from infra.dev_stack.local.supervisor import Program

_ROOT = Path(__file__).parents[2]
#: Nearly all code that `care`, workers and APIs import.
_IMPORTED = (
    "infra.dev_stack.local.gc_pause",
    "infra.cli",
    "infra.dev_stack.serve",
    "infra.dev_stack.gateway",
    "infra.deploy.topic_recreate",
    "infra.operations.replay",
    "infra.operations.verify.command",
    "uvicorn",
    *(f"services.{context}.worker" for context in CONTEXTS),
    "infra.dev_stack.local.gc_freeze",
)


@dataclass
class ForkedProcess:
    """A process with the interface of asyncio's; its parent is the fork server."""

    pid: int
    stdout: StreamReader | None
    stderr: StreamReader | None
    _exit: asyncio.Task[int]

    @property
    def returncode(self) -> int | None:
        return self._exit.result() if self._exit.done() else None

    async def wait(self) -> int:
        return await asyncio.shield(self._exit)

    async def communicate(self) -> tuple[bytes, bytes]:
        out, err = await asyncio.gather(*(stream.read() if stream else _nothing() for stream in (self.stdout, self.stderr)))
        await self.wait()
        return out, err

    def send_signal(self, number: int) -> None:
        with suppress(ProcessLookupError):
            os.kill(self.pid, number)


@dataclass(frozen=True)
class Programs:
    """Starts programs in processes of the fork server."""

    _requests: socket.socket

    async def start(self, *command: str, environment: Mapping[str, str] | None = None, output: int | None = None) -> ForkedProcess:
        """`command` is a module, or a function as `module:name`, with its arguments. Both outputs go to `output`, or to pipes."""
        pipes = [os.pipe() for _ in range(1 if output is not None else 3)]
        status, *outputs = [await _reader(readable) for readable, _ in pipes]
        sent = [writable for _, writable in pipes]
        descriptors = [output, output, *sent] if output is not None else [*sent[1:], sent[0]]
        request = {"command": command, "environment": dict(os.environ if environment is None else environment)}
        await asyncio.to_thread(socket.send_fds, self._requests, [json.dumps(request).encode()], descriptors)
        for descriptor in sent:
            os.close(descriptor)
        pid = int(await status.readline())
        out, err = outputs or (None, None)
        return ForkedProcess(pid, out, err, asyncio.create_task(_exit_status(status)))

    async def begin(self, program: Program, log: Path) -> Child:
        """Starts a program of a supervisor; its output is added to `log`."""
        with log.open("ab") as output:
            return Child(await self.start(*program.command, environment=program.environment, output=output.fileno()))


@asynccontextmanager
async def open_programs() -> AsyncIterator[Programs]:
    """Starts the fork server; all of its processes end with it."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    command = [sys.executable, "-m", "tests.builders.fork_server", str(theirs.fileno()), *_IMPORTED]
    server = await asyncio.create_subprocess_exec(
        *command, cwd=_ROOT, env=os.environ | {"COLUMNS": "200"}, pass_fds=[theirs.fileno()], stdin=asyncio.subprocess.DEVNULL
    )
    theirs.close()
    yield Programs(ours)
    ours.close()
    await server.wait()


async def _reader(descriptor: int) -> StreamReader:
    """A reader that closes the descriptor at the end of the stream."""
    reader = StreamReader()
    pipe = os.fdopen(descriptor, "rb", buffering=0)
    await asyncio.get_running_loop().connect_read_pipe(lambda: StreamReaderProtocol(reader), pipe)
    return reader


async def _exit_status(status: StreamReader) -> int:
    """As asyncio has it: minus the signal that ended the process."""
    return int(await status.readline())


async def _nothing() -> bytes:
    return b""
