"""No client goes on before its answer is on disk."""

import asyncio
import json
from pathlib import Path

from tests.chaos.client_log import answer_log


async def test_a_line_is_in_the_file_when_note_returns(tmp_path: Path) -> None:
    path = tmp_path / "answers.jsonl"
    async with answer_log(path) as log:
        for number in range(3):
            await log.note({"number": number})
            assert [json.loads(line)["number"] for line in path.read_text().splitlines()] == list(range(number + 1))


async def test_those_who_wait_together_are_all_there_each_on_a_line_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "answers.jsonl"
    async with answer_log(path) as log:
        await asyncio.gather(*(log.note({"number": number}) for number in range(200)))

        assert sorted(json.loads(line)["number"] for line in path.read_text().splitlines()) == list(range(200))
