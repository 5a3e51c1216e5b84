"""docs/rules.md explains every citation of the code, and a test carries out each of its acceptance tests."""

import ast
import importlib
import re
from dataclasses import fields

import pytest

from infra.contexts import CONTEXTS
from tests.architecture.sources import ROOT, checkout_texts, production, written_tests

PAGE = ROOT / "docs" / "rules.md"
_OWN_NAME = "tests/architecture/test_rules.py"
_ENTRIES = frozenset(re.findall(r"^\| (\S+(?: \d+)?) \|", PAGE.read_text(), re.MULTILINE))
#: Gaps, times, eligibility, promises, information governance, figures and services, as the code cites them.
_CODE = re.compile(r"\b(?:G\d\d|T\d{1,2}|E\d{1,2}|AC\d{1,2}|IG\d{1,2}|K\d\d|S\d\d)\b(?![:\w-])")
_ACCEPTANCE = re.compile(r"\b(?:referrals|rapid_care|mdt|navigation)-\d+\b(?![-\w])")
_TABLE = re.compile(r"\bTable \d+\b")
_DOCUMENT = re.compile(r"\b(\d{3}):\d+")
#: Papers that are not part of the repository, and their sections.
_PAPER = re.compile(r"\b(?:domain|design|standards|style|reliability|pattern)\.md\b|\N{SECTION SIGN}")


@pytest.mark.parametrize("pattern", [_CODE, _ACCEPTANCE, _TABLE, _DOCUMENT], ids=["codes", "acceptance", "tables", "documents"])
def test_each_citation_has_an_entry(pattern: re.Pattern[str]) -> None:
    cited = {(each, name) for name, text in _texts().items() for each in pattern.findall(text)}

    assert cited
    assert sorted((each, name) for each, name in cited if each not in _ENTRIES) == []


def test_no_file_cites_a_paper_outside_the_repository() -> None:
    assert sorted(name for name, text in checkout_texts().items() if name != _OWN_NAME and _PAPER.search(text)) == []


def test_exactly_the_acceptance_tests_are_carried_out() -> None:
    required = {entry for entry in _ENTRIES if re.fullmatch(r"(?:referrals|rapid_care|mdt|navigation)-\d+|AC\d+", entry)}
    without_hospital_feed = {"AC13"}  # README, Known limitations

    assert _carried_out() == required - without_hospital_feed


def test_each_default_has_an_entry() -> None:
    rows = re.findall(r"^\| (\w+) \| ((?:`\w+`(?:, )?)+) \| .+ \|$", PAGE.read_text(), re.MULTILINE)
    listed = {(context, field) for context, names in rows for field in re.findall(r"`(\w+)`", names)}

    assert listed == {
        (context, field.name)
        for context in CONTEXTS
        for field in fields(importlib.import_module(f"services.{context}.domain.policy").Policy)
    }


def _texts() -> dict[str, str]:
    """Code and pages by name, without this page."""
    pages = [*((ROOT / "docs").rglob("*.md")), ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
    schemas = (ROOT / "shared" / "contracts" / "schemas").glob("*.json")
    code = {source.name: source.text for source in (*production(), *written_tests()) if source.name != _OWN_NAME}
    return code | {str(page.relative_to(ROOT)): page.read_text() for page in (*pages, *schemas) if page != PAGE}


def _carried_out() -> set[str]:
    calls = [node for source in written_tests() for node in ast.walk(source.tree) if isinstance(node, ast.Call)]
    marks = [call for call in calls if isinstance(call.func, ast.Attribute) and call.func.attr == "acceptance"]
    return {str(argument.value) for mark in marks for argument in mark.args if isinstance(argument, ast.Constant)}
