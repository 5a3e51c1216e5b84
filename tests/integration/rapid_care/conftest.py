"""Rapid Care, opened once per module and emptied before each test."""

from collections.abc import AsyncIterator
from datetime import datetime

import pytest

from infra.dev_stack.dev_secrets import Keys
from tests.builders.database import CommonDatabase
from tests.builders.rapid_care import RapidCareClient, at, rapid_care


@pytest.fixture
def now() -> datetime:
    """The time of the clock when a test begins; `parametrize("now", ...)` sets another."""
    return at("14:00")


@pytest.fixture(scope="module")
async def module_team(common_database: CommonDatabase, keys: Keys) -> AsyncIterator[RapidCareClient]:
    """The application and its connections, which the tests of a module use one after another."""
    async with rapid_care(common_database.url, keys, at("14:00")) as team:
        yield team


@pytest.fixture
def team(module_team: RapidCareClient, owner_url: str, now: datetime) -> RapidCareClient:  # noqa: ARG001  it empties the tables
    """Rapid Care with empty tables and the clock at `now`."""
    module_team.context.clock.at = now
    return module_team
