"""The harness's own composition roots: the processes of the product with their ports wrapped, as the release that they are told to be."""

import os
from functools import partial
from importlib import import_module
from pathlib import Path

from infra.dev_stack import gateway
from tests.chaos import kill_points, next_release
from tests.chaos.control import VARIABLE, WORKERS, Control


def api(host: str, port: str) -> None:
    """The four applications behind one port."""
    kill_points.wrap_api(partial(_control("api").passed, "api"))
    gateway.main(host, port)


def worker(program: str) -> None:
    """The worker of a context."""
    kill_points.wrap_worker(partial(_control(program).passed, program))
    import_module(f"services.{WORKERS[program]}.worker").main()


def _control(program: str) -> Control:
    control = Control(Path(os.environ[VARIABLE]))
    if control.release(program):
        next_release.install()
    return control
