"""The fork server of a test process: `python -m tests.builders.fork_server SOCKET MODULE ...`, with SOCKET as an inherited descriptor.

A new Python process imports the product for 1.5 to 3 seconds. The fork server imports it once; each request forks a process that has
it already. A request has three descriptors: standard output, standard error, and a pipe for the pid and later the exit status.
"""

import importlib
import json
import os
import runpy
import select
import signal
import socket
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from tests.builders.stack_fork import fork_stacks

_MAX_REQUEST_BYTES = 1_000_000


@dataclass
class ForkServer:
    """Every running process with the pipe for its status."""

    requests: socket.socket
    statuses: dict[int, int] = field(default_factory=dict)

    def serve(self) -> dict[str, Any] | None:
        """Returns a request, in the process that was forked for it, or None at the end of the requests."""
        children, child_ended = os.pipe()
        os.set_blocking(child_ended, False)
        signal.set_wakeup_fd(child_ended, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)  # a handler is needed for the wakeup
        while True:
            readable, _, _ = select.select([self.requests.fileno(), children], [], [])
            if children in readable:
                os.read(children, 1_000)
                self._report_ended()
            if self.requests.fileno() in readable:
                data, descriptors, _, _ = socket.recv_fds(self.requests, _MAX_REQUEST_BYTES, 3)
                if not data:
                    self._kill_all()
                    return None
                if request := self._fork(data, descriptors):
                    return request

    def _fork(self, data: bytes, descriptors: list[int]) -> dict[str, Any] | None:
        out, err, status = descriptors
        pid = os.fork()
        if not pid:
            _become(out, err)
            for descriptor in (self.requests.detach(), *descriptors, *self.statuses.values()):
                os.close(descriptor)
            request: dict[str, Any] = json.loads(data)
            return request
        os.close(out)
        os.close(err)
        self.statuses[pid] = status
        os.write(status, f"{pid}\n".encode())
        return None

    def _report_ended(self) -> None:
        with suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                pid, status = ended
                with suppress(BrokenPipeError):
                    os.write(self.statuses[pid], f"{os.waitstatus_to_exitcode(status)}\n".encode())
                os.close(self.statuses.pop(pid))

    def _kill_all(self) -> None:
        for pid in self.statuses:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def _become(out: int, err: int) -> None:
    """Gives the forked process the descriptors and signals of a new one."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(out, 1)
    os.dup2(err, 2)
    sys.stdout, sys.stderr = os.fdopen(1, "w", buffering=1, closefd=False), os.fdopen(2, "w", buffering=1, closefd=False)


def _run(request: dict[str, Any]) -> None:
    """Runs a module as `python -m` does, or the function of `module:function`."""
    fork_stacks()
    os.environ.clear()
    os.environ.update(request["environment"])
    program, *arguments = request["command"]
    module, _, function = program.partition(":")
    sys.argv = [module, *arguments]
    if function:
        getattr(importlib.import_module(module), function)()
    else:
        sys.modules.pop(module, None)  # imported before the fork, of which a new process would know nothing
        runpy.run_module(module, run_name="__main__", alter_sys=True)


def main() -> None:
    requests = socket.socket(fileno=int(sys.argv[1]))
    for name in sys.argv[2:]:
        importlib.import_module(name)
    if request := ForkServer(requests).serve():
        _run(request)


if __name__ == "__main__":
    main()
