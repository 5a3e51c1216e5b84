"""A triager's doubt whether a person is registered with a practice. Only an explicit confirmation ends it (docs/adr/0048).

Each record that means the person at the time has it, also one that names no practice or another one: it stays with the record after a
separation, whatever that names then.
"""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class PracticeDoubt:
    """`doubted_by` is the member of staff who triaged a referral by the practice."""

    practice_code: str
    doubted_at: datetime
    doubted_by: str
