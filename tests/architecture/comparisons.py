"""Comparisons with one member of an enumeration, and groups of members. Both treat a new member like the members that they omit."""

import ast
from collections.abc import Container, Iterator

from tests.architecture.enumerations import Enumeration, is_check, names_a_member, users
from tests.architecture.sources import Source

_LITERALS = (ast.Tuple, ast.List, ast.Set)


def unsound_comparisons(watched: Container[str]) -> list[str]:
    """Comparisons with members of the enumerations with these names, except two forms.

    - `<aggregate>.status is Status.X`: the module of each `Status` refuses a new member.
    - `event.route is Route.X`: a receiver compares the route of an event with its own; a new route is another receiver's.
    """
    return [
        f"{source.name}:{node.lineno}: {ast.unparse(node)}"
        for source, names in _users_of(watched)
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Compare) and _names_any(_compared(node), names) and not _is_sound(node)
    ]


def unchecked_groups(watched: Container[str]) -> list[str]:
    """Constants with several members that code outside the state tables reads, and that no `total` of their module contains."""
    return [
        f"{source.name}: {group}"
        for source, names in _users_of(watched)
        for group in sorted(_groups(source, names) - _checked(source))
        if not group.startswith("_") or _is_read_outside_tables(source, group)
    ]


def _compared(node: ast.Compare) -> list[ast.expr]:
    """The operands, with the elements of literals: `x in (Urgency.URGENT, Urgency.ROUTINE)`. The left of `in` names no choice."""
    if all(isinstance(operator, ast.In | ast.NotIn) for operator in node.ops):
        return [part for operand in node.comparators for part in ast.walk(operand) if isinstance(part, ast.expr)]
    return [node.left, *node.comparators]


def _users_of(watched: Container[str]) -> Iterator[tuple[Source, dict[str, Enumeration]]]:
    """The modules, each with its names of the watched enumerations."""
    for source, names in users():
        yield source, {name: each for name, each in names.items() if each.name in watched}


def _names_any(nodes: list[ast.expr], names: dict[str, Enumeration]) -> bool:
    return any(names_a_member(node, names) for node in nodes)


def _is_sound(node: ast.Compare) -> bool:
    if not all(isinstance(operator, ast.Is | ast.IsNot) for operator in node.ops):
        return False
    left, right = ast.unparse(node.left), ast.unparse(node.comparators[0])
    return (left.endswith(".status") and right.startswith("Status.")) or (left == "event.route" and right.startswith("Route."))


def _groups(source: Source, names: dict[str, Enumeration]) -> set[str]:
    return {
        name
        for name, value in _constants(source)
        if any(_names_any(part.elts, names) for part in ast.walk(value) if isinstance(part, _LITERALS))
        and not any(isinstance(part, ast.Call) and _is_table(part) for part in ast.walk(value))
    }


def _checked(source: Source) -> set[str]:
    """The constants in arguments of `total`, and those of which these consist."""
    constants = dict(_constants(source))
    found: set[str] = set()
    open_names = {name for statement in source.tree.body for call in ast.walk(statement) if is_check(call) for name in _loads(call)}
    while open_names:
        name = open_names.pop()
        found.add(name)
        open_names |= set(_loads(constants[name])) - found if name in constants else set()
    return found


def _is_read_outside_tables(source: Source, group: str) -> bool:
    inside = {node for call in ast.walk(source.tree) if isinstance(call, ast.Call) and _is_table(call) for node in ast.walk(call)}
    return any(
        isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id == group and node not in inside
        for node in ast.walk(source.tree)
    )


def _constants(source: Source) -> Iterator[tuple[str, ast.expr]]:
    for statement in source.tree.body:
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            yield statement.targets[0].id, statement.value
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name) and statement.value is not None:
            yield statement.target.id, statement.value


def _is_table(call: ast.Call) -> bool:
    """A row of a state table, or a mapping that refuses a new member."""
    return is_check(call) or ast.unparse(call.func) == "transition"


def _loads(node: ast.AST) -> Iterator[str]:
    return (each.id for each in ast.walk(node) if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Load))
