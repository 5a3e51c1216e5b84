"""What the code cites can be looked up in docs/sources.md, and every acceptance test that stands there is carried out."""

import ast
import re

from tests.architecture.sources import ROOT, production, written_tests

PAGE = ROOT / "docs" / "sources.md"
_ENTRIES = frozenset(re.findall(r"^\| (\S+) \|", PAGE.read_text(), re.MULTILINE))
_PAPERS = dict(re.findall(r"^\| `(\w+\.md)` \|[^|]*\|(.*)\|$", PAGE.read_text(), re.MULTILINE))
#: Gaps, times, eligibility, promises, information governance, figures and services of the analysis, as they are cited.
_REFERENCE = re.compile(r"\b(?:G\d\d|T\d{1,2}|E\d{1,2}|AC\d{1,2}|IG\d{1,2}|K\d\d|S\d\d)\b(?![:\w-])")
_SECTION = re.compile(r"(?:\b(design|standards|style|reliability|pattern)\.md )?§(\d+(?:\.\d+)*)")
_PART = re.compile(r"\b(standards)\.md ([A-Z]\d+)")


def test_every_reference_of_the_code_can_be_looked_up() -> None:
    cited = {(each, source.name) for source in (*production(), *written_tests()) for each in _REFERENCE.findall(source.text)}

    assert sorted((each, name) for each, name in cited if each not in _ENTRIES) == []


def test_every_section_that_is_cited_can_be_looked_up() -> None:
    """A bare § is one of domain.md."""
    pages = [*((ROOT / "docs").rglob("*.md")), ROOT / "README.md"]
    texts = {source.name: source.text for source in (*production(), *written_tests())} | {page.name: page.read_text() for page in pages}
    texts.pop("sources.md")
    sections = {(paper, f"§{number}", name) for name, text in texts.items() for paper, number in _SECTION.findall(text)}
    parts = {(paper, part, name) for name, text in texts.items() for paper, part in _PART.findall(text)}

    assert sorted(each for each in sections | parts if not _explained(each[0], each[1])) == []


def test_every_acceptance_test_of_the_analysis_is_carried_out_and_no_other_is_claimed() -> None:
    asked = {entry for entry in _ENTRIES if re.fullmatch(r"(?:referrals|rapid_care|mdt|navigation)-\d+|AC\d+", entry)}
    beyond_the_main_path = {"AC13"}  # needs the hospital's feed: README, honest limits

    assert _carried_out() == asked - beyond_the_main_path


def _explained(paper: str, part: str) -> bool:
    return re.search(rf"{re.escape(part)}\b", _PAPERS[f"{paper}.md"]) is not None if paper else part in _ENTRIES


def _carried_out() -> set[str]:
    calls = [node for source in written_tests() for node in ast.walk(source.tree) if isinstance(node, ast.Call)]
    marks = [call for call in calls if isinstance(call.func, ast.Attribute) and call.func.attr == "acceptance"]
    return {str(argument.value) for mark in marks for argument in mark.args if isinstance(argument, ast.Constant)}
