"""docs/adr/README.md: the index of the decision records, read from the head of each."""

import re
from collections.abc import Mapping
from pathlib import Path

FOLDER = Path("docs/adr")
RECORDS = "[0-9]*.md"
_RECORD = re.compile(r"# (?P<number>\d{4}) (?P<title>.+)\n\nStatus: (?P<status>.+)\nDate: (?P<date>.+)\nSupersedes: (?P<supersedes>.+)\n")
_HEAD = """# Decision records

Generated from the records of this folder by `make generate`. The first series are the 43 records that these replaced; `git log` holds them.

| number | decision | status | date | supersedes |
|---|---|---|---|---|
"""


def decisions() -> Mapping[Path, str]:
    """Raises ValueError for a record without a complete head."""
    return {FOLDER / "README.md": _HEAD + "".join(_row(record) for record in sorted(FOLDER.glob(RECORDS)))}


def _row(record: Path) -> str:
    found = _RECORD.match(record.read_text())
    if found is None:
        raise ValueError(f"{record} does not begin with its number and title, Status, Date and Supersedes")
    return "| {number} | [{title}]({file}) | {status} | {date} | {supersedes} |\n".format(file=record.name, **found.groupdict())
