"""The story with failures in the middle of it, played once for all tests that only read its results; a product for each other file."""

from collections.abc import AsyncIterator

import pytest

from infra.demo.story_dates import day
from infra.demo.world import World
from infra.dev_stack.local.stack import StackAddresses
from tests.builders.journey import open_world
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


@pytest.fixture(scope="module")
async def world(addresses: StackAddresses) -> AsyncIterator[World]:
    """The product that the tests of a file share, on the run's servers, on a Monday morning."""
    with pytest.MonkeyPatch.context() as environment:
        use_servers(addresses, environment)
        async with open_world("shared", day(1, "10:00")) as world:
            yield world


@pytest.fixture
def external_servers(addresses: StackAddresses, monkeypatch: pytest.MonkeyPatch) -> None:
    """Products that a test starts use the run's servers."""
    use_servers(addresses, monkeypatch)


def use_servers(addresses: StackAddresses, environment: pytest.MonkeyPatch) -> None:
    """Products that start now use a temporary database and topics on these servers instead of servers of their own."""
    environment.setenv("DATABASE_URL", addresses.database_url)
    environment.setenv("KAFKA_BOOTSTRAP_SERVERS", addresses.kafka_bootstrap)
