"""docs/api-conventions.md: the prose of `pages/api-conventions.md`, the lists with their filters, and every error code."""

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from http import HTTPStatus
from pathlib import Path
from types import ModuleType

from infra.codegen.modules import modules_of
from infra.codegen.operations import Operation, Parameter, operations
from infra.contexts import CONTEXTS
from shared.kernel.errors import Conflict, DomainError, NotAllowed, NotFound, RuleBroken
from shared.web.problems import FRAMEWORK_PROBLEMS, status_of

FILE_NAME = Path("docs/api-conventions.md")
_PROSE = Path(__file__).parent / "pages" / "api-conventions.md"
_FAMILIES = (NotFound, NotAllowed, RuleBroken, Conflict)
_HEAD = "| code | status | raised by | meaning | advice |\n|---|---|---|---|---|\n"
#: Between the variants of a code, in a cell of the table.
_VARIANT = "<br>"
_PAGING = {"cursor", "limit"}
#: Functions whose second argument is a code; the first is the status, the third the detail, the fourth the advice.
_PROBLEM_CALLS = {"HttpProblem", "problem_response"}


@dataclass(frozen=True)
class ErrorCode:
    """A code of the catalogue. `source` is a context, or `shared` for a code that every context can return."""

    code: str
    status: int
    source: str
    meaning: str
    advice: str


def error_catalogue() -> Mapping[Path, str]:
    rows = "".join(f"| `{each.code}` | {each.status} | {each.source} | {each.meaning} | {each.advice} |\n" for each in error_codes())
    return {FILE_NAME: _PROSE.read_text() + _HEAD + rows + "\n" + _lists()}


def error_codes() -> Sequence[ErrorCode]:
    """Every code that a client can receive, by name; classes that share a code are one entry."""
    found: dict[str, ErrorCode] = {}
    for each in [*_domain_codes(), *_http_codes()]:
        found[each.code] = _merge(found[each.code], each) if each.code in found else each
    return [found[code] for code in sorted(found)]


def _merge(one: ErrorCode, other: ErrorCode) -> ErrorCode:
    def both(first: str, second: str, separator: str) -> str:
        return first if second in first else first + separator + second

    return replace(
        one,
        source=both(one.source, other.source, ", "),
        meaning=both(one.meaning, other.meaning, _VARIANT),
        advice=both(one.advice, other.advice, _VARIANT),
    )


def _domain_codes() -> Iterator[ErrorCode]:
    for package in ("shared", *(f"services.{context}" for context in CONTEXTS)):
        modules_of(package)
    for error in sorted(_subclasses(DomainError), key=lambda each: (each.__module__, each.__name__)):
        is_ours = error.__module__.startswith(("shared.", "services."))  # tests declare their own
        if is_ours and "code" in vars(error) and error not in _FAMILIES:
            yield ErrorCode(error.code, int(status_of(error)), _source(error.__module__), _first_sentence(error), error.advice)


def _http_codes() -> Iterator[ErrorCode]:
    for status, (code, detail, advice) in FRAMEWORK_PROBLEMS.items():
        yield ErrorCode(code, status, "shared", detail, advice)
    for package in ("shared.web", *(f"services.{context}.api" for context in CONTEXTS)):
        for module in modules_of(package):
            yield from _problems_of(module)


def _problems_of(module: ModuleType) -> Iterator[ErrorCode]:
    """The problems that a module builds from literals, also through a function of the module that takes code or detail."""
    functions = [node for node in ast.walk(_tree(module)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    for function in functions:
        for call in _calls(function, _PROBLEM_CALLS):
            for known in _environments(function, functions, module):
                values = [_text(argument, known, module) for argument in call.args[:4]]
                if len(values) == 4 and all(values):  # noqa: PLR2004  status, code, detail, advice
                    yield ErrorCode(values[1], int(values[0]), _source(module.__name__), values[2], values[3])


def _environments(
    function: ast.FunctionDef | ast.AsyncFunctionDef, functions: Sequence[ast.FunctionDef | ast.AsyncFunctionDef], module: ModuleType
) -> Iterator[Mapping[str, str]]:
    """The texts of the names in the function's body: once for each call of it in its module, and once without a call."""
    names = [argument.arg for argument in function.args.args]
    defaults = function.args.defaults
    fixed = dict(zip(names[len(names) - len(defaults) :], (_text(each, {}, module) for each in defaults), strict=True))
    fixed |= _assigned(function, module)
    calls = [(caller, call.args) for caller in functions for call in _calls(caller, {function.name})]
    for caller, arguments in calls or [(function, [])]:
        texts = [_text(argument, _assigned(caller, module), module) for argument in arguments]
        yield fixed | {name: value for name, value in zip(names, texts, strict=False) if value}


def _assigned(function: ast.FunctionDef | ast.AsyncFunctionDef, module: ModuleType) -> dict[str, str]:
    """Local names that hold a text."""
    found: dict[str, str] = {}
    for node in ast.walk(function):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            found[node.targets[0].id] = _text(node.value, {}, module)
    return {name: text for name, text in found.items() if text}


def _text(node: ast.expr, known: Mapping[str, str], module: ModuleType) -> str:
    """The text of a literal, a name or an f-string; empty when it is known only at run time."""
    match node:
        case ast.Constant(value=str() | int() as literal):
            return str(literal)
        case ast.Name(id=name):
            found = known.get(name) or getattr(module, name, "")
            return found if isinstance(found, str) else ""
        case ast.Attribute(value=ast.Name(id="HTTPStatus"), attr=name):
            return str(HTTPStatus[name].value)
        case ast.JoinedStr(values=parts):
            return "".join(_text(part, known, module) for part in parts)
        case ast.FormattedValue(value=formatted):
            return _text(formatted, known, module) or "…"
        case _:
            return ""


def _calls(function: ast.AST, names: set[str]) -> Iterator[ast.Call]:
    for node in ast.walk(function):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names:
            yield node


def _tree(module: ModuleType) -> ast.Module:
    return ast.parse(Path(str(module.__file__)).read_text())


def _subclasses(family: type[DomainError]) -> set[type[DomainError]]:
    own = set(family.__subclasses__())
    return own | {error for each in own for error in _subclasses(each)}


def _source(module: str) -> str:
    return module.split(".")[1] if module.startswith("services.") else "shared"


def _first_sentence(error: type[DomainError]) -> str:
    text = " ".join((vars(error).get("__doc__") or "").split())
    return text.split(". ")[0].rstrip(".") + "."


def _lists() -> str:
    head = "## Lists\n\n| operation | filters | pages |\n|---|---|---|\n"
    found = [each for each in operations() if each.method == "GET" and "limit" in {parameter.name for parameter in each.parameters}]
    return head + "".join(f"| `{each.address}` | {_filters(each)} | {_paging(each)} |\n" for each in found)


def _filters(operation: Operation) -> str:
    """Each filter on its line: `status` (required): `open`, `closed` (default)."""
    return _VARIANT.join(_filter(each) for each in operation.parameters if each.name not in _PAGING)


def _filter(parameter: Parameter) -> str:
    values = ", ".join(f"`{value}`" + (" (default)" if value == parameter.default else "") for value in parameter.values)
    return f"`{parameter.name}`" + (" (required)" if parameter.is_required else "") + (f": {values}" if values else "")


def _paging(operation: Operation) -> str:
    return ", ".join(f"`{each.name}`" for each in operation.parameters if each.name in _PAGING)
