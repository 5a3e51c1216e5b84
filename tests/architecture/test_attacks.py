"""docs/attacks.md gives each attack and each of its kin the tests that perform it, and names only tests that exist."""

import re
from collections.abc import Iterator

import pytest

from tests.architecture.named_tests import faults_of
from tests.architecture.sources import ROOT

_PAGE = (ROOT / "docs" / "attacks.md").read_text()
_ROW = re.compile(r"^\| ((?!attack ).+?) \| (`.+?) \| (.+?) \|$", re.MULTILINE)
#: A way of the same kind, and its tests.
_KIN = re.compile(r"([^`;:]+): (`.+`)")
ROWS = _ROW.findall(_PAGE)


def _kin(cell: str) -> Iterator[str]:
    """The lists of tests of a cell; text without its tests is a list that is none."""
    for each in cell.split("; "):
        form = _KIN.fullmatch(each)
        yield form[2] if form else each


def test_every_line_of_the_table_is_read() -> None:
    lines = [line for line in _PAGE.splitlines() if line.startswith("|") and not line.startswith(("| attack |", "|---"))]

    assert len(ROWS) == len(lines) > 0
    assert len({attack for attack, *_ in ROWS}) == len(ROWS)


@pytest.mark.parametrize(("attack", "shown", "kin"), ROWS, ids=[row[0] for row in ROWS])
def test_attack_and_its_kin_are_tested(attack: str, shown: str, kin: str) -> None:
    assert attack.endswith(".")
    assert [fault for tests in (shown, *_kin(kin)) for fault in faults_of(tests)] == []


@pytest.mark.parametrize(
    ("shown", "fault"),
    [
        ("`tests/architecture/test_attacks.py::test_absent`", "tests/architecture/test_attacks.py::test_absent"),
        ("`tests/absent.py::test_absent`", "tests/absent.py::test_absent"),
        ("a promise", "not a list of tests: a promise"),
        ("", "not a list of tests: "),
    ],
)
def test_evidence_that_does_not_exist_is_seen(shown: str, fault: str) -> None:
    assert faults_of(shown) == [fault]


def test_kin_without_tests_are_seen() -> None:
    here = "`tests/architecture/test_attacks.py::test_kin_without_tests_are_seen`"

    assert [faults_of(tests) for tests in _kin(f"one way: {here}; another way")] == [[], ["not a list of tests: another way"]]
