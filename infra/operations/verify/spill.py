"""Stores rows on disk, in buckets by id, so that two sets are compared one bucket at a time in little memory.

Invariant: all rows of one id are in one bucket, in the order in which they were added.
"""

from collections.abc import Iterator
from pathlib import Path
from struct import Struct
from typing import Any

BUCKETS = 64
_PORTION_ROWS = 4096


class Spill:
    """`layout` is the `struct` format of the values after the sixteen bytes of the id. The caller deletes `folder`."""

    def __init__(self, folder: Path, name: str, layout: str) -> None:
        self._struct = Struct("<16s" + layout)
        self._files = [(folder / f"{name}-{number}").open("w+b") for number in range(BUCKETS)]
        self.rows = 0

    def add(self, identity: bytes, *values: Any) -> None:
        self._files[identity[-1] % BUCKETS].write(self._struct.pack(identity, *values))
        self.rows += 1

    def bucket(self, number: int) -> Iterator[tuple[Any, ...]]:
        file = self._files[number]
        file.seek(0)
        while portion := file.read(self._struct.size * _PORTION_ROWS):
            yield from self._struct.iter_unpack(portion)

    def close(self) -> None:
        for file in self._files:
            file.close()
