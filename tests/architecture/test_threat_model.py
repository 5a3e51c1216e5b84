"""docs/threat-model.md covers every arrow of the architecture picture, and names only tests that exist."""

import re
from collections.abc import Iterator, Mapping

import pytest

from tests.architecture.named_tests import faults_of
from tests.architecture.sources import ROOT

_PAGE = (ROOT / "docs" / "threat-model.md").read_text()
_PICTURE = re.search(r"```mermaid\n(.*?)```", (ROOT / "docs" / "architecture.md").read_text(), re.DOTALL)
_EDGE = re.compile(r"^ *(\w+)(?:[\[({].*?)? (<?-->)(?:\|[^|]*\|)? *(\w+)", re.MULTILINE)
_ROW = re.compile(r"^\| ([A-Z]) \| (.+?) \| (.+?) \| (.+?) \|$", re.MULTILINE)
_LEAST_REASON = 20


def _sections() -> Iterator[tuple[str, str]]:
    for section in re.split(r"^## ", _PAGE, flags=re.MULTILINE)[1:]:
        heading, _, text = section.partition("\n")
        yield heading, text


SECTIONS: Mapping[str, str] = {heading: text for heading, text in _sections() if "-->" in heading}
ROWS = [(heading, *row) for heading, text in SECTIONS.items() for row in _ROW.findall(text)]


def test_every_arrow_of_the_picture_has_a_section() -> None:
    assert _PICTURE
    drawn = {(start, arrow, end) for start, arrow, end in _EDGE.findall(_PICTURE[1])}
    covered = set()
    for heading in SECTIONS:
        starts, arrow, ends = re.split(r"\s(<?-->)\s", heading)
        covered |= {(start, arrow, end) for start in starts.split(", ") for end in ends.split(", ")}

    assert len(drawn) > len(SECTIONS)
    assert covered == drawn


@pytest.mark.parametrize("heading", SECTIONS)
def test_arrow_has_all_six_kinds_of_threat(heading: str) -> None:
    assert {letter for of, letter, *_ in ROWS if of == heading} == set("STRIDE")


@pytest.mark.parametrize(("heading", "letter", "threat", "measure", "shown"), ROWS, ids=[f"{row[1]} {row[2]}" for row in ROWS])
def test_threat_is_tested_or_accepted(heading: str, letter: str, threat: str, measure: str, shown: str) -> None:
    assert heading
    assert letter
    assert threat
    assert measure
    if shown.startswith("accepted: "):
        assert len(shown) > _LEAST_REASON
    else:
        assert faults_of(shown) == []
