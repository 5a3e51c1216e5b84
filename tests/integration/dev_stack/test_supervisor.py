"""The supervisor restarts programs until it stops."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import psutil

from infra.dev_stack.local.child import Child
from infra.dev_stack.local.supervisor import Program, Supervisor, start_command
from infra.errors import StackError
from tests.timeouts import until

_PYTHON = [sys.executable, "-I", "-u", "-c"]
_SPEAKS = [*_PYTHON, "import time; print('hello'); time.sleep(600)"]
_FAILS = [*_PYTHON, "raise SystemExit(3)"]
_IGNORES_SIGTERM = [*_PYTHON, "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf'); time.sleep(600)"]


def _pid(supervisor: Supervisor, name: str) -> int:
    pid = supervisor.pid(name)
    assert pid
    return pid


async def test_killed_program_is_restarted(tmp_path: Path) -> None:
    async with Supervisor([Program("speaker", _SPEAKS)], tmp_path) as supervisor:
        first = _pid(supervisor, "speaker")
        os.kill(first, signal.SIGKILL)
        await until(lambda: supervisor.pid("speaker") not in {None, first})
        await until(lambda: supervisor.log("speaker").read_text().count("hello"))
        second = _pid(supervisor, "speaker")
    assert not psutil.pid_exists(second)
    assert "speaker ended (SIGKILL) and restarts in 0.25 s" in supervisor.log("speaker").read_text()


async def test_restarts_slow_down_when_a_program_keeps_ending(tmp_path: Path) -> None:
    async with Supervisor([Program("failing", _FAILS)], tmp_path) as supervisor:
        await until(lambda: "restarts in 1 s" in supervisor.log("failing").read_text())
    sentences = [line for line in supervisor.log("failing").read_text().splitlines() if " started with pid " not in line]
    assert sentences == [f"failing ended (exit code 3) and restarts in {pause} s" for pause in ("0.25", "0.5", "1")]
    assert supervisor.pid("failing") is None


async def test_program_that_refuses_its_environment_is_not_restarted(tmp_path: Path) -> None:
    messages: list[str] = []
    async with Supervisor([Program("wrong", [*_PYTHON, "raise SystemExit(78)"])], tmp_path, notify=messages.append) as supervisor:
        await until(lambda: supervisor.misconfigured == "wrong")
        await asyncio.sleep(0.5)
    assert messages == [f"wrong ended (exit code 78): its configuration is invalid; see {supervisor.log('wrong')}"]
    assert supervisor.log("wrong").read_text().count("started with pid") == 1


async def test_log_names_the_pid_of_each_start(tmp_path: Path) -> None:
    async with Supervisor([Program("speaker", _SPEAKS)], tmp_path) as supervisor:
        assert f"speaker started with pid {_pid(supervisor, 'speaker')}\n" in supervisor.log("speaker").read_text()


async def test_program_ignoring_sigterm_is_killed_after_the_timeout(tmp_path: Path) -> None:
    supervisor = Supervisor([Program("deaf", _IGNORES_SIGTERM)], tmp_path, grace_seconds=0.2)
    await supervisor.start()
    await until(lambda: "deaf" in supervisor.log("deaf").read_text().splitlines())
    pid = _pid(supervisor, "deaf")
    await supervisor.stop()
    assert not psutil.pid_exists(pid)


async def test_supervisor_retries_after_errors_at_start(tmp_path: Path) -> None:
    messages: list[str] = []
    faults = [StackError("no code"), RuntimeError("no thread")]

    async def begin(program: Program, log: Path) -> Child:
        if messages and faults:
            raise faults.pop(0)
        return await start_command(program, log)

    async with Supervisor([Program("speaker", _SPEAKS)], tmp_path, begin, notify=messages.append) as supervisor:
        first = _pid(supervisor, "speaker")
        os.kill(first, signal.SIGKILL)
        await until(lambda: supervisor.pid("speaker") not in {None, first})

    log = tmp_path / "speaker.log"
    assert f"speaker could not be started (StackError: no code); see {log}" in messages
    assert f"speaker could not be started (RuntimeError: no thread); see {log}" in messages


async def test_absent_program_writes_the_error_to_its_log(tmp_path: Path) -> None:
    async with Supervisor([Program("absent", ["/nonexistent/program"])], tmp_path) as supervisor:
        await until(lambda: "cannot be started" in supervisor.log("absent").read_text())
    assert "/nonexistent/program cannot be started: No such file or directory." in supervisor.log("absent").read_text()
