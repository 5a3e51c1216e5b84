"""The migrations create the tables of the metadata."""

import importlib

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import MetaData
from sqlalchemy.engine import Connection, make_url
from sqlalchemy.ext.asyncio import create_async_engine

from infra.contexts import CONTEXTS


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
    store = importlib.import_module(f"services.{context}.store")
    found = getattr(store, "METADATA", None) or importlib.import_module(f"services.{context}.store.tables").METADATA
    assert isinstance(found, MetaData)
    return found
