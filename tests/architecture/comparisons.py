"""Comparisons with members of an enumeration, in Python and in SQL, and groups of members. They treat a new member like those they omit."""

import ast
import re
from collections.abc import Container, Iterator
from functools import cache

from tests.architecture.enumerations import Enumeration, enumerations, is_check, module_of, names_a_member, users
from tests.architecture.sources import Source, sources

_LITERALS = (ast.Tuple, ast.List, ast.Set)
#: A quoted text after an operator, a parenthesis or a comma: `status = 'closed'`, `status IN ('closed', 'merged')`.
_QUOTED = re.compile(r"(?:=|<>|[(\[,])\s*'([^']*)'")
#: `Status.X.value`, or `sa.literal_column(f"'{Status.X}'")`.
_VALUE_IN_SQL = re.compile(r"(?:\w+\.|sa\.literal_column\(.*\{)?(?P<enumeration>Status|Route)\.\w+(?:\.value|\}.*\))")
#: The columns that a statement may compare with one member.
_COLUMNS = {"Status": (".status", ".asked_in"), "Route": (".route",)}
#: Conditions with several values.
_SELECTIONS = ("in_", "not_in", "is_one_of")


def unsound_comparisons(watched: Container[str]) -> list[str]:
    """Comparisons with members of the enumerations with these names, except two forms.

    - `<aggregate>.status is Status.X`: the module of each `Status` refuses a new member.
    - `event.route is Route.X`: a receiver compares the route of an event with its own; a new route is another receiver's.

    In SQL both forms are comparisons of a column with `Status.X.value` or `sa.literal_column`. SQL never lists members itself.
    """
    return [
        f"{source.name}:{node.lineno}: {ast.unparse(node)}"
        for source, names in _users_of(watched)
        for node in ast.walk(source.tree)
        if isinstance(node, ast.expr) and _is_unsound(node, names)
    ]


def quoted_members() -> list[str]:
    """Members that a service names by their value: in SQL, quoted after an operator, a parenthesis or a comma, or in a comparison."""
    return [
        f"{source.name}:{node.lineno}: {text}"
        for source in sources("services")
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Constant | ast.Compare)
        for text in _texts(node)
        if text in _values(source)
    ]


def unchecked_groups(watched: Container[str]) -> list[str]:
    """Constants with several members that code outside the state tables reads, and that no `total` of their module contains."""
    return [
        f"{source.name}: {group}"
        for source, names in _users_of(watched)
        for group in sorted(_groups(source, names) - _checked(source))
        if not group.startswith("_") or _is_read_outside_tables(source, group)
    ]


def _is_unsound(node: ast.expr, names: dict[str, Enumeration]) -> bool:
    if isinstance(node, ast.Compare):
        return _names_any(_compared(node), names) and not _is_sound(node)
    return _lists(node, names)


def _compared(node: ast.Compare) -> list[ast.expr]:
    """The operands, with the elements of literals: `x in (Urgency.URGENT, Urgency.ROUTINE)`. The left of `in` names no choice."""
    if all(isinstance(operator, ast.In | ast.NotIn) for operator in node.ops):
        return [part for operand in node.comparators for part in ast.walk(operand) if isinstance(part, ast.expr)]
    return [part for operand in (node.left, *node.comparators) for part in _operand(operand)]


def _operand(node: ast.expr) -> list[ast.expr]:
    """The operand; for `sa.literal_column(f"'{Status.X}'")` the member in it."""
    if isinstance(node, ast.Call) and ast.unparse(node.func) == "sa.literal_column":
        return [part.value for part in ast.walk(node) if isinstance(part, ast.FormattedValue)]
    return [node]


def _lists(node: ast.expr, names: dict[str, Enumeration]) -> bool:
    """`column.in_((Status.X, Status.Y))`, or a text with several members."""
    if isinstance(node, ast.Call) and ast.unparse(node.func).rsplit(".", 1)[-1] in _SELECTIONS:
        return any(_names_any(part.elts, names) for part in ast.walk(node) if isinstance(part, _LITERALS))
    return isinstance(node, ast.JoinedStr) and sum(_names_any([part.value], names) for part in _formatted(node)) > 1


def _formatted(node: ast.JoinedStr) -> list[ast.FormattedValue]:
    return [part for part in node.values if isinstance(part, ast.FormattedValue)]


def _texts(node: ast.Constant | ast.Compare) -> list[str]:
    if isinstance(node, ast.Compare):
        return [part.value for part in ast.walk(node) if isinstance(part, ast.Constant) and isinstance(part.value, str)]
    return _QUOTED.findall(node.value) if isinstance(node.value, str) else []


@cache
def _values(source: Source) -> frozenset[str]:
    """The values of members of the shared enumerations and those of the context."""
    context = ".".join(module_of(source).split(".")[:2])
    return frozenset(text for each in enumerations().values() if each.module.startswith((context, "shared.")) for text in each.texts)


def _users_of(watched: Container[str]) -> Iterator[tuple[Source, dict[str, Enumeration]]]:
    """The modules, each with its names of the watched enumerations."""
    for source, names in users():
        yield source, {name: each for name, each in names.items() if each.name in watched}


def _names_any(nodes: list[ast.expr], names: dict[str, Enumeration]) -> bool:
    """Whether one of the nodes is `Status.X` or `Status.X.value`."""
    return any(names_a_member(node.value if isinstance(node, ast.Attribute) and node.attr == "value" else node, names) for node in nodes)


def _is_sound(node: ast.Compare) -> bool:
    left, right = ast.unparse(node.left), ast.unparse(node.comparators[0])
    if all(isinstance(operator, ast.Is | ast.IsNot) for operator in node.ops):
        return (left.endswith(".status") and right.startswith("Status.")) or (left == "event.route" and right.startswith("Route."))
    value = _VALUE_IN_SQL.fullmatch(right)
    is_equality = all(isinstance(operator, ast.Eq | ast.NotEq) for operator in node.ops)
    return is_equality and value is not None and left.endswith(_COLUMNS[value["enumeration"]])


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
