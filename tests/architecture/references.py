"""What a definition of the services refers to, directly and through other definitions, read from the syntax trees."""

import ast
from collections.abc import Iterator, Mapping
from functools import cache
from typing import NamedTuple

from tests.architecture.sources import ROOT


class Definition(NamedTuple):
    """A name at the top level of a module of the services."""

    module: str
    name: str


@cache
def reached_from(start: Definition) -> frozenset[Definition]:
    """The definition, and every one that it needs to run."""
    seen, waiting = set[Definition](), [start]
    while waiting:
        if (each := waiting.pop()) not in seen:
            seen.add(each)
            waiting.extend(_referred(each))
    return frozenset(seen)


def _referred(definition: Definition) -> Iterator[Definition]:
    own, imported = _definitions(definition.module), _imports(definition.module)
    if definition.name not in own and isinstance(passed_on := imported.get(definition.name), Definition):
        yield passed_on
    for node in (each for part in own.get(definition.name, ()) for each in ast.walk(part)):
        if isinstance(node, ast.Name) and node.id in own:
            yield Definition(definition.module, node.id)
        elif isinstance(node, ast.Name) and isinstance(found := imported.get(node.id), Definition):
            yield found
        elif (
            isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and isinstance(module := imported.get(node.value.id), str)
        ):
            yield Definition(module, node.attr)


@cache
def _definitions(module: str) -> Mapping[str, list[ast.stmt]]:
    found: dict[str, list[ast.stmt]] = {}
    for statement in _tree(module).body:
        for name in _defined(statement):
            found.setdefault(name, []).append(statement)
    return found


def _defined(statement: ast.stmt) -> Iterator[str]:
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield statement.name
    elif isinstance(statement, ast.Assign | ast.AnnAssign):
        targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        yield from (node.id for target in targets for node in ast.walk(target) if isinstance(node, ast.Name))


@cache
def _imports(module: str) -> Mapping[str, Definition | str]:
    """What the names that a module of the services imports from another one mean: a definition, or a module."""
    found: dict[str, Definition | str] = {}
    for node in _tree(module).body:
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("services."):
            for each in node.names:
                inner = f"{node.module}.{each.name}"
                found[each.asname or each.name] = inner if _is_module(inner) else Definition(str(node.module), each.name)
    return found


def _is_module(name: str) -> bool:
    path = ROOT / name.replace(".", "/")
    return path.with_suffix(".py").exists() or (path / "__init__.py").exists()


@cache
def _tree(module: str) -> ast.Module:
    path = ROOT / module.replace(".", "/")
    return ast.parse((path.with_suffix(".py") if path.with_suffix(".py").exists() else path / "__init__.py").read_text())
