"""docs/dpia.md: the prose of `pages/dpia.md`, and the inventory of every stored and every published field.

A field without an entry in `pages/data-inventory.yaml` is an error: new data needs a purpose before it is stored.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel

from infra.codegen.data_model import tables
from infra.contexts import CONTEXTS
from shared.contracts.registry import registry

FILE_NAME = Path("docs/dpia.md")
_PAGES = Path(__file__).parent / "pages"
_KIND = """
### {title}

Purpose: {purpose}<br>Basis: {basis}.<br>Who reads it: {readers}.<br>Kept: {retention}.{words}

| field | stored in | published in |
|---|---|---|
"""
_RESTRICTED = "<br>Restricted: names, numbers and words of a person may stand here, and in no other kind."


class FieldWithoutPurpose(Exception):
    """The inventory has no entry for a column or a field of a contract."""


def data_inventory() -> Mapping[Path, str]:
    """Raises FieldWithoutPurpose."""
    stored, published = _by_kind(columns()), _by_kind(fields())
    sections = "".join(_section(kind, stored.get(kind, {}), published.get(kind, {})) for kind in _inventory()["kinds"])
    return {FILE_NAME: (_PAGES / "dpia.md").read_text() + sections}


def columns() -> Iterator[tuple[str, str, str]]:
    """Context, table and column of everything that PostgreSQL stores."""
    return ((context, table.name, column.name) for context in CONTEXTS for table in tables(context) for column in table.columns)


def fields() -> Iterator[tuple[str, str, str]]:
    """Topic, class and field of everything that Kafka carries, parts of events included."""
    return ((event.TOPIC, model.__name__, name) for event in registry().values() for model in _models(event) for name in model.model_fields)


def restricted_columns() -> set[str]:
    """The columns that may have names, numbers and words of a person, as `<context>.<table>.<column>`."""
    kinds = {name for name, kind in _inventory()["kinds"].items() if kind.get("restricted")}
    return {f"{context}.{table}.{column}" for context, table, column in columns() if kind_of(table, column) in kinds}


def kind_of(owner: str, name: str) -> str:
    """The kind of a column of a table, or of a field of a class. Raises FieldWithoutPurpose."""
    inventory = _inventory()
    if place := inventory["places"].get(f"{owner}.{name}"):
        return str(place)
    whole = next((kind for kind, names in inventory["tables"].items() if owner in names), None)
    found = whole or _kinds_by_name().get(name)
    if found is None:
        raise FieldWithoutPurpose(f"{owner}.{name} has no entry in {(_PAGES / 'data-inventory.yaml').name}: say what it is for.")
    return found


@cache
def _inventory() -> Mapping[str, Any]:
    inventory: Mapping[str, Any] = yaml.safe_load((_PAGES / "data-inventory.yaml").read_text())
    return inventory


@cache
def _kinds_by_name() -> Mapping[str, str]:
    return {name: kind for kind, entry in _inventory()["kinds"].items() for line in entry["fields"] for name in line}


def _by_kind(found: Iterator[tuple[str, str, str]]) -> Mapping[str, Mapping[str, set[str]]]:
    """The places of each name, by kind."""
    kinds: dict[str, dict[str, set[str]]] = {}
    for place, owner, name in found:
        where = place if place not in CONTEXTS else f"{place}.{owner}"
        kinds.setdefault(kind_of(owner, name), {}).setdefault(name, set()).add(where)
    return kinds


def _section(kind: str, stored: Mapping[str, set[str]], published: Mapping[str, set[str]]) -> str:
    entry = _inventory()["kinds"][kind]
    retention = _inventory()["retention"][entry["retention"]]
    words = _RESTRICTED if entry.get("restricted") else ""
    rows = (
        f"| `{name}` | {_places(stored.get(name, ()))} | {_places(published.get(name, ()))} |\n" for name in sorted({*stored, *published})
    )
    prose = {name: entry[name].rstrip(".") if name == "basis" else entry[name] for name in ("title", "purpose", "basis", "readers")}
    return _KIND.format(**prose, retention=retention, words=words) + "".join(rows)


def _places(found: Sequence[str] | set[str]) -> str:
    return ", ".join(f"`{each}`" for each in sorted(found))


def _models(model: type[BaseModel]) -> set[type[BaseModel]]:
    """The class and those of its parts."""
    found, waiting = set[type[BaseModel]](), [model]
    while waiting:
        each = waiting.pop()
        if each not in found:
            found.add(each)
            waiting += [part for field in each.model_fields.values() for part in _parts(field.annotation)]
    return found


def _parts(hint: Any) -> Iterator[type[BaseModel]]:
    if isinstance(hint, type) and issubclass(hint, BaseModel):
        yield hint
    for inner in get_args(hint):
        yield from _parts(inner)
