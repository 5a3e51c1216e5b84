"""The story, played once for all tests that only read its results."""

from collections.abc import AsyncIterator

import pytest

from infra.dev_stack.local.stack import StackAddresses
from tests.journeys.story_run import StoryRun, play_story


@pytest.fixture(scope="package")
async def story() -> AsyncIterator[StoryRun]:
    """The servers stop with the folder, so that they cost later tests no time."""
    async with play_story("plain", {}) as run:
        yield run


@pytest.fixture
def external_servers(addresses: StackAddresses, monkeypatch: pytest.MonkeyPatch) -> None:
    """Products that a test starts use a temporary database and topics on the run's servers instead of their own servers."""
    monkeypatch.setenv("DATABASE_URL", addresses.database_url)
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", addresses.kafka_bootstrap)
