"""Care navigation, opened once per run and emptied before each test."""

from collections.abc import AsyncIterator
from datetime import datetime

import pytest

from infra.dev_stack.dev_secrets import Keys
from services.navigation.domain.policy import Policy
from tests.builders.database import CommonDatabase
from tests.builders.navigation import NavigationClient, at, navigation


@pytest.fixture
def now() -> datetime:
    """The time of the clock when a test begins; `parametrize("now", ...)` sets another."""
    return at("14:00")


@pytest.fixture
def policy() -> Policy:
    """The configured numbers; `parametrize("policy", ...)` sets others."""
    return Policy(employers=("CLCH", "AGEUK"))


@pytest.fixture(scope="session")
async def session_client(common_database: CommonDatabase, keys: Keys) -> AsyncIterator[NavigationClient]:
    """The application and its connections, which all tests of this folder use one after another."""
    async with navigation(common_database.url, keys) as client:
        yield client


@pytest.fixture
def client(session_client: NavigationClient, owner_url: str, now: datetime, policy: Policy) -> NavigationClient:  # noqa: ARG001  it empties the tables
    """Navigation with empty tables, no navigators, and the clock at `now`."""
    session_client.context.clock.at = now
    session_client.context.use_policy(policy)
    return session_client
