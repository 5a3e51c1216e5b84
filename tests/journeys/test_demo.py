"""`care demo` judges its own story, and a story that is not as the documents tell it is not passed."""

import asyncio
import json
import sys
from asyncio.subprocess import PIPE
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from infra.demo.assertions import faults
from infra.demo.expected import ANSWERS, EXPECTED
from infra.demo.observe import Flowed
from tests.architecture.sources import ROOT
from tests.journeys.story_run import StoryRun

pytestmark = pytest.mark.timeout(400)

_AT_RISK, _CONFIRMED = "rapid-care.response.at-risk.v1", "rapid-care.response.avoidance-confirmed.v1"


@pytest.mark.parametrize("kind", EXPECTED)
async def test_an_event_too_many_or_too_few_is_a_fault(story: StoryRun, kind: str) -> None:
    one = next((event for event in story.events if event.type == kind), replace(story.events[0], type=kind))
    fewer = [event for event in story.events if event is not one]

    assert any(kind in fault for fault in faults([*story.events, one], story.world.seen))
    assert not story.of(kind) or any(kind in fault for fault in faults(fewer, story.world.seen))


@pytest.mark.parametrize(
    ("kind", "by"), [(_AT_RISK, timedelta(minutes=1)), (_CONFIRMED, timedelta(days=-1)), (_CONFIRMED, timedelta(days=1))]
)
async def test_an_event_at_another_time_is_a_fault(story: StoryRun, kind: str, by: timedelta) -> None:
    assert faults(_moved(story.events, kind, by), story.world.seen) != []


@pytest.mark.parametrize("name", ANSWERS)
@pytest.mark.parametrize("said", ["something else", None])
async def test_another_answer_is_a_fault(story: StoryRun, name: str, said: str | None) -> None:
    assert faults(story.events, {**story.world.seen, name: said}) == [f"{name} was {said}, not {ANSWERS[name]}"]


async def test_the_demo_tells_the_story_and_passes() -> None:
    code, said = await _care_demo()

    assert code == 0, said
    assert "102 minutes, met" in said
    verdict: dict[str, Any] = json.loads(said.splitlines()[-1])
    assert verdict["demo"] == "passed"
    assert verdict["events"] > sum(EXPECTED.values())


@pytest.mark.usefixtures("given_servers")
async def test_a_story_that_ends_before_the_crisis_fails_the_demo() -> None:
    """The last chapters are taken away before the command begins."""
    code, said = await _care_demo("import infra.demo.story as told; told.CHAPTERS = told.CHAPTERS[:3]")

    assert code == 1
    assert "The story did not happen as it should:" in " ".join(said.split())
    assert '"demo": "passed"' not in said


def _moved(events: Sequence[Flowed], kind: str, by: timedelta) -> list[Flowed]:
    return [replace(event, occurred_at=event.occurred_at + by) if event.type == kind else event for event in events]


async def _care_demo(before: str = "pass") -> tuple[int | None, str]:
    program = f"{before}\nimport sys\nfrom infra.cli import main\nsys.argv = ['care', 'demo']\nmain()"
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", program, cwd=ROOT, stdout=PIPE, stderr=PIPE)
    out, err = await process.communicate()
    return process.returncode, (out + err).decode() if process.returncode else out.decode()
