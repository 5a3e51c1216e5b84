"""What a check found."""

from collections.abc import Sequence
from dataclasses import dataclass, field

#: How many of what contradicts are told.
SHOWN = 5


@dataclass(frozen=True, slots=True)
class Finding:
    """`invariant` is I1 to I10; `contradictions` is how many of the `checked` break it, `examples` the first of them."""

    invariant: str
    sentence: str
    checked: int
    contradictions: int
    examples: Sequence[str] = ()

    @property
    def holds(self) -> bool:
        return not self.contradictions


@dataclass(slots=True)
class Tally:
    """Counts what was looked at and what contradicts, and keeps the first examples: however much is broken, it stays small."""

    invariant: str
    sentence: str
    checked: int = 0
    contradictions: int = 0
    examples: list[str] = field(default_factory=list)

    def note(self, what: str) -> None:
        self.contradictions += 1
        if len(self.examples) < SHOWN:
            self.examples.append(what)

    @property
    def finding(self) -> Finding:
        return Finding(self.invariant, self.sentence, self.checked, self.contradictions, tuple(self.examples))


def found(invariant: str, sentence: str, checked: int, broken: Sequence[str]) -> Finding:
    return Finding(invariant, sentence, checked, len(broken), tuple(broken[:SHOWN]))


def merge_findings(findings: Sequence[Finding]) -> Finding:
    """Findings of one sentence in several contexts, as one."""
    first = findings[0]
    examples = [example for each in findings for example in each.examples]
    sums = sum(each.checked for each in findings), sum(each.contradictions for each in findings)
    return Finding(first.invariant, first.sentence, *sums, tuple(examples[:SHOWN]))
