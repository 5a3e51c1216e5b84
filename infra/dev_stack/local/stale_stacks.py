"""Throws away what crashed runs left of stacks that were meant to leave nothing.

Invariant: nothing of a stack is touched without holding its lock.
"""

import shutil
from contextlib import suppress

from infra.dev_stack.local.lock import take
from infra.dev_stack.local.orphan_processes import end_leftovers
from infra.dev_stack.local.paths import StackFolders, stack_folders, stacks_folder
from infra.errors import StackInUse


def delete_stack(folders: StackFolders) -> None:
    shutil.rmtree(folders.postgres.parent, ignore_errors=True)
    shutil.rmtree(folders.root, ignore_errors=True)


def throw_away_abandoned() -> None:
    """Ephemeral stacks whose owner is gone."""
    for mark in stacks_folder().glob("*/ephemeral"):
        folders = stack_folders(mark.parent.name)
        with suppress(StackInUse), take(folders.lock, folders.root.name):
            end_leftovers((folders.root, folders.postgres))
            delete_stack(folders)
