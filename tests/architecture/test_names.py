"""Names of modules are nouns or verbs of their subject, names of tests are short, and helpers are imported from plain modules."""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import PurePath

from tests.architecture.sources import Source, production, written_tests

_ADVERBS_AND_PREPOSITIONS = re.compile(
    "about|above|across|after|again|against|ahead|alone|along|already|alongside|always|among|a(?:new|part|round|side|way)|at|back|before"
    "|behind|below|beside|between|beyond|by|down|during|early|elsewhere|ever|everywhere|except|forth|forward|from|here|in|inside|instead"
    "|into|just|later|near|never|next|now|nowhere|off|often|on|once|only|onto|opposite|out|outside|over|past|per|quickly|round|since|soon"
    "|still|than|then|there|through|throughout|till|to|together|toward|towards|twice|under|until|up|upon|via|with|within|without|yet"
)
_PARTICIPLES = re.compile(r"\w+(?:ing|ed)")
#: Nouns of the field that end like participles.
_NOUNS = {
    *("batching", "briefing", "case_finding", "feed", "finding", "housekeeping", "log_pruning", "meeting", "messaging"),
    *("opening", "pacing", "receiving", "risk_standing", "routing", "tracing"),
}
#: The package of the code that all contexts share.
_ROOTS = {"shared"}
#: In the name of a test, after `test`.
_MOST_WORDS = 9
_UNNAMED = {"__init__", "__main__"}


def _modules() -> dict[str, set[str]]:
    """The paths of modules and packages by name; the name of a test module is the part after `test_`."""
    found: dict[str, set[str]] = {}
    for source in (*production(), *written_tests()):
        path = PurePath(source.name)
        parts = [path.with_suffix("")] if path.stem not in _UNNAMED else []
        for part in [*parts, *path.parents]:
            if part.name and "versions" not in part.parent.parts:  # a migration is named by its number
                found.setdefault(part.name.removeprefix("test_"), set()).add(str(part))
    return found


def _imported(source: Source) -> Iterator[str]:
    """The dotted names of all imported modules and members."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{each.name}" for each in node.names)


def test_helpers_are_imported_from_plain_modules() -> None:
    found = [
        f"{source.name}: {name}"
        for source in (*production(), *written_tests())
        for name in _imported(source)
        if name.startswith("tests.") and any(part == "conftest" or part.startswith("test_") for part in name.split("."))
    ]

    assert found == []


def _kind(name: str) -> str | None:
    """The reason to refuse a name, if there is one."""
    if name in sys.stdlib_module_names:
        return "standard library"
    if _ADVERBS_AND_PREPOSITIONS.fullmatch(name):
        return "adverb or preposition"
    return "participle" if _PARTICIPLES.fullmatch(name) and name not in _NOUNS | _ROOTS else None


def test_module_name_is_a_noun_or_a_verb() -> None:
    found = [f"{path}: {kind}" for name, paths in _modules().items() if (kind := _kind(name)) for path in paths]

    assert sorted(found) == []


def test_each_listed_noun_names_a_module() -> None:
    assert (_NOUNS | _ROOTS) - set(_modules()) == set()


def test_name_of_a_test_has_at_most_nine_words() -> None:
    found = [
        f"{source.name}: {function.name}"
        for source in written_tests()
        for function in source.functions()
        if function.name.startswith("test_") and len(function.name.split("_")) - 1 > _MOST_WORDS
    ]

    assert found == []
