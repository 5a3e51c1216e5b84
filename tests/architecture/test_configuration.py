"""docs/configuration.md lists every variable that the code or a deployment file reads, and every field of a policy."""

import ast
import re
from collections.abc import Iterator
from dataclasses import fields

import pytest

from infra.codegen.configuration import FILE_NAME
from infra.contexts import CONTEXTS, policy_of
from shared.deployment import ContextSettings, Deployment
from tests.architecture.care_commands import care_commands
from tests.architecture.sources import ROOT, production

PAGE = (ROOT / FILE_NAME).read_text()
_ROW = re.compile(r"^\| `([^`]+)` \| ([^|]*) \| ([^|]*) \| ([^|]*) \|$", re.MULTILINE)
_NAME = re.compile(r"\bCARE_[A-Z_]+\b")
_READERS = {"get", "getenv", "setdefault"}
#: Names that the code passes on to other programs.
_FOREIGN = {"PYTHONUNBUFFERED"}


def _texts() -> Iterator[str]:
    """Every text in the code; not the names of attributes, some of which look like variables."""
    for source in production():
        yield from (each.value for each in ast.walk(source.tree) if isinstance(each, ast.Constant) and isinstance(each.value, str))


def _read_from_environment() -> Iterator[str]:
    """The names that the code passes to `os.environ` and `os.getenv`."""
    for source in production():
        for each in ast.walk(source.tree):
            match each:
                case ast.Call(func=ast.Attribute(value=value, attr=attribute), args=[ast.Constant(value=str(name)), *_]):
                    if attribute in _READERS and ast.unparse(value) in {"os", "os.environ"}:
                        yield name
                case ast.Subscript(value=value, slice=ast.Constant(value=str(name))) if ast.unparse(value) == "os.environ":
                    yield name


def test_page_lists_every_care_variable_of_the_code() -> None:
    named = {name for text in _texts() for name in _NAME.findall(text)} - {"CARE_"}

    assert named
    assert sorted(name for name in named if f"`{name}`" not in PAGE) == []


def test_page_lists_every_variable_read_from_the_environment() -> None:
    assert sorted(name for name in _read_from_environment() if name not in _FOREIGN and f"`{name}`" not in PAGE) == []


def test_page_lists_every_care_variable_of_deployment_files() -> None:
    files = [ROOT / "Makefile", *(ROOT / "infra").rglob("*.yaml"), ROOT / "infra" / "Dockerfile"]
    named = {name for path in files for name in _NAME.findall(path.read_text())}

    assert named
    assert sorted(name for name in named if f"`{name}`" not in PAGE) == []


def test_every_listed_variable_has_readers_and_a_meaning() -> None:
    rows = _ROW.findall(PAGE)

    assert rows
    assert [name for name, default, readers, meaning in rows if not (default.strip() and readers.strip() and meaning.strip())] == []


def test_commands_in_reader_column_exist() -> None:

    assert {name for _, _, readers, _ in _ROW.findall(PAGE) for name in re.findall(r"care ([a-z-]+)", readers)} <= care_commands()


def test_settings_have_descriptions() -> None:
    described = {**Deployment.model_fields, **ContextSettings.model_fields}

    assert [name for name, field in described.items() if not field.description] == []


@pytest.mark.parametrize("context", CONTEXTS)
def test_page_lists_every_field_of_a_policy(context: str) -> None:
    section = PAGE.partition(f"## Policy of {context}\n")[2].partition("\n## ")[0]

    assert re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE) == [field.name for field in fields(policy_of(context))]


@pytest.mark.parametrize("context", CONTEXTS)
def test_every_field_of_a_policy_has_a_meaning(context: str) -> None:
    section = PAGE.partition(f"## Policy of {context}\n")[2].partition("\n## ")[0]

    assert re.findall(r"^\| `(\w+)` \| .* \|  \|$", section, re.MULTILINE) == []


@pytest.mark.parametrize("context", CONTEXTS)
def test_meaning_and_permitted_values_of_a_field_are_stated(context: str) -> None:
    section = PAGE.partition(f"## Policy of {context}\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `(\w+)` \| `.*` \| ([^|]*) \| ([^|]*) \|$", section, re.MULTILINE)

    assert [name for name, *_ in rows] == [field.name for field in fields(policy_of(context))]
    assert [name for name, permitted, _ in rows if not permitted.strip()] == []
    assert len({meaning for *_, meaning in rows}) == len(rows)
    assert "as above" not in section
