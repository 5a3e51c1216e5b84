"""The technical words of docs/glossary.md name modules that exist; docs/architecture.md states where a change belongs."""

import re

import pytest

from tests.architecture.referral_path import documented
from tests.architecture.sources import ROOT, sources

_GLOSSARY = (ROOT / "docs" / "glossary.md").read_text()
_TECHNICAL = re.findall(r"^\| ([a-z ]+) \| ([^|]+) \| `([\w/.]+)` \|$", _GLOSSARY.partition("## Technical words")[2], re.MULTILINE)
REQUIRED = {
    "assignment",
    "correlation id",
    "deadline",
    "fencing",
    "group commit",
    "idempotency key",
    "identity map",
    "inbox",
    "offset",
    "outbox",
    "parked",
    "poison record",
    "prefetch",
    "projection",
    "rebalance",
    "relay",
    "replay",
    "republish",
    "retention",
    "write batch",
}
_ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text()
_QUESTIONS = re.findall(r"^\| \d+ \| ([^|]+) \| ([^|]+) \|$", _ARCHITECTURE, re.MULTILINE)
_REFERRAL_PATH = documented()
#: To the commit, and to the referrer's answer. `tests/journeys/test_referral_path.py` compares the files with a trace.
MOST_FILES = (58, 112)
_CHECKLIST = _ARCHITECTURE.partition("### A context")[2]
_PATH = re.compile(r"`((?:services|shared|infra|tests|docs)/[\w/.<>*-]+)`")


def test_each_word_is_explained_once() -> None:
    words = [word for word in re.findall(r"^\| ([^|]+) \|", _GLOSSARY, re.MULTILINE) if word != "word"]

    assert len(words) > 50
    assert sorted({word for word in words if words.count(word) > 1}) == []


def test_each_technical_word_is_explained() -> None:
    words = [word for word, _, _ in _TECHNICAL]

    assert words == sorted(set(words))
    assert REQUIRED <= set(words)


@pytest.mark.parametrize(("word", "meaning", "module"), _TECHNICAL, ids=[word for word, _, _ in _TECHNICAL])
def test_technical_word_has_one_sentence_and_a_module(word: str, meaning: str, module: str) -> None:
    assert re.fullmatch(r"[A-Z][^.]*\.", meaning), word
    assert (ROOT / module).is_file()


def test_each_question_names_files_that_exist() -> None:
    assert len(_QUESTIONS) >= 12
    assert [question for question, files in _QUESTIONS if not _PATH.findall(files)] == []
    assert [path for _, files in _QUESTIONS for path in _PATH.findall(files) if not _exists(path)] == []


def test_first_question_names_each_mapping_over_urgencies() -> None:
    files = _PATH.findall(_QUESTIONS[0][1])
    mapping = re.compile(r"\btotal\(\s*Urgency\b|\bcase Urgency\.")

    assert "urgency level" in _QUESTIONS[0][0]
    assert {source.name for source in sources("services", "shared") if mapping.search(source.text)} == set(files)


def test_tenth_question_names_each_file_of_an_outcome() -> None:
    files = _PATH.findall(_QUESTIONS[9][1])
    dependent = {source.name for source in sources("services") if re.search(r"\b(?:Response)?Outcome\.[A-Z]", source.text)}

    assert "closing outcome" in _QUESTIONS[9][0]
    assert dependent <= set(files)


def test_path_of_a_referral_lists_existing_files_once() -> None:
    assert list(_REFERRAL_PATH.numbers) == list(range(1, len(_REFERRAL_PATH.files) + 1))
    assert len(set(_REFERRAL_PATH.files)) == len(_REFERRAL_PATH.files)
    assert [path for path in (*_REFERRAL_PATH.files, *_REFERRAL_PATH.left_out) if not (ROOT / path).is_file()] == []
    assert _REFERRAL_PATH.left_out.isdisjoint(_REFERRAL_PATH.files)


def test_path_of_a_referral_has_the_stated_length() -> None:
    """The limits are those that hold; a longer path needs a reason, and a shorter one lowers them."""
    lists = (_REFERRAL_PATH.to_commit, _REFERRAL_PATH.files)
    own = [sum(path.startswith("services/") for path in files) for files in lists]

    assert [*map(len, lists), *own] == list(_REFERRAL_PATH.stated)
    assert [len(files) <= limit for files, limit in zip(lists, MOST_FILES, strict=True)] == [True, True]


def test_checklist_of_a_context_names_files_that_exist() -> None:
    paths = _PATH.findall(_CHECKLIST)

    assert len(paths) >= 12
    assert [path for path in paths if not _exists(path)] == []


def _exists(path: str) -> bool:
    """`<context>` stands for each of the contexts."""
    return bool(list(ROOT.glob(path.replace("<context>", "*").rstrip("/"))))
