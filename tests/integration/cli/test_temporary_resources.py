"""An ephemeral product uses a temporary database and topics on external servers; secrets of the environment are used unchanged."""

import os

import asyncpg
import pytest
from aiokafka.admin import AIOKafkaAdminClient

from infra.demo.story_dates import day
from infra.dev_stack.dev_secrets import load_or_make, make
from infra.dev_stack.external_secrets import NAMES
from infra.dev_stack.local.paths import stack_folders
from infra.dev_stack.process_environment import environment
from infra.dev_stack.product import run_product
from tests.integration.cli.care_process import Workspace

_SCHEMAS = "SELECT count(*) FROM pg_namespace WHERE nspname IN ('referrals', 'rapid_care', 'mdt', 'navigation')"


async def _found(workspace: Workspace, name: str) -> tuple[list[str], list[str], int]:
    """Returns the databases and topics that contain `name`, and the number of product schemas in the external database."""
    connection = await asyncpg.connect(workspace.database_url)
    databases = [row[0] for row in await connection.fetch("SELECT datname FROM pg_database") if name.replace("-", "_") in row[0]]
    schemas = await connection.fetchval(_SCHEMAS)
    await connection.close()
    admin = AIOKafkaAdminClient(bootstrap_servers=workspace.variables["KAFKA_BOOTSTRAP_SERVERS"])
    await admin.start()
    topics = [topic for topic in await admin.list_topics() if name.replace("-", "_") in topic]
    await admin.close()
    return databases, topics, schemas


async def test_ephemeral_product_leaves_external_servers_unchanged(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable, value in {**workspace.variables, "CARE_HOME": str(workspace.home)}.items():
        monkeypatch.setenv(variable, value)
    name = f"ephemeral-{os.getpid()}"

    async with run_product(name, ephemeral=True, clock_at=day(-31, "09:00")) as product:
        databases, topics, schemas = await _found(workspace, name)
        assert len(databases) == 1
        assert databases[0] in product.addresses.database_url
        assert topics
        assert schemas == 0

    assert await _found(workspace, name) == ([], [], 0)
    assert not stack_folders(name).root.exists()


async def test_secrets_of_the_environment_reach_the_services(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = make()
    variables = environment("postgresql://owner@127.0.0.1:1/care", "127.0.0.1:9", keys)
    secrets = {name: variables[name] for name in NAMES}
    for variable, value in {**workspace.variables, **secrets, "CARE_HOME": str(workspace.home)}.items():
        monkeypatch.setenv(variable, value)

    async with run_product("configured") as product:
        received = {name: value for program in product.supervisor.programs for name, value in (program.environment or {}).items()}
        assert {name: received[name] for name in NAMES} == secrets
        assert load_or_make(stack_folders("configured").root).person_id_secret != keys.person_id_secret
