"""The story with failures in the middle of it, played once for all tests that only read its results."""

from collections.abc import AsyncIterator

import pytest

from infra.dev_stack.local.stack import StackAddresses
from tests.journeys.story_run import Failure, StoryRun, kill_every_worker, play_story, wipe_the_broker


@pytest.fixture(scope="package")
async def story() -> AsyncIterator[StoryRun]:
    """The story must be the same as without failures. The servers stop with the folder, so that they cost later tests no time."""
    failures: dict[str, Failure] = {
        "it_is_triaged": kill_every_worker,
        "the_meeting_agrees": wipe_the_broker,
        "louise_calls": kill_every_worker,
    }
    async with play_story("failures", failures) as run:
        yield run


@pytest.fixture
def external_servers(addresses: StackAddresses, monkeypatch: pytest.MonkeyPatch) -> None:
    """Products that a test starts use a temporary database and topics on the run's servers instead of their own servers."""
    monkeypatch.setenv("DATABASE_URL", addresses.database_url)
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", addresses.kafka_bootstrap)
