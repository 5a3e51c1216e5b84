"""The weekly meeting, opened once per run and emptied before each test."""

from collections.abc import AsyncIterator
from datetime import datetime

import pytest

from infra.dev_stack.dev_secrets import Keys
from services.mdt.domain.policy import Policy
from tests.builders.context_app import RunningContext
from tests.builders.database import CommonDatabase
from tests.builders.mdt import MONDAY, mdt, start


@pytest.fixture
def now() -> datetime:
    """The time of the clock when a test begins; `parametrize("now", ...)` sets another."""
    return MONDAY


@pytest.fixture
def policy() -> Policy:
    """The configured numbers; `parametrize("policy", ...)` sets others."""
    return Policy()


@pytest.fixture(scope="session")
async def session_context(common_database: CommonDatabase, keys: Keys) -> AsyncIterator[RunningContext]:
    """The application and its connections, which all tests of this folder use one after another."""
    async with mdt(common_database.url, keys) as context:
        yield context


@pytest.fixture
def mdt_url(common_database: CommonDatabase, keys: Keys) -> str:
    """The address of the same database for another process, under the role of mdt."""
    return keys.roles.url(common_database.url, "mdt")


@pytest.fixture
async def context(session_context: RunningContext, owner_url: str, now: datetime, policy: Policy) -> AsyncIterator[RunningContext]:  # noqa: ARG001  it empties the tables
    """The weekly meeting with the first meetings scheduled, no cases, and the clock at `now`.

    Counted refusals are stored at the end of the test; they would appear in the audit of another one.
    """
    session_context.use_policy(policy)
    await start(session_context, now)
    yield session_context
    await session_context.api_database.refusals.close()
