"""`care demo` compares its story with the documents and fails on each deviation."""

import asyncio
import json
import sys
from asyncio.subprocess import PIPE
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from infra.demo.assertions import deviations
from infra.demo.expectations import EXPECTED, RESPONSES
from infra.demo.observe import ObservedEvent
from tests.architecture.sources import ROOT
from tests.journeys.story_run import StoryRun

pytestmark = pytest.mark.timeout(400)

_AT_RISK, _CONFIRMED = "rapid-care.response.at-risk.v1", "rapid-care.response.avoidance-confirmed.v1"


@pytest.mark.parametrize("kind", EXPECTED)
async def test_missing_or_extra_event_is_a_deviation(story: StoryRun, kind: str) -> None:
    one = next((event for event in story.events if event.type == kind), replace(story.events[0], type=kind))
    fewer = [event for event in story.events if event is not one]

    assert any(kind in each for each in deviations([*story.events, one], story.world.seen))
    assert not story.of(kind) or any(kind in each for each in deviations(fewer, story.world.seen))


@pytest.mark.parametrize(
    ("kind", "by"), [(_AT_RISK, timedelta(minutes=1)), (_CONFIRMED, timedelta(days=-1)), (_CONFIRMED, timedelta(days=1))]
)
async def test_event_at_other_time_is_a_deviation(story: StoryRun, kind: str, by: timedelta) -> None:
    assert deviations(_moved(story.events, kind, by), story.world.seen) != []


@pytest.mark.parametrize("name", RESPONSES)
@pytest.mark.parametrize("value", ["something else", None])
async def test_other_response_is_a_deviation(story: StoryRun, name: str, value: str | None) -> None:
    assert deviations(story.events, {**story.world.seen, name: value}) == [f"{name} was {value}, not {RESPONSES[name]}"]


@pytest.mark.usefixtures("external_servers")
async def test_demo_prints_story_and_passes() -> None:
    code, output = await _care_demo()

    assert code == 0, output
    assert "102 minutes, met" in output
    assert output.index("The services start") < output.index("automatically, ") < output.index("Before the story")
    verdict: dict[str, Any] = json.loads(output.splitlines()[-1])
    assert verdict["demo"] == "passed"
    assert verdict["events"] > sum(EXPECTED.values())


@pytest.mark.usefixtures("external_servers")
async def test_demo_fails_when_story_ends_early() -> None:
    """The command runs only the first chapter."""
    code, output = await _care_demo("import infra.demo.story as story; story.CHAPTERS = story.CHAPTERS[:1]")

    assert code == 1
    assert "The story did not happen as it should:" in " ".join(output.split())
    assert '"demo": "passed"' not in output


def _moved(events: Sequence[ObservedEvent], kind: str, by: timedelta) -> list[ObservedEvent]:
    return [replace(event, occurred_at=event.occurred_at + by) if event.type == kind else event for event in events]


async def _care_demo(before: str = "pass") -> tuple[int | None, str]:
    program = f"{before}\nimport sys\nfrom infra.cli import main\nsys.argv = ['care', 'demo']\nmain()"
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", program, cwd=ROOT, stdout=PIPE, stderr=PIPE)
    out, err = await process.communicate()
    return process.returncode, (out + err).decode() if process.returncode else out.decode()
