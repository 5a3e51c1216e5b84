"""Clears away what crashed runs left: servers still running, and the data of stacks that were meant to be thrown away.

Invariant: nothing of a stack is touched without holding its lock.
"""

import shutil
from contextlib import suppress

from infra.local.errors import StackInUse
from infra.local.home import StackFolders, stack_folders, stacks_folder
from infra.local.leftovers import end_leftovers
from infra.local.lock import take


def take_over(folders: StackFolders) -> None:
    """Make ready for a start what an earlier run may have left in any state. The caller holds the lock."""
    end_leftovers((folders.root, folders.postgres))
    (folders.postgres / "data" / "postmaster.pid").unlink(missing_ok=True)  # its pid may be anybody's by now


def throw_away(folders: StackFolders) -> None:
    shutil.rmtree(folders.postgres.parent, ignore_errors=True)
    shutil.rmtree(folders.root, ignore_errors=True)


def throw_away_abandoned() -> None:
    """Ephemeral stacks whose owner is gone."""
    for mark in stacks_folder().glob("*/ephemeral"):
        folders = stack_folders(mark.parent.name)
        with suppress(StackInUse), take(folders.lock, folders.root.name):
            end_leftovers((folders.root, folders.postgres))
            throw_away(folders)
