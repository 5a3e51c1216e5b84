"""The result of a check."""

from collections.abc import Sequence
from dataclasses import dataclass, field

#: How many contradictions are shown.
MAX_EXAMPLES = 5


@dataclass(frozen=True, slots=True)
class Finding:
    """`invariant` is I1 to I10. `contradictions` of the `checked` items contradict the sentence; `examples` are the first of them."""

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
    """Counts checked items and contradictions. Keeps only the first examples, so that memory stays bounded."""

    invariant: str
    sentence: str
    checked: int = 0
    contradictions: int = 0
    examples: list[str] = field(default_factory=list)

    def record(self, contradiction: str) -> None:
        self.contradictions += 1
        if len(self.examples) < MAX_EXAMPLES:
            self.examples.append(contradiction)

    @property
    def finding(self) -> Finding:
        return Finding(self.invariant, self.sentence, self.checked, self.contradictions, tuple(self.examples))


def finding_of(invariant: str, sentence: str, checked: int, contradictions: Sequence[str]) -> Finding:
    return Finding(invariant, sentence, checked, len(contradictions), tuple(contradictions[:MAX_EXAMPLES]))


def merge_findings(findings: Sequence[Finding]) -> Finding:
    """Merges the findings of one sentence in several contexts."""
    first = findings[0]
    examples = [example for each in findings for example in each.examples]
    sums = sum(each.checked for each in findings), sum(each.contradictions for each in findings)
    return Finding(first.invariant, first.sentence, *sums, tuple(examples[:MAX_EXAMPLES]))
