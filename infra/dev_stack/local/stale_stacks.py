"""Deletes ephemeral stacks whose owner crashed.

Invariant: a stack is deleted only under its lock.
"""

import shutil
from contextlib import suppress

from infra.dev_stack.local.lock import take
from infra.dev_stack.local.orphan_processes import end_orphans
from infra.dev_stack.local.paths import StackFolders, stack_folders, stacks_folder
from infra.errors import StackInUse


def delete_stack(folders: StackFolders) -> None:
    shutil.rmtree(folders.postgres.parent, ignore_errors=True)
    shutil.rmtree(folders.root, ignore_errors=True)


def delete_abandoned_stacks() -> None:
    """Deletes every ephemeral stack without an owner."""
    for mark in stacks_folder().glob("*/ephemeral"):
        folders = stack_folders(mark.parent.name)
        with suppress(StackInUse), take(folders.lock, folders.root.name):
            end_orphans((folders.root, folders.postgres))
            delete_stack(folders)
