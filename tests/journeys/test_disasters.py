"""The story is unchanged by failures in the middle of it."""

import pytest

from tests.journeys.story_run import kill_every_worker, play_story, wipe_the_broker

pytestmark = pytest.mark.timeout(400)


@pytest.mark.usefixtures("external_servers")
async def test_story_is_unchanged_when_workers_are_killed() -> None:
    async with play_story("killed", {"the_meeting_agrees": kill_every_worker, "louise_calls": kill_every_worker}) as story:
        assert story.deviations == []


async def test_story_is_unchanged_when_broker_is_wiped() -> None:
    async with play_story("wiped", {"the_meeting_agrees": wipe_the_broker}) as story:
        assert story.deviations == []
