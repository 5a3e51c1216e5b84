"""A disk that was filled takes nothing, and takes it again afterwards; it is nobody else's."""

import errno
from pathlib import Path

import pytest

from tests.chaos.disk import own_disk


def test_a_full_disk_takes_nothing_until_it_is_relieved(tmp_path: Path) -> None:
    with own_disk(tmp_path / "disk.img", tmp_path / "disk", megabytes=40) as disk:
        if disk is None:  # this machine lets nobody mount; the report of a run says the same
            return
        mine = disk.folder / "mine"
        disk.fill()
        with pytest.raises(OSError, match="No space left") as full:
            mine.write_bytes(bytes(100_000))
        assert full.value.errno == errno.ENOSPC

        disk.relieve()

        assert mine.write_bytes(bytes(100_000)) == 100_000
    assert not (tmp_path / "disk.img").exists()
    assert list((tmp_path / "disk").iterdir()) == []
