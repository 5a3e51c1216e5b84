"""The file of the risk stratification tool: one line for each registered person. A bad line does not stop the others.

A refused line is reported by its number and a reason, never by its content. Sources: Table 14, G07, S07.
"""

import csv
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum
from operator import methodcaller, ne
from typing import Generic, NamedTuple, TypeVar

from services.mdt.domain.policy import Policy
from services.mdt.domain.risk import level_of
from shared.contracts.codes import RiskLevel
from shared.contracts.input_types import DAY_FORM, PRACTICE_PATTERN
from shared.kernel import normalisation
from shared.kernel.errors import RuleBroken
from shared.kernel.nhs_number import InvalidNhsNumber, are_plainly_valid, parse_nhs_number

COLUMNS = ("nhs_number", "practice", "ratio", "level", "valid_from")
_PRACTICE = re.compile(PRACTICE_PATTERN)
_RATIO = re.compile(r"[0-9]{1,6}(\.[0-9]{1,9})?")
_LEVELS = {*(str(level.value) for level in RiskLevel), ""}
#: About a thousand lines, which stay in the processor's cache while each column is checked.
_BLOCK_BYTES = 1 << 15
_commas = methodcaller("count", ",")
V = TypeVar("V")


class Reason(StrEnum):
    """Why a line was refused."""

    COLUMN_COUNT = "column-count"
    NHS_NUMBER = "nhs-number-invalid"
    PRACTICE = "practice-unknown-form"
    RATIO = "ratio-not-a-number"
    LEVEL = "level-not-0-to-3"
    VALID_FROM = "valid-from-not-a-date"
    VALID_FROM_TOO_OLD = "valid-from-too-old"
    VALID_FROM_IN_FUTURE = "valid-from-in-the-future"
    DUPLICATE = "nhs-number-twice"


@dataclass(frozen=True, slots=True)
class BadRow:
    """Line 1 is the header."""

    line: int
    reason: Reason


class NotARiskFile(RuleBroken):
    """The first line of the file does not name the expected columns."""

    code = "not-a-risk-file"
    advice = f"Send comma-separated UTF-8 text whose first line is {','.join(COLUMNS)}; level may be absent."


class Columns(NamedTuple):
    """Good lines, column by column. `person_ids` are hexadecimal, `levels` the levels that count, all other values in their normal form."""

    person_ids: Sequence[str]
    practices: Sequence[str]
    ratios: Sequence[str]
    levels: Sequence[str]
    days: Sequence[str]


@dataclass(slots=True)
class RiskFileTally:
    """Counts of the lines read so far. Only the first `max_listed` refused lines are listed; all are counted by their reason."""

    max_listed: int
    rows: int = 0
    levels: list[int] = field(default_factory=lambda: [0] * len(RiskLevel))
    mismatched: int = 0
    days: set[str] = field(default_factory=set)
    refused: dict[Reason, int] = field(default_factory=dict)
    bad_rows: list[BadRow] = field(default_factory=list)

    def accept(self, columns: Columns, bands: Sequence[str]) -> None:
        self.rows += len(columns.levels)
        self.levels = [count + columns.levels.count(str(level)) for level, count in enumerate(self.levels)]
        self.mismatched += sum(map(ne, columns.levels, bands))
        self.days |= set(columns.days)

    def refuse(self, line: int, reason: Reason) -> None:
        self.rows += 1
        self.refused[reason] = self.refused.get(reason, 0) + 1
        if len(self.bad_rows) < self.max_listed:
            self.bad_rows.append(BadRow(line, reason))


class Readings(dict[str, V | None], Generic[V]):
    """Caches the parsed value of each text, because a file repeats few values. An invalid text has the value None."""

    def __init__(self, read: Callable[[str], V | None]) -> None:
        super().__init__()
        self._read = read

    def __missing__(self, text: str) -> V | None:
        value = self[text] = self._read(text)
        return value


class RiskFile:
    """Reads a file once. `pseudonyms` gives the person ids of valid NHS numbers, in hexadecimal.

    A score from a day after `today` is refused: it would outrank every later score and expire the history. So is one that is older than
    the policy permits: its date is mistyped.
    """

    def __init__(self, content: bytes, policy: Policy, pseudonyms: Callable[[Sequence[str]], list[str]], today: date) -> None:
        header, _, self._body = content.partition(b"\n")
        names = header.decode("utf-8-sig", "replace").replace('"', "").split(",")
        self._names = [normalisation.line(name).lower() for name in names]
        if sorted(self._names) not in (sorted(COLUMNS), sorted(set(COLUMNS) - {"level"})):
            raise NotARiskFile("The first line does not name the expected columns.")
        self.tally = RiskFileTally(policy.refused_lines_listed)
        self.bytes_read = 0
        self._pseudonyms, self._first_day, self._last_day = pseudonyms, today - policy.scores_within, today
        self._seen: set[str] = set()
        self._practices = Readings(_practice)
        self._bands = Readings(lambda text: str(level_of(Decimal(text), policy).value) if _RATIO.fullmatch(text) else None)
        self._days = Readings(_day)

    def blocks(self) -> Iterator[Columns]:
        """The good lines, in blocks of about a thousand."""
        line = 2
        for block in _blocks(self._body):
            lines = block.decode(errors="replace").replace("\r\n", "\n").removesuffix("\n").split("\n")
            self.bytes_read += len(block)
            yield from self._read(lines, line)
            line += len(lines)

    def _read(self, lines: Sequence[str], first_line: int) -> Iterator[Columns]:
        """Checks whole columns at once; after a failure halves the lines until the bad one is alone."""
        named = self._named(lines)
        if named and are_plainly_valid(named["nhs_number"]) and self._reason(named) is None:
            yield self._accept(named)
        elif len(lines) == 1:
            yield from self._alone(lines[0], first_line)
        else:
            half = len(lines) // 2
            yield from self._read(lines[:half], first_line)
            yield from self._read(lines[half:], first_line + half)

    def _alone(self, text: str, line: int) -> Iterator[Columns]:
        """One line that is bad, blank, or has values in another form, such as an NHS number with spaces."""
        if not text.strip():
            return
        named = self._normalised(text)
        digits = _digits(named["nhs_number"][0]) if named else None
        if named is None or digits is None:
            self.tally.refuse(line, Reason.NHS_NUMBER if named else Reason.COLUMN_COUNT)
            return
        plain = {**named, "nhs_number": [digits]}
        reason = self._reason(plain)
        if reason:
            self.tally.refuse(line, reason)
        else:
            yield self._accept(plain)

    def _normalised(self, text: str) -> Mapping[str, Sequence[str]] | None:
        named = self._named([text])
        return {name: [normalisation.line(value) for value in values] for name, values in named.items()} if named else None

    def _named(self, lines: Sequence[str]) -> Mapping[str, Sequence[str]] | None:
        """The fields of these lines by column; None when one has too few or too many."""
        fields, width = _fields(lines, len(self._names)), len(self._names)
        if fields is None:
            return None
        named = {name: fields[column::width] for column, name in enumerate(self._names)}
        return {"level": [""] * len(lines), **named}

    def _reason(self, named: Mapping[str, Sequence[str]]) -> Reason | None:
        """The first fault of these lines, in the order of the columns; their NHS numbers are valid."""
        if None in map(self._practices.__getitem__, set(named["practice"])):
            return Reason.PRACTICE
        if None in map(self._bands.__getitem__, set(named["ratio"])):
            return Reason.RATIO
        if not _LEVELS.issuperset(named["level"]):
            return Reason.LEVEL
        nhs_numbers = set(named["nhs_number"])
        is_new = len(nhs_numbers) == len(named["nhs_number"]) and self._seen.isdisjoint(nhs_numbers)
        return self._reason_of_days(set(named["valid_from"])) or (None if is_new else Reason.DUPLICATE)

    def _reason_of_days(self, texts: set[str]) -> Reason | None:
        """Compared here, before the database computes with the days: it has years that Python has not."""
        days = [self._days[text] for text in texts]
        if None in days:
            return Reason.VALID_FROM
        if any(day < self._first_day for day in days if day):
            return Reason.VALID_FROM_TOO_OLD
        return Reason.VALID_FROM_IN_FUTURE if any(day > self._last_day for day in days if day) else None

    def _accept(self, named: Mapping[str, Sequence[str]]) -> Columns:
        """A level in the file overrides the band of its ratio; differences are counted (G07)."""
        nhs_numbers, stated = named["nhs_number"], named["level"]
        self._seen.update(nhs_numbers)
        bands = [self._bands[ratio] or "" for ratio in named["ratio"]]
        levels = [level or band for level, band in zip(stated, bands, strict=True)]
        practices = [self._practices[practice] or "" for practice in named["practice"]]
        columns = Columns(self._pseudonyms(nhs_numbers), practices, named["ratio"], levels, named["valid_from"])
        self.tally.accept(columns, bands)
        return columns


def _blocks(body: bytes) -> Iterator[bytes]:
    """Whole lines, in blocks of about `_BLOCK_BYTES`."""
    start = 0
    while start < len(body):
        end = body.find(b"\n", start + _BLOCK_BYTES) + 1 or len(body)
        yield body[start:end]
        start = end


def _fields(lines: Sequence[str], width: int) -> Sequence[str] | None:
    """All fields in one list, if every line has `width`. A list for each line would cost garbage collections."""
    text = ",".join(lines)
    if '"' not in text:
        return text.split(",") if set(map(_commas, lines)) == {width - 1} else None
    try:
        rows = list(csv.reader(lines))
    except csv.Error:
        return None
    is_whole = len(rows) == len(lines) and set(map(len, rows)) == {width}
    return [field for row in rows for field in row] if is_whole else None


def _digits(text: str) -> str | None:
    try:
        return parse_nhs_number(text)
    except InvalidNhsNumber:
        return None


def _practice(text: str) -> str | None:
    code = normalisation.ods_code(text)
    return code if _PRACTICE.fullmatch(code) else None


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if DAY_FORM.fullmatch(text) else None
    except ValueError:
        return None
