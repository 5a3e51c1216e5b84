"""Becomes another program that the kernel ends when its owner dies (Linux), as another OS user if asked.

Run as a script: `python -I -S leash.py DEATH_SIGNAL OWNER_PID UID GID PROGRAM ARGUMENT...` (UID and GID -1: stay who we are). The
kernel takes the thread that started us for the owner; elsewhere than on Linux there is no leash, and the next start of the stack ends
what was left.

Invariant: standard library only, and the identity changes before the leash is laid, because the kernel drops it when a process changes
user.
"""

import ctypes
import os
import sys

_PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> None:
    death_signal, owner, uid, gid = map(int, arguments[:4])
    library = ctypes.CDLL(None)  # while we may still read it
    if uid >= 0:
        _set_identity(uid, gid)
    if sys.platform == "linux":
        library.prctl(_PR_SET_PDEATHSIG, death_signal, 0, 0, 0)
        if os.getppid() != owner:  # it died before the leash lay
            sys.exit(1)
    _exec(arguments[4:])


def _set_identity(uid: int, gid: int) -> None:
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)


def _exec(command: list[str]) -> None:
    try:
        os.execv(command[0], command)  # noqa: S606 - no shell is the point
    except OSError as trouble:
        sys.exit(f"{command[0]} cannot be started: {trouble.strerror}.")


if __name__ == "__main__":
    main(sys.argv[1:])
