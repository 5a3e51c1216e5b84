"""The story is lived once for all who only look at what came of it."""

from collections.abc import AsyncIterator

import pytest

from infra.dev_stack.local.stack import StackAddresses
from tests.journeys.story_run import StoryRun, lived


@pytest.fixture(scope="package")
async def story() -> AsyncIterator[StoryRun]:
    """Its servers end with the folder: they would only take time from the tests that follow."""
    async with lived("plain", {}) as told:
        yield told


@pytest.fixture
def given_servers(addresses: StackAddresses, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is started here keeps to a place of its own on the run's servers, instead of starting others."""
    monkeypatch.setenv("DATABASE_URL", addresses.database_url)
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", addresses.kafka_bootstrap)
