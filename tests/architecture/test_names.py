"""Modules are named by nouns or verbs, classes and fixtures by nouns; test names are short, and helpers are in plain modules."""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import PurePath

from tests.architecture.sources import Source, production, written_tests

_ADVERBS_AND_PREPOSITIONS = re.compile(
    "about|above|across|after|again|against|ago|ahead|alone|along|already|alongside|always|among|a(?:new|part|round|side|way)|at|back|before"
    "|behind|below|beside|between|beyond|by|down|during|early|elsewhere|ever|everywhere|except|forth|forward|from|here|in|inside|instead"
    "|into|just|later|near|never|next|now|nowhere|off|often|on|once|only|onto|opposite|out|outside|over|past|per|quickly|round|since|soon"
    "|still|than|then|there|through|throughout|till|to|together|toward|towards|twice|under|until|up|upon|via|with|within|without|yet"
)
_PARTICIPLES = re.compile(r"\w+(?:ing|ed)")
_IRREGULAR_PARTICIPLES = re.compile(
    "(?:un)?(?:be(?:gun|nt)|bo(?:ught|und)|bro(?:ken|ught)|built|caught|chosen|d(?:one|ra(?:nk|wn)|riven)|eaten|f(?:allen|elt|lown|ought|ound)"
    "|for(?:bidden|gotten)|frozen|g(?:iven|one|rown)|h(?:eard|eld|idden|ung)|k(?:ept|nown)|l(?:aid|ed|eft|ent|ost)|m(?:ade|eant|et)|paid|proven"
    "|r(?:idden|isen)|s(?:aid|een|ent|et|haken|hown|old|ought|pent|plit|poken|tolen|tood|tuck|worn)|t(?:aken|aught|hrown|old|orn)|understood"
    "|w(?:ithheld|oken|on|orn|ritten))"
)
#: Without `inbound`, `local` and `outbound`, which name packages.
_ADJECTIVES = re.compile(
    "absent|active|alive|(?:un)?(?:avail|cancel|clos|decod|group|runn|st|suit|us)able|bad|bare|big|blank|blind|bright|busy|calm|cheap|clean|clear"
    "|cold|common|complete|concurrent|consistent|correct|current|dead|deep|different|direct|dirty|distinct|dry|due|dynamic|eager|easy|empty"
    "|ephemeral|equal|exact|external|extra|fair|false|familiar|fast|few|final|fine|fit|flat|foreign|fresh|full|good|great|hard|heavy|high|hot|huge"
    "|idle|in_memory|incomplete|inner|internal|invalid|large|late|latest|lazy|legal|light|live|long|longest|loose|low|major|many|mature|minor"
    "|modern|narrow|near|new|newest|normal|offline|old|oldest|online|open|other|outer|own|plain|poor|previous|private|public|pure|quick|quiet|random|rare"
    "|raw|read_only|ready|real|recent|remote|rich|rigid|robust|safe|same|scarce|secure|serial|shallow|sharp|short|shortest|silent|similar|simple"
    "|single|slow|small|smart|soft|solid|spare|stale|static|steady|strict|strong|sudden|sure|tall|temporary|thin|tight|tiny|true|unique|urgent"
    "|vague|valid|warm|weak|wet|whole|wide|wild|wrong|young"
)
#: Nouns of the field that end like participles.
_NOUNS = {
    *("batching", "briefing", "case_finding", "feed", "finding", "housekeeping", "log_pruning", "meeting", "messaging"),
    *("opening", "pacing", "risk_standing", "routing", "safeguarding", "tracing"),
}
_CLASS_NOUNS = _NOUNS | {"need", "screening", "standing"}
#: The time of a test, as in `tx.now`.
_FIXTURE_NOUNS = {"now"}
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
    """The word class of a name that is no noun, if it is listed."""
    if _ADVERBS_AND_PREPOSITIONS.fullmatch(name):
        return "adverb or preposition"
    if _PARTICIPLES.fullmatch(name) or _IRREGULAR_PARTICIPLES.fullmatch(name):
        return "participle"
    return "adjective" if _ADJECTIVES.fullmatch(name) else None


def _kind_of_module(name: str) -> str | None:
    if name in _NOUNS | _ROOTS:
        return None
    return "standard library" if name in sys.stdlib_module_names else _kind(name)


def _kind_of_class(name: str) -> str | None:
    """A class of several words may end in a participle, as most events do."""
    word = name.lstrip("_")
    return None if word.lower() in _CLASS_NOUNS or not re.fullmatch("[A-Z][a-z]+", word) else _kind(word.lower())


def _kind_of_fixture(name: str) -> str | None:
    """The last word names the value; a preposition may come first, as in `in_memory`."""
    words = name.split("_")
    if name in _FIXTURE_NOUNS or words[-1] in _NOUNS:
        return None
    return _kind(name) or _kind(words[-1]) or ("adverb or preposition" if _ADVERBS_AND_PREPOSITIONS.fullmatch(words[0]) else None)


def _classes() -> Iterator[tuple[str, str]]:
    """File and name of each class."""
    for source in (*production(), *written_tests()):
        yield from ((source.name, node.name) for node in ast.walk(source.tree) if isinstance(node, ast.ClassDef))


def _fixtures() -> Iterator[tuple[str, str]]:
    """File and name of each fixture of pytest."""
    for source in written_tests():
        yield from ((source.name, each.name) for each in source.functions() if any(map(_is_fixture, each.decorator_list)))


def _is_fixture(decorator: ast.expr) -> bool:
    return ast.unparse(decorator.func if isinstance(decorator, ast.Call) else decorator) == "pytest.fixture"


def test_module_name_is_a_noun_or_a_verb() -> None:
    found = [f"{path}: {kind}" for name, paths in _modules().items() if (kind := _kind_of_module(name)) for path in paths]

    assert sorted(found) == []


def test_class_name_of_one_word_is_a_noun() -> None:
    assert [f"{file}: {name}: {kind}" for file, name in _classes() if (kind := _kind_of_class(name))] == []


def test_fixture_name_is_a_noun() -> None:
    assert [f"{file}: {name}: {kind}" for file, name in _fixtures() if (kind := _kind_of_fixture(name))] == []


def test_each_listed_noun_is_a_name() -> None:
    assert (_NOUNS | _ROOTS) - set(_modules()) == set()
    assert (_CLASS_NOUNS - _NOUNS) - {name.lower() for _, name in _classes()} == set()
    assert _FIXTURE_NOUNS - {name for _, name in _fixtures()} == set()


def test_name_of_a_test_has_at_most_nine_words() -> None:
    found = [
        f"{source.name}: {function.name}"
        for source in written_tests()
        for function in source.functions()
        if function.name.startswith("test_") and len(function.name.split("_")) - 1 > _MOST_WORDS
    ]

    assert found == []
