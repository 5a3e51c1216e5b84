"""Creates and upgrades schemas, roles and tables. Run by the owner of the database; the role of a context has rights in its schema only."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from sqlalchemy.engine import Connection, make_url
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from infra.contexts import CONTEXTS
from infra.deploy.database_roles import Roles
from infra.reference.load import WITH_PRACTICES, load_practices
from infra.reference.practice_file import read_practices
from infra.reference.service_file import read_services
from infra.reference.service_load import WITH_SERVICE_CODES, load_services
from shared.persistence.retention import PARTITIONS_AHEAD

_HERE = Path(__file__).parent / "migrations"
#: Tables without UPDATE and DELETE, even for the context that writes them.
_APPEND_ONLY = ("event", "audit")
#: Roles access the event log through `event`; its rights apply to every partition.
_PARTITIONS = sa.text("SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = CAST(:log AS regclass)")
#: A temporary table would hide a table of the same name.
_NO_TEMPORARY_TABLES = "DO $$ BEGIN EXECUTE format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC', current_database()); END $$"

#: Tables of reference data, which a context only reads, by the contexts that have them.
_REFERENCE = {"practice": WITH_PRACTICES, "service": ("referrals",), "service_code": WITH_SERVICE_CODES}


async def migrate(owner_url: str, roles: Roles) -> dict[str, int]:
    """Upgrades every schema to the newest version and loads the reference data; idempotent. Returns the created partitions by context.

    Raises PracticeFileRefused and ServiceFileRefused before anything is changed, sqlalchemy.exc.SQLAlchemyError.
    """
    practices, services, created = read_practices(), read_services(), dict[str, int]()
    async with _opened(owner_url) as engine:
        for context in CONTEXTS:
            async with engine.begin() as connection:
                await connection.run_sync(_prepare, context, roles)
                created[context] = await connection.run_sync(_upgrade, context)
                await connection.run_sync(_grant, context, roles.of(context))
        async with engine.begin() as connection:
            await connection.run_sync(load_practices, practices)
            await connection.run_sync(load_services, services)
    return created


async def drop_roles(owner_url: str, roles: Roles) -> None:
    """Drops the roles of a deployment after its databases were dropped."""
    async with _opened(owner_url) as engine, engine.begin() as connection:
        for context in CONTEXTS:
            await connection.exec_driver_sql(f'DROP ROLE IF EXISTS "{roles.of(context)}"')


@asynccontextmanager
async def _opened(owner_url: str) -> AsyncIterator[AsyncEngine]:
    engine = create_async_engine(make_url(owner_url).set(drivername="postgresql+asyncpg"))
    try:
        yield engine
    finally:
        await engine.dispose()


def configuration(connection: Connection, context: str, metadata: sa.MetaData | None = None) -> Config:
    """Alembic's configuration of one context."""
    config = Config()
    config.set_main_option("script_location", str(_HERE))
    config.set_main_option("version_locations", str(_HERE / context / "versions"))
    config.set_main_option("path_separator", "newline")
    config.attributes.update(connection=connection, metadata=metadata)
    return config


def _prepare(connection: Connection, context: str, roles: Roles) -> None:
    user = roles.of(context)
    # Roles belong to the whole server: the migration of another database may create the same role concurrently.
    connection.execute(sa.text("SELECT pg_advisory_xact_lock(hashtext('care roles'))"))
    if not connection.execute(sa.text("SELECT 1 FROM pg_roles WHERE rolname = :user"), {"user": user}).scalar():
        connection.exec_driver_sql(f'CREATE ROLE "{user}" LOGIN')
    quoted = roles.passwords[context].replace("'", "''")
    connection.exec_driver_sql(f"ALTER ROLE \"{user}\" PASSWORD '{quoted}'")
    connection.exec_driver_sql(f'ALTER ROLE "{user}" SET search_path = "{context}"')
    connection.exec_driver_sql("REVOKE ALL ON SCHEMA public FROM PUBLIC")
    connection.exec_driver_sql(_NO_TEMPORARY_TABLES)
    connection.exec_driver_sql(f'CREATE SCHEMA IF NOT EXISTS "{context}"')


def _upgrade(connection: Connection, context: str) -> int:
    """Returns the number of created monthly partitions."""
    connection.exec_driver_sql(f'SET LOCAL search_path = "{context}"')
    command.upgrade(configuration(connection, context), "head")
    created: int = connection.execute(sa.text(f'SELECT "{context}".create_partitions(:ahead)'), {"ahead": PARTITIONS_AHEAD}).scalar_one()
    return created


def _grant(connection: Connection, context: str, user: str) -> None:
    connection.exec_driver_sql(f'GRANT USAGE ON SCHEMA "{context}" TO "{user}"')
    connection.exec_driver_sql(f'GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA "{context}" TO "{user}"')
    connection.exec_driver_sql(f'GRANT USAGE ON ALL SEQUENCES IN SCHEMA "{context}" TO "{user}"')
    for table in _APPEND_ONLY:
        connection.exec_driver_sql(f'REVOKE UPDATE, DELETE ON "{context}"."{table}" FROM "{user}"')
    connection.exec_driver_sql(f'GRANT EXECUTE ON FUNCTION "{context}".create_partitions TO "{user}"')
    for partition in connection.execute(_PARTITIONS, {"log": f"{context}.event"}).scalars():
        connection.exec_driver_sql(f'REVOKE ALL ON {partition} FROM "{user}"')
    reference = [table for table, contexts in _REFERENCE.items() if context in contexts]
    for table in ("schema_version", "clock_offset", "log_pruning", *reference):
        connection.exec_driver_sql(f'REVOKE INSERT, UPDATE, DELETE ON "{context}"."{table}" FROM "{user}"')
