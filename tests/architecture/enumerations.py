"""The enumerations of the product, the mappings and matches over their members, and copies with one more member."""

import ast
import importlib
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from enum import Enum
from functools import cache
from typing import TypeGuard

from shared.kernel.totality import IncompleteMapping
from tests.architecture.sources import Source, production
from tests.architecture.widened_source import classes, widened

#: Functions that refuse an incomplete mapping while its module loads.
_CHECKS = ("total", "state_table")


@dataclass(frozen=True)
class Enumeration:
    """`texts` are the values that are strings."""

    module: str
    name: str
    members: frozenset[str]
    texts: frozenset[str]

    @property
    def path(self) -> str:
        return f"{self.module}.{self.name}"


@dataclass(frozen=True, order=True)
class Usage:
    """A mapping over an enumeration, or a `match` of its members."""

    enumeration: str
    module: str
    line: int


@cache
def enumerations() -> dict[str, Enumeration]:
    """By path, for example `shared.contracts.codes.Urgency`."""
    found = [
        Enumeration(module_of(source), node.name, _members(node), _texts(node)) for source in production() for node in classes(source.tree)
    ]
    return {each.path: each for each in found}


@cache
def mappings() -> list[Usage]:
    """Every enumeration that a statement of a module checks by `total` or `state_table`."""
    return sorted(
        Usage(names[argument].path, module_of(source), statement.lineno)
        for source, names in users()
        for statement in source.tree.body
        for call in ast.walk(statement)
        if is_check(call)
        for argument in map(ast.unparse, call.args)
        if argument in names
    )


@cache
def matches() -> list[Usage]:
    """Every enumeration whose members are the cases of a `match`."""
    return sorted(
        Usage(names[case].path, module_of(source), node.lineno)
        for source, names in users()
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Match)
        for case in _cases(node)
        if case in names
    )


def incomplete_when_widened() -> list[Usage]:
    """Runs the statement of each mapping with an enumeration that has one more member; returns those that raise IncompleteMapping."""
    return [usage for usage in mappings() if _is_refused(usage)]


def unchecked_mappings() -> list[str]:
    """Mappings with members as keys that are no argument of `total` or `state_table`."""
    return [f"{source.name}:{node.lineno}" for source, names in users() for node in _unchecked(source, names)]


def module_of(source: Source) -> str:
    return source.name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def _is_refused(usage: Usage) -> bool:
    source = next(each for each in production() if module_of(each) == usage.module)
    names = {name for name, each in _names(source).items() if each.path == usage.enumeration}
    statement = next(each for each in source.tree.body if each.lineno == usage.line)
    changed = ast.Module([deepcopy(statement)], [])
    _ClassReplacement(names).visit(changed)
    variables = {**vars(importlib.import_module(usage.module)), "_WIDENED": _widened_class(enumerations()[usage.enumeration])}
    try:
        exec(compile(ast.fix_missing_locations(changed), usage.module, "exec"), variables)  # noqa: S102  the statement of the module
    except IncompleteMapping as error:
        return "ADDED" in str(error)
    return False


class _ClassReplacement(ast.NodeTransformer):
    """Puts the widened class in place of the enumeration."""

    def __init__(self, names: set[str]) -> None:
        self._names = names

    def visit(self, node: ast.AST) -> ast.AST:
        if isinstance(node, ast.Name | ast.Attribute) and ast.unparse(node) in self._names:
            return ast.Name("_WIDENED", ast.Load())
        return super().generic_visit(node)


def _widened_class(enumeration: Enumeration) -> type[Enum]:
    source = next(each for each in production() if module_of(each) == enumeration.module)
    tree = ast.parse(widened(source.text, enumeration.name))
    node = next(each for each in classes(tree) if each.name == enumeration.name)
    variables = dict(vars(importlib.import_module(enumeration.module)))
    exec(compile(ast.Module([node], []), enumeration.module, "exec"), variables)  # noqa: S102  the class of the module
    added: type[Enum] = variables[enumeration.name]
    return added


@cache
def users() -> list[tuple[Source, dict[str, Enumeration]]]:
    """The modules that name enumerations, with these names."""
    return [(source, names) for source in production() if (names := _names(source))]


@cache
def _names(source: Source) -> dict[str, Enumeration]:
    """The expressions by which a module names enumerations: `Urgency`, or `tasks.TaskDeadline`."""
    known = enumerations()
    names = {each.name: each for each in known.values() if each.module == module_of(source)}
    for node in ast.walk(source.tree):
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                path, local = f"{node.module}.{alias.name}", alias.asname or alias.name
                names |= {local: known[path]} if path in known else {}
                names |= {f"{local}.{each.name}": each for each in known.values() if each.module == path}
    return names


def _unchecked(source: Source, names: dict[str, Enumeration]) -> Iterator[ast.Dict]:
    nodes = list(ast.walk(source.tree))
    checked = {part for call in nodes if is_check(call) for part in ast.walk(call)}
    for node in nodes:
        if isinstance(node, ast.Dict) and node not in checked and any(names_a_member(key, names) for key in node.keys):
            yield node


def names_a_member(key: ast.expr | None, names: dict[str, Enumeration]) -> bool:
    if not isinstance(key, ast.Attribute):
        return False
    enumeration = names.get(ast.unparse(key.value))
    return enumeration is not None and key.attr in enumeration.members


def _members(node: ast.ClassDef) -> frozenset[str]:
    targets = [target for each in node.body if isinstance(each, ast.Assign) for target in each.targets]
    return frozenset(target.id for target in targets if isinstance(target, ast.Name))


def _texts(node: ast.ClassDef) -> frozenset[str]:
    values = [each.value.value for each in node.body if isinstance(each, ast.Assign) and isinstance(each.value, ast.Constant)]
    return frozenset(value for value in values if isinstance(value, str))


def is_check(node: ast.AST) -> TypeGuard[ast.Call]:
    return isinstance(node, ast.Call) and ast.unparse(node.func) in _CHECKS


def _cases(node: ast.Match) -> set[str]:
    """The classes of which the first case of a `match` names attributes."""
    values = [each.value for each in ast.walk(node.cases[0]) if isinstance(each, ast.MatchValue)]
    return {ast.unparse(value.value) for value in values if isinstance(value, ast.Attribute)}
