"""Gives each server a small disk, an ext4 image on a loop device, so that a full disk affects that server alone.

If the process may not mount, there is no disk, and the report of the run states it. Invariant: every mount made here is unmounted here.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

_MEGABYTES = 12_000  # the image is sparse
_FILLER = "filler"


@dataclass(frozen=True, slots=True)
class Disk:
    """A file system mounted at `folder`."""

    folder: Path

    def fill(self) -> None:
        """Takes every free block."""
        with (self.folder / _FILLER).open("wb") as filler, suppress(OSError):
            os.posix_fallocate(filler.fileno(), 0, shutil.disk_usage(self.folder).free)
        with (self.folder / f"{_FILLER}.rest").open("wb") as rest, suppress(OSError):
            while True:
                os.write(rest.fileno(), bytes(4096))

    def release(self) -> None:
        """Frees the blocks that `fill` took."""
        for filler in self.folder.glob(f"{_FILLER}*"):
            filler.unlink()


@contextmanager
def mounted_disk(image: Path, folder: Path, megabytes: int = _MEGABYTES) -> Iterator[Disk | None]:
    """Mounts a new disk at `folder`. Yields None where the machine does not allow it."""
    folder.mkdir(parents=True)
    with image.open("wb") as file:
        file.truncate(megabytes * 1024 * 1024)
    is_mounted = _succeeds("mkfs.ext4", "-q", "-F", "-m", "0", str(image)) and _succeeds("mount", "-o", "loop", str(image), str(folder))
    if is_mounted:
        folder.chmod(0o755)
    try:
        yield Disk(folder) if is_mounted else None
    finally:
        if is_mounted:
            _succeeds("umount", "-l", str(folder))
        image.unlink()


def _succeeds(*command: str) -> bool:
    try:
        return subprocess.run(command, check=False, capture_output=True).returncode == 0
    except OSError:
        return False
