"""The statements of each context fit the tables that its migrations create."""

import importlib
import pkgutil
from collections.abc import Iterator, Mapping
from types import ModuleType
from typing import Any

import asyncpg
import pytest

from infra.contexts import CONTEXTS
from shared.persistence.statements import Sql, Statement
from tests.architecture.sources import sources

_TABLES = "SELECT table_name FROM information_schema.tables WHERE table_schema = $1"


@pytest.mark.parametrize("context", CONTEXTS)
async def test_each_table_of_a_statement_exists(context: str, owner_url: str) -> None:
    owner = await asyncpg.connect(owner_url)
    try:
        tables = {row["table_name"] for row in await owner.fetch(_TABLES, context)}
    finally:
        await owner.close()

    statements = list(_statements(context))
    assert statements != []
    assert {name for statement in statements for name in statement.tables} - tables == set()
    assert {statement.writes for statement in statements} - tables <= {None}


@pytest.mark.parametrize("context", CONTEXTS)
async def test_each_statement_can_be_prepared(context: str, owner_url: str) -> None:
    owner = await asyncpg.connect(owner_url, server_settings={"search_path": context})
    try:
        for statement in _statements(context):
            await owner.prepare(statement.sql)
    finally:
        await owner.close()


def test_each_written_statement_of_a_context_is_found() -> None:
    written = sum(source.text.count(" = Sql(") for source in sources("services"))

    assert written > 0
    assert sum(isinstance(statement, Sql) for context in CONTEXTS for statement in _statements(context)) == written


def _statements(context: str) -> Iterator[Statement]:
    """The statements in variables of the context's modules and of the objects there, once each."""
    found = {id(statement): statement for module in _modules(context) for value in vars(module).values() for statement in _within(value)}
    return iter(found.values())


def _within(value: Any) -> Iterator[Statement]:
    if isinstance(value, Statement):
        yield value
    elif isinstance(value, Mapping):
        yield from (statement for each in value.values() for statement in _within(each))
    elif type(value).__module__.startswith("shared.persistence."):
        yield from _within(getattr(value, "__dict__", {}))


def _modules(context: str) -> Iterator[ModuleType]:
    package = importlib.import_module(f"services.{context}")
    yield from (importlib.import_module(each.name) for each in pkgutil.walk_packages(package.__path__, f"{package.__name__}."))
