"""Where a source file reads a private attribute of aiokafka or faust."""

import ast
import re
from collections.abc import Iterator

from tests.architecture.sources import Source

_LIBRARIES = {"aiokafka", "faust"}
#: The last word of a name of their objects.
_OBJECT = re.compile(r"\w*(consumer|producer|client|coordinator|fetcher|subscription|thread|admin)", re.IGNORECASE)
_PRIVATE = re.compile(r"_[^\W_]\w*")


def kafka_internals(source: Source) -> Iterator[tuple[int, str]]:
    """Yields the line and the name of each. An object is recognised by its name, its annotation or the call that creates it."""
    imported = {name for node in ast.walk(source.tree) for name in _imported(node)}
    known = imported | {name for node in ast.walk(source.tree) for name in _bound(node, imported)}
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Attribute) and _PRIVATE.fullmatch(node.attr) and _is_of_library(node.value, known):
            yield node.lineno, node.attr


def _imported(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Import(names=names):
            yield from (each.asname or _root(each.name) for each in names if _root(each.name) in _LIBRARIES)
        case ast.ImportFrom(module=str(module), names=names) if _root(module) in _LIBRARIES:
            yield from (each.asname or each.name for each in names)


def _bound(node: ast.AST, imported: set[str]) -> Iterator[str]:
    """The names that an argument, an assignment or a `with` binds to an object of an imported class."""
    match node:
        case ast.arg(arg=name, annotation=ast.expr() as kind) if imported & _names(kind):
            yield name
        case ast.AnnAssign(target=target, annotation=kind) if imported & _names(kind):
            yield ast.unparse(target)
        case ast.Assign(targets=targets, value=ast.Call(func=creator)) if imported & _names(creator):
            yield from map(ast.unparse, targets)
        case ast.withitem(context_expr=ast.Call(func=creator), optional_vars=ast.expr() as target) if imported & _names(creator):
            yield ast.unparse(target)


def _is_of_library(value: ast.expr, known: set[str]) -> bool:
    text = ast.unparse(value.func if isinstance(value, ast.Call) else value)
    return bool({text, _root(text)} & known) or _OBJECT.fullmatch(text.rpartition(".")[2]) is not None


def _names(expression: ast.expr) -> set[str]:
    """The words of an expression, also of an annotation in quotation marks."""
    return set(re.findall(r"\w+", ast.unparse(expression)))


def _root(name: str) -> str:
    return name.partition(".")[0]
