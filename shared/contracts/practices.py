"""GP practices as dated reference data with successors (G26, G52). Nothing follows from the letters of a code.

A practice that closes names its successor; from that day its code stands for the successor, in every context at once, because each
resolves the code on the day of its question.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from shared.contracts.codes import Locality
from shared.kernel.ids import derived_id


class PracticesDeadline(StrEnum):
    """The day on which a practice opens, changes or closes, or an instant at which the table was loaded with changes."""

    CHANGED = "practices-changed"


#: The subject of those deadlines: the table as a whole.
PRACTICES_ID = derived_id("practices")
#: The professional id of a practice as lead or contact is this and its code.
GP_PREFIX = "gp-"
#: Stands in a record for a practice that no one has named.
UNKNOWN_PRACTICE = "unknown"


def gp_id(practice_code: str) -> str:
    """The professional id of the GP of a practice, in every context."""
    return f"{GP_PREFIX}{practice_code}"


@dataclass(frozen=True, slots=True)
class Practice:
    """One entry of the table, valid from a day to the day before `valid_until`, on which the practice `successor` takes over."""

    code: str
    name: str
    locality: Locality
    address: str
    telephone: str
    valid_from: date
    valid_until: date | None = None
    successor: str | None = None
    source: str = ""

    def is_valid_on(self, day: date) -> bool:
        return self.valid_from <= day and not self.has_ended_on(day)

    def has_ended_on(self, day: date) -> bool:
        return self.valid_until is not None and self.valid_until <= day


class Practices:
    """Entries of the table, all that any question about their codes needs."""

    def __init__(self, entries: Iterable[Practice]) -> None:
        self._entries: defaultdict[str, list[Practice]] = defaultdict(list)
        for entry in entries:
            self._entries[entry.code].append(entry)

    def on(self, code: str, day: date) -> Practice | None:
        """The practice for which the code stands on that day: its own, else that of its successors.

        None for a code that is absent or not yet valid, and for one that closed without a successor.
        """
        *_, last = self.chain(code, day)
        return next((entry for entry in self._entries.get(last, ()) if entry.is_valid_on(day)), None)

    def chain(self, code: str, day: date) -> Iterator[str]:
        """The code and its successors until that day; a code occurs once, so that a circle ends."""
        seen: set[str] = set()
        following: str | None = code
        while following is not None and following not in seen:
            yield following
            seen.add(following)
            following = self._successor(following, day)

    def acting(self, code: str, day: date) -> str | None:
        """The code under which people of this code are cared for on that day.

        A code that is absent from the table stands for itself: a practice outside the borough still has access to its own people. None
        for a code of the table whose practice is closed without a successor or not yet open.
        """
        practice = self.on(code, day)
        return practice.code if practice else code if code not in self._entries else None

    def codes_of(self, code: str, day: date) -> frozenset[str]:
        """The codes whose people this practice cares for on that day: its own, and those of its predecessors; none when it is closed."""
        return frozenset(each for each in (code, *self._entries) if self.acting(each, day) == code)

    def same_as(self, code: str, day: date) -> frozenset[str]:
        """The codes that stand for the same practice on that day, the code among them. One that stands for none has itself alone."""
        acting = self.acting(code, day)
        return frozenset({code}) | (self.codes_of(acting, day) if acting else frozenset())

    def has_closed(self, professional_id: str, organisation: str, day: date) -> bool:
        """Whether a lead is a practice that has closed by that day; one outside the table has not."""
        return professional_id == gp_id(organisation) and self.acting(organisation, day) != organisation

    def first_on(self, codes: Iterable[str | None], day: date) -> Practice | None:
        """The practice of the first code that stands for one on that day."""
        return next((practice for code in codes if code and (practice := self.on(code, day))), None)

    def localities_on(self, day: date) -> dict[str, Locality]:
        """The locality of each code that stands for a practice on that day."""
        found = {code: self.on(code, day) for code in self._entries}
        return {code: practice.locality for code, practice in found.items() if practice}

    def _successor(self, code: str, day: date) -> str | None:
        """The successor of the last entry that has ended; None while an entry is valid."""
        entries = self._entries.get(code, [])
        if any(entry.is_valid_on(day) for entry in entries):
            return None
        ended = [(entry.valid_until, entry.successor) for entry in entries if entry.valid_until is not None and entry.valid_until <= day]
        return max(ended, key=lambda each: each[0])[1] if ended else None
