"""Programs started by the fork server run and end like other processes."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import psutil

from infra.dev_stack.local import fork_server
from infra.dev_stack.local.supervisor import Program, Supervisor
from tests.timeouts import until

_HERE = "tests.integration.dev_stack.programs"
_ROOT = Path(__file__).parents[3]


async def test_program_has_its_own_environment_session_and_log(tmp_path: Path) -> None:
    log = tmp_path / "log"
    child = await fork_server.start(Program("speaker", [f"{_HERE}:speak", "hello"], {"GREETING": "here"}), log)
    await until(log.read_text)
    assert log.read_text() == "hello here 1\n"
    assert os.getsid(child.pid) == child.pid
    await child.stop()
    assert child.process.returncode == -signal.SIGTERM
    assert not psutil.pid_exists(child.pid)


async def test_program_reports_its_exit_code(tmp_path: Path) -> None:
    child = await fork_server.start(Program("ender", [f"{_HERE}:end", "3"]), tmp_path / "log")
    assert await child.process.wait() == 3
    assert not child.is_running


async def test_absent_program_writes_the_error_to_its_log(tmp_path: Path) -> None:
    child = await fork_server.start(Program("absent", [f"{_HERE}:absent"]), tmp_path / "log")
    assert await child.process.wait() == 1
    assert "AttributeError" in (tmp_path / "log").read_text()


async def test_killed_program_is_restarted(tmp_path: Path) -> None:
    async with Supervisor([Program("speaker", [f"{_HERE}:speak", "hello"])], tmp_path, fork_server.start) as supervisor:
        first = supervisor.pid("speaker")
        assert first
        os.kill(first, signal.SIGKILL)
        await until(lambda: supervisor.pid("speaker") not in {None, first})
        await until(lambda: supervisor.log("speaker").read_text().count("hello"))
    assert "speaker ended (SIGKILL) and restarts in 0.25 s" in supervisor.log("speaker").read_text()


async def test_killed_fork_server_restarts_each_program_once(tmp_path: Path) -> None:
    names = ("one", "two")
    programs = [Program(name, [f"{_HERE}:speak", name]) for name in names]
    async with Supervisor(programs, tmp_path, fork_server.start) as supervisor:
        await until(lambda: all(f"{name} None" in supervisor.log(name).read_text() for name in names))
        first = [pid for name in names if (pid := supervisor.pid(name))]
        server = psutil.Process(first[0]).ppid()
        assert server != os.getpid()
        os.kill(server, signal.SIGKILL)
        await until(lambda: not any(map(psutil.pid_exists, first)))
        await until(lambda: all(supervisor.log(name).read_text().count(f"{name} None") == 2 for name in names))
        assert all(supervisor.pid(name) for name in names)


async def test_program_ends_with_its_killed_owner(tmp_path: Path) -> None:
    command = [sys.executable, "-m", _HERE, str(tmp_path / "log")]
    owner = await asyncio.create_subprocess_exec(*command, cwd=_ROOT, stdout=asyncio.subprocess.PIPE)
    assert owner.stdout
    program = int(await owner.stdout.readline())
    assert psutil.pid_exists(program)
    owner.kill()
    await owner.wait()
    await until(lambda: not psutil.pid_exists(program))
