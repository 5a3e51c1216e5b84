"""Rules of the code that no linter checks."""

import ast
import importlib
import inspect
import re
from collections import Counter
from collections.abc import Iterator
from importlib import metadata
from types import ModuleType

import pytest

from infra.codegen.modules import modules_of
from infra.codegen.states import scopes
from infra.contexts import subscriptions_of
from infra.state_tables import tables
from shared.kernel.errors import DomainError
from shared.kernel.state_table import name_of
from tests.architecture.kafka_internals import kafka_internals
from tests.architecture.sources import CONTEXTS, ROOT, Source, production, sources, written_tests

MOST_LINES, MOST_TEST_LINES, MOST_FUNCTION_LINES = 400, 600, 50
#: Attributes that bypass the transaction, with a pattern of the files that may use them.
_STORE, _PERSISTENCE = r"services/\w+/store/", r"shared/persistence/"
_RELAY = r"shared/messaging/outbound/relay\.py"  # its advisory lock and the outbox
_GUARDED = {
    "commit": rf"{_PERSISTENCE}|shared/messaging/inbound/",  # of Kafka offsets
    "rollback": _PERSISTENCE,
    "asyncpg.connect": _PERSISTENCE,
    "asyncpg.create_pool": _PERSISTENCE,
    "pool": f"{_PERSISTENCE}|{_RELAY}",
    "acquire": f"{_PERSISTENCE}|{_RELAY}",
    "driver": rf"{_PERSISTENCE}|shared/\w+/health\.py",  # health probes the connection
    "connection": rf"{_PERSISTENCE}|{_STORE}|services/\w+/queries/|shared/\w+/health\.py",  # health probes the connection
    "execute": f"{_PERSISTENCE}|{_STORE}|{_RELAY}",
}

_KAFKA_CLIENT, _TEST_OF_KAFKA_CLIENT = "shared/messaging/kafka_client.py", "tests/unit/shared/messaging/test_kafka_client.py"

#: A save of these must update the caseloads that a batch caches (docs/performance.md).
_CASELOAD_SAVES = {"tasks.save": "services/navigation/handlers/allocation.py", "navigators.save": "services/navigation/store/navigator.py"}


def test_only_caseload_modules_save_tasks_and_navigators() -> None:
    found = {
        (call, source.name) for source in production() for call in _CASELOAD_SAVES if re.search(rf"\b{re.escape(call)}\(", source.text)
    }
    assert found == set(_CASELOAD_SAVES.items())


def test_database_access_uses_the_transaction() -> None:
    inside = [source for source in production() if source.name.startswith(("services/", "shared/"))]
    found = [f"{source.name}: .{name}" for source in inside for name in _guarded_uses(source) if not re.match(_GUARDED[name], source.name)]

    assert found == []


def test_only_the_database_module_begins_transactions() -> None:
    """A context begins a transaction at its unit of work or its database, never on a connection."""
    inside = [source for source in production() if source.name.startswith(("services/", "shared/"))]
    found = {source.name for source in inside if re.search(r"connection\.transaction\(", source.text)}

    assert found == {"shared/persistence/database.py"}


def test_no_condition_compares_with_a_volatile_time() -> None:
    """PostgreSQL uses no index for `clock_timestamp()`, which changes within a statement; `now()` does not."""
    condition = re.compile(r"[<>]=? *clock_timestamp\(\)|clock_timestamp\(\)[^,]* [<>]=? ")
    found = [source.name for source in (*production(), *sources("tests/bench")) if condition.search(source.text)]

    assert found == []


def test_no_file_exceeds_its_line_limit() -> None:
    long = [source.name for source in production() if len(source.text.splitlines()) > MOST_LINES]
    long += [source.name for source in written_tests() if len(source.text.splitlines()) > MOST_TEST_LINES]

    assert long == []


def test_no_function_exceeds_fifty_lines() -> None:
    code = [source for source in production() if "migrations" not in source.name]  # a migration is a list of statements
    long = [f"{source.name}:{each.name}" for source in code for each in source.functions() if _lines(each) > MOST_FUNCTION_LINES]

    assert long == []


def test_every_function_is_annotated() -> None:
    bare = [f"{source.name}:{each.name}" for source in production() for each in source.functions() if each.returns is None]

    assert bare == []


@pytest.mark.parametrize("context", CONTEXTS)
def test_every_handler_is_subscribed_or_called(context: str) -> None:
    wired = {handler.__name__ for handlers in subscriptions_of(context).on_event.values() for handler in handlers}
    wired |= {handler.__name__ for handler in subscriptions_of(context).on_deadline.values()}
    elsewhere = "\n".join(source.text for source in production() if source.name.startswith((f"services/{context}/", "infra/")))

    idle = [name for name in _handlers(context) if name not in wired and len(re.findall(rf"\b{name}\b", elsewhere)) < 2]

    assert idle == []


@pytest.mark.parametrize("context", CONTEXTS)
def test_every_deadline_of_a_state_table_has_a_handler(context: str) -> None:
    deadlines = {str(trigger) for table in tables(context).values() for trigger in table if type(trigger).__name__.endswith("Deadline")}

    assert deadlines
    assert deadlines <= {str(kind) for kind in subscriptions_of(context).on_deadline}


@pytest.mark.parametrize("context", CONTEXTS)
def test_every_command_of_a_state_table_has_a_route(context: str) -> None:
    commands = {name_of(trigger) for table in tables(context).values() for trigger in table if isinstance(trigger, type)}

    assert commands <= set(scopes(context))


@pytest.mark.parametrize("context", CONTEXTS)
def test_every_context_has_the_same_modules(context: str) -> None:
    directory = ROOT / "services" / context
    packages = {path.parent.name for path in directory.glob("*/__init__.py")}
    modules = {path.stem for path in directory.glob("*.py")} - {"__init__"}

    assert packages == {"api", "domain", "handlers", "queries", "store"}
    assert modules == {"commands", "main", "settings", "subscriptions", "worker"}


def test_each_code_belongs_to_one_refusal() -> None:
    """Several classes may share a code when their base class, which decides the status, and their advice are equal."""
    seen = {(error.code, error.__bases__, error.advice) for error in _refusals()}
    codes = [code for code, *_ in seen] + sorted(_codes_of_http())

    assert sorted(code for code, times in Counter(codes).items() if times > 1) == []


def test_every_refusal_is_asserted_by_a_test() -> None:
    """By its code or its class, outside docstrings and comments."""
    named = {word for source in written_tests() for word in _words(source)}
    unnamed = [error.code for error in _refusals() if not {error.code, error.__name__} & named]

    assert unnamed + sorted(_codes_of_http() - named) == []


def test_every_refusal_has_advice() -> None:
    assert [error.code for error in _refusals() if not error.advice.endswith(".")] == []


@pytest.mark.parametrize("package", ["services", "shared", "infra"])
def test_package_comes_from_this_checkout(package: str) -> None:
    module = importlib.import_module(package)

    assert str(module.__file__).startswith(str(ROOT))
    assert set(metadata.packages_distributions().get(package, ["care-coordination"])) == {"care-coordination"}


def test_no_test_uses_mocks() -> None:
    mocked = [
        source.name
        for source in written_tests()
        if re.search(r"\b(Magic|Async)?Mock\(|mocker\.|monkeypatch\.setattr\(|\bpatch\(", source.text)
    ]

    assert [name for name in mocked if name != "tests/architecture/test_house.py"] == []


def test_one_module_knows_the_internals_of_the_kafka_client() -> None:
    """No other file reads a private name that this module reads, or any private name of an object of aiokafka or faust."""
    (module,) = (source for source in production() if source.name == _KAFKA_CLIENT)
    private = {name for _, name in _foreign_private(module)}
    others = [source for source in (*production(), *written_tests()) if source.name not in {_KAFKA_CLIENT, _TEST_OF_KAFKA_CLIENT}]
    found = {(source.name, *each) for source in others for each in _foreign_private(source) if each[1] in private}
    found |= {(source.name, *each) for source in others for each in kafka_internals(source)}

    assert {"_getmany", "_new_consumer", "_thread"} <= private
    assert {"_getmany", "_thread"} <= {name for _, name in kafka_internals(module)}
    assert [f"{file}:{line}: {name}" for file, line, name in sorted(found)] == []


def test_no_test_is_skipped() -> None:
    off = [
        source.name
        for source in written_tests()
        if re.search(r"mark\.(skip|skipif|xfail)\b|pytest\.(skip|xfail|importorskip)\(|@(unittest\.)?skip", source.text)
    ]

    assert [name for name in off if name != "tests/architecture/test_house.py"] == []


def test_production_code_has_no_open_marks() -> None:
    marks = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b|NotImplementedError")

    assert [source.name for source in production() if marks.search(source.text)] == []


def _foreign_private(source: Source) -> Iterator[tuple[int, str]]:
    """The line and the name of each private attribute of another object than `self`, also of `super()`."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Attribute) and re.match("_[a-z]", node.attr) and ast.unparse(node.value) != "self":
            yield node.lineno, node.attr


def _words(source: Source) -> Iterator[str]:
    """Every name and string of a test file; a docstring counts as one whole string."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
        elif isinstance(node, ast.Name | ast.Attribute):
            yield node.id if isinstance(node, ast.Name) else node.attr


def _codes_of_http() -> set[str]:
    """The codes of refusals that are about HTTP: second arguments of HttpProblem and problem_response."""
    calls = [node for source in production() for node in ast.walk(source.tree) if isinstance(node, ast.Call)]
    named = [call for call in calls if isinstance(call.func, ast.Name) and call.func.id in {"HttpProblem", "problem_response"}]
    return {str(each.value) for call in named for each in call.args[1:2] if isinstance(each, ast.Constant)}


def _guarded_uses(source: Source) -> list[str]:
    """The guarded attributes that a file uses, on any object or by their dotted name."""
    touched = [node for node in ast.walk(source.tree) if isinstance(node, ast.Attribute)]
    return [name for node in touched for name in (node.attr, ast.unparse(node)) if name in _GUARDED]


def _lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return (function.end_lineno or function.lineno) - function.lineno + 1


def _handlers(context: str) -> list[str]:
    """Public coroutine functions of the context's handlers."""
    modules = modules_of(f"services.{context}.handlers")
    found = {name for module in modules for name, value in vars(module).items() if _is_own_coroutine(value, module)}
    return sorted(name for name in found if not name.startswith("_"))


def _is_own_coroutine(value: object, module: ModuleType) -> bool:
    return inspect.iscoroutinefunction(value) and value.__module__ == module.__name__


def _refusals() -> list[type[DomainError]]:
    """Every refusal of the product; base classes are never raised."""
    for context in CONTEXTS:
        modules_of(f"services.{context}.domain")
    return sorted(_below(DomainError), key=lambda error: (error.__module__, error.__name__))


def _below(family: type[DomainError]) -> set[type[DomainError]]:
    found = set(family.__subclasses__())
    deeper = {error for each in found for error in _below(each)}
    return {error for error in found | deeper if "code" in vars(error) and not error.__subclasses__()}
