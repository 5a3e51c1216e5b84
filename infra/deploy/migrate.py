"""Creates and upgrades schemas, roles and tables. Run by the owner of the database; the role of a context has rights in its schema only."""

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from sqlalchemy.engine import Connection

from infra.contexts import CONTEXTS
from infra.database_owner import owner_engine
from infra.deploy.database_roles import Roles
from infra.deploy.grants import grant
from infra.reference.load import load_practices
from infra.reference.practice_file import read_practices
from infra.reference.service_file import read_services
from infra.reference.service_load import load_services
from shared.persistence.retention import PARTITIONS_AHEAD

_HERE = Path(__file__).parent / "migrations"
#: A temporary table would hide a table of the same name.
_NO_TEMPORARY_TABLES = "DO $$ BEGIN EXECUTE format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC', current_database()); END $$"


async def migrate(owner_url: str, roles: Roles) -> dict[str, int]:
    """Upgrades every schema to the newest version and loads the reference data; idempotent. Returns the created partitions by context.

    Raises PracticeFileRefused and ServiceFileRefused before anything is changed, sqlalchemy.exc.SQLAlchemyError.
    """
    practices, services, created = read_practices(), read_services(), dict[str, int]()
    async with owner_engine(owner_url) as engine:
        for context in CONTEXTS:
            async with engine.begin() as connection:
                await connection.run_sync(_prepare, context, roles)
                created[context] = await connection.run_sync(_upgrade, context)
                await connection.run_sync(grant, context, roles.of(context), roles.keeper(context))
        async with engine.begin() as connection:
            await connection.run_sync(load_practices, practices)
            await connection.run_sync(load_services, services)
    return created


async def drop_roles(owner_url: str, roles: Roles) -> None:
    """Drops the roles of a deployment after its databases were dropped."""
    async with owner_engine(owner_url) as engine, engine.begin() as connection:
        for context in CONTEXTS:
            for role in (roles.of(context), roles.keeper(context)):
                await connection.exec_driver_sql(f'DROP ROLE IF EXISTS "{role}"')


def configuration(connection: Connection, context: str, metadata: sa.MetaData | None = None) -> Config:
    """Alembic's configuration of one context."""
    config = Config()
    config.set_main_option("script_location", str(_HERE))
    config.set_main_option("version_locations", str(_HERE / context / "versions"))
    config.set_main_option("path_separator", "newline")
    config.attributes.update(connection=connection, metadata=metadata)
    return config


def _prepare(connection: Connection, context: str, roles: Roles) -> None:
    user, keeper = roles.of(context), roles.keeper(context)
    # Roles belong to the whole server: the migration of another database may create the same role concurrently.
    connection.execute(sa.text("SELECT pg_advisory_xact_lock(hashtext('care roles'))"))
    for role, kind in ((user, "LOGIN"), (keeper, "NOLOGIN")):
        if not connection.execute(sa.text("SELECT 1 FROM pg_roles WHERE rolname = :role"), {"role": role}).scalar():
            connection.exec_driver_sql(f'CREATE ROLE "{role}" {kind}')
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
