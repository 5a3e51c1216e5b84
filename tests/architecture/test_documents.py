"""Documents are part of the work."""

import re
import tomllib
from pathlib import Path

import pytest

from tests.architecture.sources import ROOT

RECORDS = sorted((ROOT / "docs" / "adr").glob("*.md"))
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
_PLACE = re.compile(r"`((?:services|shared|infra|tests|docs)/[\w/.*<>-]+)`")
_LINK = re.compile(r"\]\((?!https?:|#)([^)#]+)")
_ENFORCED = "Enforced by: "
#: What "Enforced by:" may name besides places: import contracts, banned names, modules that are run, our own names.
_CONTRACTS = {each["id"] for each in tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]}
_BANNED = set(tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["ruff"]["lint"]["flake8-tidy-imports"]["banned-api"])


def test_there_are_records_numbered_without_a_gap() -> None:
    assert RECORDS
    assert [int(record.name[:4]) for record in RECORDS] == list(range(1, len(RECORDS) + 1))


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.name)
def test_a_decision_says_what_enforces_it_and_that_is_there(record: Path) -> None:
    last = record.read_text().rstrip().splitlines()[-1]
    assert last.startswith(_ENFORCED)

    named = re.findall(r"`([^`]+)`", last)
    assert named
    assert [name for name in named if not _enforces(name)] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_what_a_page_names_exists(page: Path) -> None:
    text = page.read_text()
    places = [place for place in _PLACE.findall(text) if "<" not in place and not list(ROOT.glob(place.rstrip("/")))]
    links = [link for link in _LINK.findall(text) if not (page.parent / link).exists()]

    assert places + links == []


def test_the_record_of_the_embedded_stack_counts_the_jars_of_the_lock() -> None:
    jars = (ROOT / "infra" / "kafka" / "jars.lock").read_text().splitlines()

    assert f"{len(jars)} jars" in (ROOT / "docs" / "adr" / "0014-the-embedded-stack.md").read_text()


def _enforces(name: str) -> bool:
    if "/" in name:
        return (ROOT / name).exists()
    if name.startswith("python -m "):
        return (ROOT / (name.removeprefix("python -m ").replace(".", "/") + ".py")).exists()
    return name in _CONTRACTS or any(each.endswith(name) for each in _BANNED) or _is_ours(name)


def _is_ours(name: str) -> bool:
    """`Class.method` or `function` of the product."""
    last = name.rpartition(".")[2]
    return any(f"def {last}(" in path.read_text() for path in (ROOT / "shared").rglob("*.py"))
