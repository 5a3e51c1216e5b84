"""The harness's composition roots: the product's processes with wrapped ports, at the release that the control page names."""

import os
from functools import partial
from importlib import import_module
from pathlib import Path

from infra.dev_stack import gateway
from tests.chaos import kill_points, next_release
from tests.chaos.control import VARIABLE, WORKERS, Control


def api(host: str, port: str) -> None:
    """Serves the four applications on one port."""
    kill_points.wrap_api(partial(_control("api").passed, "api"))
    gateway.main(host, port)


def worker(program: str) -> None:
    """Runs the worker of a context."""
    kill_points.wrap_worker(partial(_control(program).passed, program))
    import_module(f"services.{WORKERS[program]}.worker").main()


def _control(program: str) -> Control:
    control = Control(Path(os.environ[VARIABLE]))
    if control.release(program):
        next_release.install()
    return control
