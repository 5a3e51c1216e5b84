"""The migrations create the tables of the metadata."""

import importlib
import pkgutil

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import MetaData, text
from sqlalchemy.engine import Connection, make_url
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from infra.contexts import CONTEXTS

_CONDITIONS = text("""
SELECT relname AS name, pg_get_expr(indpred, indrelid) AS condition FROM pg_index JOIN pg_class ON oid = indexrelid
WHERE relnamespace = CAST(CAST(:schema AS text) AS regnamespace) AND indpred IS NOT NULL""")


@pytest.mark.parametrize("context", CONTEXTS)
async def test_migrations_match_the_metadata(context: str, owner_url: str) -> None:
    metadata = _metadata(context)
    engine = create_async_engine(make_url(owner_url).set(drivername="postgresql+asyncpg"))
    try:
        async with engine.connect() as connection:
            await connection.exec_driver_sql(f'SET search_path = "{context}"')
            differences = await connection.run_sync(_differences, metadata)
    finally:
        await engine.dispose()

    assert differences == []


@pytest.mark.parametrize("context", CONTEXTS)
async def test_conditions_of_indexes_match_the_metadata(context: str, owner_url: str) -> None:
    """Alembic does not compare them. PostgreSQL writes both in one form, when a second schema has the tables of the metadata."""
    engine = create_async_engine(make_url(owner_url).set(drivername="postgresql+asyncpg"))
    try:
        async with engine.connect() as connection:
            migrated = await _conditions(connection, context)
            await connection.exec_driver_sql("CREATE SCHEMA of_the_metadata")
            await connection.exec_driver_sql("SET LOCAL search_path = of_the_metadata")
            await connection.run_sync(_metadata(context).create_all)
            assert await _conditions(connection, "of_the_metadata") == migrated
    finally:
        await engine.dispose()

    assert "ix_deadline_due" in migrated


async def _conditions(connection: AsyncConnection, schema: str) -> dict[str, str]:
    """By name of the index."""
    rows = await connection.execute(_CONDITIONS, {"schema": schema})
    return {row.name: row.condition for row in rows}


def _differences(connection: Connection, metadata: MetaData) -> list[object]:
    """The changes that alembic would make, without comments."""
    opts = {"version_table": "schema_version", "compare_type": True, "include_name": _is_whole}
    context = MigrationContext.configure(connection, opts=opts)
    found = [step for each in compare_metadata(context, metadata) for step in (each if isinstance(each, list) else [each])]
    return [step for step in found if "comment" not in step[0]]


def _is_whole(name: str | None, kind: str, _: object) -> bool:
    """Excludes the partitions of the event log."""
    return kind != "table" or not (name or "").startswith("event_")


def _metadata(context: str) -> MetaData:
    """With the tables of every module of the store: commands of operators alone use some."""
    store = importlib.import_module(f"services.{context}.store")
    for module in pkgutil.iter_modules(store.__path__, f"{store.__name__}."):
        importlib.import_module(module.name)
    found = getattr(store, "METADATA", None) or importlib.import_module(f"services.{context}.store.tables").METADATA
    assert isinstance(found, MetaData)
    return found
