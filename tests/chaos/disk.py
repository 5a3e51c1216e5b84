"""Small disks of their own for the servers, so that a full one is nobody else's: an ext4 image on a loop device.

Where this process may not mount, there is none, and the report says so. Invariant: what is mounted here is unmounted here.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

_MEGABYTES = 12_000  # sparse: only what is written takes room
_FILLER = "filler"


@dataclass(frozen=True, slots=True)
class Disk:
    """Mounted at `folder`."""

    folder: Path

    def fill(self) -> None:
        """To the last block."""
        with (self.folder / _FILLER).open("wb") as filler, suppress(OSError):
            os.posix_fallocate(filler.fileno(), 0, shutil.disk_usage(self.folder).free)
        with (self.folder / f"{_FILLER}.rest").open("wb") as rest, suppress(OSError):
            while True:
                os.write(rest.fileno(), bytes(4096))

    def relieve(self) -> None:
        for filler in self.folder.glob(f"{_FILLER}*"):
            filler.unlink()


@contextmanager
def own_disk(image: Path, at: Path, megabytes: int = _MEGABYTES) -> Iterator[Disk | None]:
    """None where the machine does not allow it."""
    at.mkdir(parents=True)
    with image.open("wb") as file:
        file.truncate(megabytes * 1024 * 1024)
    is_mounted = _done("mkfs.ext4", "-q", "-F", "-m", "0", str(image)) and _done("mount", "-o", "loop", str(image), str(at))
    if is_mounted:
        at.chmod(0o755)
    try:
        yield Disk(at) if is_mounted else None
    finally:
        if is_mounted:
            _done("umount", "-l", str(at))
        image.unlink()


def _done(*command: str) -> bool:
    try:
        return subprocess.run(command, check=False, capture_output=True).returncode == 0
    except OSError:
        return False
