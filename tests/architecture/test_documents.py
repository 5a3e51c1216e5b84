"""Documents are checked like code: the form of decision records, and every path, link and check that a page names."""

import ast
import re
import tomllib
from datetime import date
from functools import cache
from pathlib import Path

import pytest

from infra.codegen.decisions import RECORDS as PATTERN
from tests.architecture.sources import ROOT, production, sources, written_tests

RECORDS = sorted((ROOT / "docs" / "adr").glob(PATTERN))
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
#: The first words of the titles of records.
VERBS = frozenset({
    "Authenticate", "Bind", "Commit", "Connect", "Consume", "Create", "Decide", "Demand", "Encrypt", "Erase", "Escalate", "Give", "Import",
    "Judge", "Keep", "Limit", "Name", "Number", "Park", "Partition", "Publish", "Put", "Record", "Recreate", "Rewrap", "Run",
    "Seal", "Serialise", "Take", "Write",
})  # fmt: skip
_MAX_RECORD_LINES = 40
_STATUS = re.compile(r"Status: (Accepted|Superseded)")
_SUPERSEDES = re.compile(r"Supersedes: (none|\d{4}(, \d{4})*( of the first series)?)")
_HEADINGS = ["## Context", "## Decision", "## Consequences"]
_PLACE = re.compile(r"`((?:services|shared|infra|tests|docs)/[\w/.*<>-]+)`")
#: A name that a page gives with its file: "`file` (`name`" or "`name` in `file`".
_NAME_AFTER = re.compile(_PLACE.pattern + r"\s+\(`([\w.]+)`")
_NAME_BEFORE = re.compile(r"`([\w.]+)`\s+in\s+" + _PLACE.pattern)
_LINK = re.compile(r"\]\((?!https?:|#)([^)#]+)")
_CITED = re.compile(r"(?:docs/adr/|\bADR\s+)(\d{4})\b")
_ENFORCED = "Enforced by: "
_FUNCTIONS = ast.FunctionDef | ast.AsyncFunctionDef
#: "Enforced by:" names test files, modules that are run, functions of shared, import contracts and banned names.
_CONTRACTS = {each["id"] for each in tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]}
_BANNED = set(tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["ruff"]["lint"]["flake8-tidy-imports"]["banned-api"])


def test_records_are_numbered_without_gaps() -> None:
    assert RECORDS
    assert [int(record.name[:4]) for record in RECORDS] == list(range(1, len(RECORDS) + 1))


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.name)
def test_record_has_the_form_of_a_decision(record: Path) -> None:
    problems = _problems_of_form(record)

    assert not problems, f"{record.name}: {'; '.join(problems)}"


def test_record_titles_use_every_listed_verb() -> None:
    assert {_title(record)[0] for record in RECORDS} == VERBS


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.name)
def test_record_names_checks_that_exist(record: Path) -> None:
    last = record.read_text().rstrip().splitlines()[-1]
    assert last.startswith(_ENFORCED)

    named = re.findall(r"`([^`]+)`", last)
    assert named
    assert [name for name in named if not _enforces(name)] == []


@pytest.mark.parametrize("name", ["tests/contracts", "docs/adr/README.md", "Anything.__init__", "__init__", "now", "datetime.now", "save"])
def test_inexact_name_enforces_nothing(name: str) -> None:
    assert not _enforces(name)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_page_names_paths_that_exist(page: Path) -> None:
    text = page.read_text()
    places = [place for place in _PLACE.findall(text) if "<" not in place and not list(ROOT.glob(place.rstrip("/")))]
    links = [link for link in _LINK.findall(text) if not (page.parent / link).exists()]

    assert places + links == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_page_names_what_its_files_contain(page: Path) -> None:
    text = page.read_text()
    named = [*_NAME_AFTER.findall(text), *((place, name) for name, place in _NAME_BEFORE.findall(text))]

    assert [(place, name) for place, name in named if not _contains(place, name)] == []


def test_cited_records_exist() -> None:
    texts = {source.name: source.text for source in (*production(), *written_tests())} | {str(page): page.read_text() for page in PAGES}
    existing = {record.name[:4] for record in RECORDS}

    assert {name: cited for name, text in texts.items() if (cited := set(_CITED.findall(text)) - existing)} == {}


def test_record_of_embedded_servers_counts_locked_jars() -> None:
    jars = (ROOT / "infra" / "kafka" / "jars.lock").read_text().splitlines()

    assert f"{len(jars)} jars" in (ROOT / "docs" / "adr" / "0014-run-on-embedded-servers.md").read_text()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_page_names_tests_that_exist(page: Path) -> None:
    tests = "".join(source.text for source in written_tests())

    assert [name for name in re.findall(r"`(test_\w+)`", page.read_text()) if f"def {name}(" not in tests] == []


def _contains(place: str, name: str) -> bool:
    """Each part of a dotted name is a word of the file."""
    text = (ROOT / place).read_text()
    return all(re.search(rf"\b{part}\b", text) for part in name.split("."))


def _problems_of_form(record: Path) -> list[str]:
    text = record.read_text()
    lines, number, title = text.splitlines(), record.name[:4], _title(record)
    named, _, status, dated, supersedes = [*lines, *[""] * 5][:5]
    is_kept = {
        f"line 1 must be '# {number}' and the title": named.startswith(f"# {number} "),
        f"the title must begin with one of the verbs in {Path(__file__).name}": title[0] in VERBS,
        "the file name must consist of words of the title": set(record.stem.split("-")[1:])
        <= set(re.findall(r"\w+", " ".join(title).lower())),
        "line 3 must be 'Status: Accepted' or 'Status: Superseded'": _STATUS.fullmatch(status) is not None,
        "line 4 must be 'Date:' and an ISO date": _is_dated(dated),
        "line 5 must be 'Supersedes:' and record numbers, or 'none'": _SUPERSEDES.fullmatch(supersedes) is not None,
        f"the headings must include {', '.join(_HEADINGS)} in this order": [line for line in lines if line in _HEADINGS] == _HEADINGS,
        f"the record has {len(lines)} lines and may have {_MAX_RECORD_LINES}": len(lines) <= _MAX_RECORD_LINES,
        f"the last line must begin with '{_ENFORCED.strip()}'": lines[-1].startswith(_ENFORCED),
    }
    return [problem for problem, holds in is_kept.items() if not holds]


def _title(record: Path) -> list[str]:
    """The words of the title after the number."""
    return record.read_text().splitlines()[0].split()[2:] or [""]


def _is_dated(line: str) -> bool:
    try:
        return line == f"Date: {date.fromisoformat(line.removeprefix('Date: '))}"
    except ValueError:
        return False


def _enforces(name: str) -> bool:
    if "/" in name:
        return name.startswith("tests/") and (ROOT / name).is_file()
    if name.startswith("python -m "):
        return (ROOT / (name.removeprefix("python -m ").replace(".", "/") + ".py")).is_file()
    return name in _CONTRACTS | _BANNED | _functions()


@cache
def _functions() -> set[str]:
    """The functions of shared: `function` in a module, `Class.method` in a class."""
    found = set()
    for source in sources("shared"):
        found |= {node.name for node in source.tree.body if isinstance(node, _FUNCTIONS)}
        for each in (node for node in source.tree.body if isinstance(node, ast.ClassDef)):
            found |= {f"{each.name}.{node.name}" for node in each.body if isinstance(node, _FUNCTIONS)}
    return found
