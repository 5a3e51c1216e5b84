"""Documents are part of the work."""

import re

from tests.architecture.sources import ROOT

RECORDS = sorted((ROOT / "docs" / "adr").glob("*.md"))


def test_every_decision_says_what_enforces_it() -> None:
    assert RECORDS
    assert [record.name for record in RECORDS if not record.read_text().rstrip().splitlines()[-1].startswith("Enforced by: ")] == []


def test_decisions_are_numbered_without_a_gap() -> None:
    assert [int(record.name[:4]) for record in RECORDS] == list(range(1, len(RECORDS) + 1))


def test_files_that_the_documents_name_exist() -> None:
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")]
    named = {path for page in pages for path in re.findall(r"`((?:services|shared|infra|tests|docs)/[\w/.-]+\.\w+)`", page.read_text())}
    named |= {f"docs/{path}" for path in re.findall(r"\]\(([\w/-]+\.md)\)", (ROOT / "docs" / "architecture.md").read_text())}

    assert sorted(path for path in named if not (ROOT / path).exists()) == []
