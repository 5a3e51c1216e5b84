"""A full disk refuses writes until its blocks are released."""

import errno
from pathlib import Path

import pytest

from tests.chaos.disk import mounted_disk


def test_full_disk_refuses_writes_until_released(tmp_path: Path) -> None:
    with mounted_disk(tmp_path / "disk.img", tmp_path / "disk", megabytes=40) as disk:
        if disk is None:  # the machine allows no mounts; the report of a run says the same
            return
        file = disk.folder / "file"
        disk.fill()
        with pytest.raises(OSError, match="No space left") as full:
            file.write_bytes(bytes(100_000))
        assert full.value.errno == errno.ENOSPC

        disk.release()

        assert file.write_bytes(bytes(100_000)) == 100_000
    assert not (tmp_path / "disk.img").exists()
    assert list((tmp_path / "disk").iterdir()) == []
