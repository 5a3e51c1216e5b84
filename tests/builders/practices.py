"""Tables of practices for tests: that of the release, with some entries replaced."""

from datetime import date, datetime
from pathlib import Path

import asyncpg

from infra.dev_stack.clock_offset import set_clock
from infra.reference.load import Changes, load
from infra.reference.practice_file import COLUMNS, read_practices
from shared.contracts.codes import Locality
from shared.contracts.practices import Practice


def a_practice_entry(
    code: str,
    *,
    closed: date | None = None,
    successor: str | None = None,
    locality: Locality = Locality.WEST,
    opened: date = date(2013, 4, 1),
) -> Practice:
    telephone = f"020 7946 08{code[1:]}"
    return Practice(code, f"Surgery {code}", locality, "1 High Road", telephone, opened, closed, successor, "synthetic")


def with_entries(*entries: Practice) -> list[Practice]:
    """The practices of the release; entries of a code replace all of that code."""
    replaced = {entry.code for entry in entries}
    return [*(each for each in read_practices() if each.code not in replaced), *entries]


def write(path: Path, *entries: Practice) -> Path:
    """The file of the release with these entries."""
    rows = (",".join(f'"{_text(getattr(each, name))}"' for name in COLUMNS) for each in with_entries(*entries))
    path.write_text("\n".join([",".join(COLUMNS), *rows]) + "\n", encoding="utf-8")
    return path


async def load_entries(owner_url: str, now: datetime, folder: Path, *entries: Practice) -> dict[str, Changes]:
    """At `now`, loads the practices of the release with these entries into the database of `owner_url`."""
    owner = await asyncpg.connect(owner_url)
    try:
        await set_clock(owner, now)
    finally:
        await owner.close()
    return await load(owner_url, write(folder / "practices.csv", *entries))


def _text(value: object) -> str:
    return "" if value is None else str(value)
