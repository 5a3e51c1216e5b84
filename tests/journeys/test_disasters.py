"""The same story, whatever dies in the middle of it."""

import pytest

from tests.journeys.story_run import kill_every_worker, lived, wipe_the_broker

pytestmark = pytest.mark.timeout(400)


@pytest.mark.usefixtures("given_servers")
async def test_the_same_story_when_every_worker_is_killed_in_the_middle() -> None:
    async with lived("killed", {"the_meeting_agrees": kill_every_worker, "louise_calls": kill_every_worker}) as story:
        assert story.faults == []


async def test_the_same_story_when_the_broker_is_wiped_in_the_middle() -> None:
    async with lived("wiped", {"the_meeting_agrees": wipe_the_broker}) as story:
        assert story.faults == []
