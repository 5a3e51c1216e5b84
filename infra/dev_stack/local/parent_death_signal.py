"""Executes a program that the kernel signals when its owner ends (Linux), optionally as another OS user.

Run as a script: `python -I -S parent_death_signal.py DEATH_SIGNAL OWNER_PID UID GID PROGRAM ARGUMENT...` (UID and GID -1: unchanged). The
owner is the thread that started the script. On other systems there is no signal; the next start of the stack ends the orphans.

Invariant: standard library only. The identity changes before the death signal is set, because the kernel clears it when a process changes
its user.
"""

import ctypes
import os
import sys

_PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> None:
    death_signal, owner, uid, gid = map(int, arguments[:4])
    library = ctypes.CDLL(None)  # before the change of user, which may lose read access
    if uid >= 0:
        _set_identity(uid, gid)
    if sys.platform == "linux":
        library.prctl(_PR_SET_PDEATHSIG, death_signal, 0, 0, 0)
        if os.getppid() != owner:  # the owner ended before the signal was set
            sys.exit(1)
    _exec(arguments[4:])


def _set_identity(uid: int, gid: int) -> None:
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)


def _exec(command: list[str]) -> None:
    try:
        os.execv(command[0], command)  # noqa: S606  deliberately without a shell
    except OSError as problem:
        sys.exit(f"{command[0]} cannot be started: {problem.strerror}.")


if __name__ == "__main__":
    main(sys.argv[1:])
