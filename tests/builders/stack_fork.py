"""The fork server of a stack that a forked test program starts: forked too, because another Python would import the product for 3 s.

The fork server of a real `care up` is a new Python: tests/integration/dev_stack/test_fork_server.py, the journeys and the test of the
README start one. The child uses neither the event loop nor the threads of its parent.
"""

import os
import signal
import threading
import traceback
import warnings
from collections.abc import Sequence
from concurrent.futures.thread import _threads_queues
from itertools import pairwise
from multiprocessing import forkserver, util
from typing import Any

_COMMAND = "from multiprocessing.forkserver import main"
_start_python = util.spawnv_passfds


def fork_stacks() -> None:
    """From now on, this process forks the fork server that multiprocessing asks for."""
    util.spawnv_passfds = _start_or_fork  # type: ignore[assignment]


def _start_or_fork(path: bytes, arguments: Sequence[Any], descriptors: Sequence[int]) -> int:
    """Returns the pid. Other programs of multiprocessing are started as ever."""
    command = str(arguments[-1])
    if not command.startswith(_COMMAND):
        return _start_python(path, arguments, descriptors)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of Python 3.12, when a thread prints the progress
        pid = os.fork()
    if not pid:
        _run(command, {0, 1, 2, *descriptors})
    return pid


def _run(command: str, kept: set[int]) -> None:
    """Ends the process as a new Python would: with a traceback and 1 after an error."""
    try:
        _leave_parent(kept)
        exec(command, {})  # noqa: S102  the program that multiprocessing passes to a new Python
    except SystemExit:
        os._exit(0)
    except BaseException:  # nothing of the parent may run on in this process
        traceback.print_exc()
    os._exit(1)


def _leave_parent(kept: set[int]) -> None:
    """Closes every descriptor but `kept`, which contains 0; gives the process the signals, the lock and the threads of a new one."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for lower, upper in pairwise([*sorted(kept), os.sysconf("SC_OPEN_MAX")]):
        os.closerange(lower + 1, upper)
    forkserver._forkserver._lock = threading.Lock()  # type: ignore[attr-defined]  # its holder is the parent
    _threads_queues.clear()  # type: ignore[attr-defined]  # the threads of the parent's executor do not exist here
