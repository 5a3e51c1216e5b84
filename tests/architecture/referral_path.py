"""The files that docs/architecture.md lists for the path of a referral, and their number."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from tests.architecture.sources import ROOT

_SECTION = (ROOT / "docs" / "architecture.md").read_text().partition("## The path of a referral")[2].partition("\n## ")[0]
_RULE, _, _LISTS = _SECTION.partition("\n| files that run |")
_STEP = re.compile(r"^(\d+)\. `([\w/]+\.py)`: \S.+$", re.MULTILINE)
_COUNTS = re.compile(r"^\| this version \| (\d+) \| (\d+) \|\n\| of them in `services` \| (\d+) \| (\d+) \|$", re.MULTILINE)


@dataclass(frozen=True)
class ReferralPath:
    """`to_commit` is the first list and `files` are all; `left_out` are the files that the page's rule leaves out.

    `stated` are the page's numbers: files to the commit, to the answer, and those of each in `services`.
    """

    numbers: Sequence[int]
    to_commit: Sequence[str]
    files: Sequence[str]
    left_out: frozenset[str]
    stated: Sequence[int]


def documented() -> ReferralPath:
    steps = _STEP.findall(_LISTS)
    first, second = (part for part in _LISTS.split("\n\nFrom the ") if _STEP.search(part))
    counts = _COUNTS.search(_LISTS)
    assert counts is not None
    assert len(_STEP.findall(first)) + len(_STEP.findall(second)) == len(steps)
    return ReferralPath(
        [int(number) for number, _ in steps],
        [path for _, path in _STEP.findall(first)],
        [path for _, path in steps],
        frozenset(re.findall(r"`(shared/[\w/]+\.py)`", _RULE)),
        [int(number) for number in counts.groups()],
    )
