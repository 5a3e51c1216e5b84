"""The file of GP practices: one line for each practice and period, checked as a whole before any of it is loaded."""

import csv
import os
from collections.abc import Iterable, Iterator, Sequence
from io import StringIO
from itertools import pairwise
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from infra.errors import StackError
from shared.contracts.codes import Locality
from shared.contracts.input_types import Address, Day, Line, OrAbsent, PracticeCode, Telephone
from shared.contracts.practices import Practice, Practices

#: The file of this release, which `care migrate`, `care up` and `care reference load` use unless CARE_PRACTICES names another one.
PRACTICES_FILE = Path(__file__).with_name("practices.csv")
_FIRST_LINE = 2

#: A practice and the number of its line.
Numbered = tuple[int, Practice]
#: The number of a line and its fault.
Fault = tuple[int, str]


class PracticeFileRefused(StackError):
    """The file of practices has faults; nothing of it was loaded."""


class _Line(BaseModel):
    model_config = ConfigDict(extra="forbid")

    code: PracticeCode
    name: Line
    locality: Locality
    address: Address
    telephone: Telephone
    valid_from: Day
    valid_until: OrAbsent[Day]
    successor: OrAbsent[PracticeCode]
    source: Line


COLUMNS = tuple(_Line.model_fields)


def read_practices(path: Path | None = None) -> list[Practice]:
    """All practices of a file: of `path`, of CARE_PRACTICES, or of this release. Raises PracticeFileRefused, OSError."""
    path = path or Path(os.environ.get("CARE_PRACTICES") or PRACTICES_FILE)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as problem:
        raise PracticeFileRefused(f"{path} is not UTF-8; nothing was loaded.") from problem
    practices, faults = parse(text)
    if faults:
        raise PracticeFileRefused(f"{path} was refused as a whole. " + " ".join(f"Line {line}: {fault}" for line, fault in faults))
    return practices


def parse(text: str) -> tuple[list[Practice], list[Fault]]:
    """The practices of the lines, and the faults of the file by line."""
    reader = csv.DictReader(StringIO(text, newline=""), restkey="too many values", restval="")
    if tuple(reader.fieldnames or ()) != COLUMNS:
        return [], [(1, f"the columns must be {','.join(COLUMNS)}.")]
    numbered: list[Numbered] = []
    faults: list[Fault] = []
    for row in reader:
        try:
            numbered.append((reader.line_num, Practice(**dict(_Line.model_validate(row)))))
        except ValidationError as problem:
            faults += [(reader.line_num, f"{'.'.join(map(str, each['loc']))}: {each['msg']}.") for each in problem.errors()]
    if not numbered and not faults:
        faults.append((_FIRST_LINE, "the file has no practice."))
    return [practice for _, practice in numbered], sorted([*faults, *([] if faults else _contradictions(numbered))])


def _contradictions(numbered: Sequence[Numbered]) -> Iterator[Fault]:
    """The faults of lines that are right one by one."""
    yield from _overlaps(numbered)
    practices = Practices(practice for _, practice in numbered)
    codes = {practice.code for _, practice in numbered}
    for line, practice in numbered:
        fault = _fault_of_period(practice) or _fault_of_successor(practice, codes, practices)
        if fault:
            yield line, fault


def _overlaps(numbered: Iterable[Numbered]) -> Iterator[Fault]:
    ordered = sorted(numbered, key=lambda each: (each[1].code, each[1].valid_from, each[0]))
    for (first, earlier), (second, later) in pairwise(ordered):
        if earlier.code == later.code and not earlier.has_ended_on(later.valid_from):
            yield max(first, second), f"{later.code} is valid on {later.valid_from} by line {min(first, second)} already."


def _fault_of_period(practice: Practice) -> str | None:
    if practice.valid_until is not None and practice.valid_until <= practice.valid_from:
        return f"valid_until must be after valid_from, {practice.valid_from}."
    return None


def _fault_of_successor(practice: Practice, codes: Iterable[str], practices: Practices) -> str | None:
    """The successor must be there on the day on which the practice closes, itself or by its own successors."""
    if practice.successor is None:
        return None
    if practice.valid_until is None:
        return "a successor needs valid_until, the day on which it takes over."
    if practice.successor not in codes:
        return f"the successor {practice.successor} is no practice of the file."
    if practices.on(practice.successor, practice.valid_until) is not None:
        return None
    *_, last = practices.chain(practice.successor, practice.valid_until)
    if practice.code in practices.chain(practice.successor, practice.valid_until):
        return f"the successors of {practice.code} lead back to it."
    return f"{last} is no open practice on {practice.valid_until}."
