"""A client's line is on disk before the client continues."""

import asyncio
import json
from pathlib import Path

from tests.chaos.client_log import client_log


async def test_line_is_in_file_when_write_returns(tmp_path: Path) -> None:
    path = tmp_path / "client-log.jsonl"
    async with client_log(path) as log:
        for number in range(3):
            await log.write({"number": number})
            assert [json.loads(line)["number"] for line in path.read_text().splitlines()] == list(range(number + 1))


async def test_concurrent_lines_are_written_separately(tmp_path: Path) -> None:
    path = tmp_path / "client-log.jsonl"
    async with client_log(path) as log:
        await asyncio.gather(*(log.write({"number": number}) for number in range(200)))

        assert sorted(json.loads(line)["number"] for line in path.read_text().splitlines()) == list(range(200))
