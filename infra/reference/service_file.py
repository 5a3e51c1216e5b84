"""The file of the directory of services: one line for each service and period, checked as a whole before any of it is loaded."""

import csv
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from infra.errors import StackError
from services.referrals.domain.directory import Service

#: The file that `care migrate`, `care up` and `care reference load` use.
SERVICES_FILE = Path(__file__).with_name("services.csv")
_SERVICE = TypeAdapter(Service)
_LISTS = ("needs", "localities")

#: The number of a line and its service.
Numbered = tuple[int, Service]


class ServiceFileRefused(StackError):
    """The file of services has faults; nothing of it was loaded."""


def read_services(path: Path = SERVICES_FILE) -> list[Service]:
    """All services of the file. Raises ServiceFileRefused, OSError."""
    numbered: list[Numbered] = []
    faults: list[str] = []
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        for row in reader:
            try:
                numbered.append((reader.line_num, _SERVICE.validate_python({name: _value(name, text) for name, text in row.items()})))
            except ValidationError as problem:
                faults += [f"Line {reader.line_num}: {'.'.join(map(str, each['loc']))}: {each['msg']}." for each in problem.errors()]
    if faults := faults or list(_contradictions(numbered)):
        raise ServiceFileRefused(f"{path} was refused as a whole. {' '.join(faults)}")
    return [service for _, service in numbered]


def _value(name: str | None, text: Any) -> Any:
    return text.split() if name in _LISTS and text else text or None


def _contradictions(numbered: Sequence[Numbered]) -> Iterator[str]:
    if not numbered:
        yield "The file has no service."
    for line, service in numbered:
        if service.valid_until is not None and service.valid_until <= service.valid_from:
            yield f"Line {line}: valid_until must be after valid_from, {service.valid_from}."
    ordered = sorted(numbered, key=lambda each: (each[1].code, each[1].valid_from, each[0]))
    for (_, earlier), (line, later) in pairwise(ordered):
        if earlier.code == later.code and (earlier.valid_until is None or later.valid_from < earlier.valid_until):
            yield f"Line {line}: {later.code} is valid on {later.valid_from} already."
