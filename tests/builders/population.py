"""A synthetic registered population with exactly the counts of Table 14, and its risk files.

Every NHS number lies in the range 999, which is never issued. The same seed makes the same people and the same changes.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from random import Random

#: Level to the number of people.
TABLE_14 = {3: 1_975, 2: 17_463, 1: 77_463, 0: 297_226}
#: Level to the lowest, highest and average ratio, in thousandths; the printed overlap and gap are corrected by G07.
_RATIOS = {3: (25_925, 40_226, 32_230), 2: (4_785, 25_914, 10_216), 1: (783, 4_784, 1_806), 0: (50, 782, 304)}
PRACTICES = tuple(f"{locality}{number:02}" for locality, most in (("W", 20), ("B", 24), ("C", 23)) for number in range(1, most + 1))
HEADER = "nhs_number,practice,ratio,level,valid_from"

#: Lines with one error each, and the reason that the report must give.
BAD_LINES = (
    ("9990548600,W07,1.000,,{day}", "nhs-number-invalid"),
    ("9999999999,W07,1.000,,{day}", "nhs-number-invalid"),
    ("9990548609,north,1.000,,{day}", "practice-unknown-form"),
    ("9990548609,W07,-1.000,,{day}", "ratio-not-a-number"),
    ("9990548609,W07,nan,,{day}", "ratio-not-a-number"),
    ("9990548609,W07,1.000,4,{day}", "level-not-0-to-3"),
    ("9990548609,W07,1.000,,2015-02-30", "valid-from-not-a-date"),
    ("9990548609,W07,1.000,,2062-03-02", "valid-from-in-the-future"),
    ("9990548609,W07,1.000,,9999-12-31", "valid-from-in-the-future"),
    ("9990548609,W07,1.000,,0001-01-01", "valid-from-too-old"),
    ("9990548609,W07,1.000,,0026-11-20", "valid-from-too-old"),
    ("9990548609,W7O,1.000,,{day}", "practice-unknown-form"),
    ("9990548609,W07,1.000,{day}", "column-count"),
)


_SUM_OF_999 = 9 * (10 + 9 + 8)


@dataclass(frozen=True, slots=True)
class Resident:
    """One registered person; `thousandths` is the risk ratio times a thousand."""

    nhs_number: str
    practice: str
    level: int
    thousandths: int


@dataclass(slots=True)
class LaterPopulation:
    """The same population on a later day: those who climbed from level 0 to 3, and those who dropped from level 2 to 1.

    The ratios of all others vary a little.
    """

    residents: list[Resident]
    climbed: list[Resident] = field(default_factory=list)
    dropped: list[Resident] = field(default_factory=list)


def population(seed: int = 14, counts: Mapping[int, int] | None = None) -> list[Resident]:
    """The residents in random order; `counts` maps each level to its number of people."""
    random = Random(seed)  # noqa: S311  synthetic people need no secrecy
    levels = [level for level, count in (counts or TABLE_14).items() for _ in range(count)]
    random.shuffle(levels)
    numbers, practices = nhs_numbers(random, len(levels)), random.choices(PRACTICES, k=len(levels))
    people = zip(numbers, practices, levels, strict=True)
    return [Resident(number, practice, level, _ratio(random, level)) for number, practice, level in people]


def later(residents: Sequence[Resident], *, climb: int, drop: int, seed: int = 15) -> LaterPopulation:
    """`climb` people climb and `drop` people drop; all others keep their level with another ratio."""
    random, found = Random(seed), LaterPopulation([])  # noqa: S311  synthetic people need no secrecy
    for resident in residents:
        is_climber = resident.level == 0 and len(found.climbed) < climb
        is_dropper = resident.level == 2 and len(found.dropped) < drop
        level = 3 if is_climber else 1 if is_dropper else resident.level
        moved = Resident(
            resident.nhs_number, resident.practice, level, _ratio(random, level) if level != resident.level else _near(random, resident)
        )
        found.residents.append(moved)
        (found.climbed if is_climber else found.dropped if is_dropper else []).append(moved)
    return found


def write(
    path: Path, residents: Iterable[Resident], valid_from: date, *, bad_lines: int = 0, duplicates: int = 0, has_levels: bool = False
) -> list[tuple[int, str]]:
    """Writes a risk file with bad lines spread over it and returns the line number and reason of each.

    The first `duplicates` people are repeated at the end. With `has_levels` the file has levels, as the files of some tools do.
    """
    people, bad = list(residents), [BAD_LINES[number % len(BAD_LINES)] for number in range(bad_lines)]
    every, refused = max(1, len(people) // (bad_lines + 1)), []
    with path.open("w") as file:
        file.write(f"{HEADER}\n")
        line = 1
        for number, resident in enumerate(people, 1):
            file.write(_line(resident, valid_from, has_level=has_levels))
            line += 1
            if bad and number % every == 0:
                text, reason = bad.pop(0)
                file.write(text.format(day=valid_from) + "\n")
                line += 1
                refused.append((line, reason))
        file.writelines(_line(resident, valid_from, has_level=has_levels) for resident in people[:duplicates])
    return [*refused, *((line + number, "nhs-number-twice") for number in range(1, duplicates + 1))]


def _line(resident: Resident, valid_from: date, *, has_level: bool) -> str:
    whole, thousandths = divmod(resident.thousandths, 1000)
    return f"{resident.nhs_number},{resident.practice},{whole}.{thousandths:03},{resident.level if has_level else ''},{valid_from}\n"


def nhs_numbers(random: Random, count: int) -> list[str]:
    """Different valid numbers from 999 000 000 on. One in eleven sets of nine digits has no check digit, so more are drawn than needed."""
    suffixes = random.sample(range(999_999), count * 9 // 8 + 20)
    sums = {tens: _weighted(tens, 7, 6, 5) for tens in range(1000)}, {tens: _weighted(tens, 4, 3, 2) for tens in range(1000)}
    checked = ((suffix, -(_SUM_OF_999 + sums[0][suffix // 1000] + sums[1][suffix % 1000]) % 11) for suffix in suffixes)
    return [f"999{suffix:06}{check}" for suffix, check in checked if check < 10][:count]


def _weighted(digits: int, *weights: int) -> int:
    return sum(int(digit) * weight for digit, weight in zip(f"{digits:03}", weights, strict=True))


def _ratio(random: Random, level: int) -> int:
    """A ratio in the band of the level; the mean of many is about its average."""
    lowest, highest, average = _RATIOS[level]
    share: float = random.random() ** ((highest - lowest) / (average - lowest) - 1)
    return min(highest, lowest + round((highest - lowest) * share))


def _near(random: Random, resident: Resident) -> int:
    """A ratio in the same band within a tenth of the old one, so no climb."""
    lowest, highest, _ = _RATIOS[resident.level]
    return max(lowest, min(highest, round(resident.thousandths * random.uniform(0.9, 1.1))))
