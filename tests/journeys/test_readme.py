"""Runs the API walk-through of README.md as printed: each response has the fields of the block after its request."""

import asyncio
import json
import os
import re
import shlex
import shutil
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from infra.demo.story_dates import day
from infra.dev_stack.drain import wait_until_drained
from infra.dev_stack.product import Product, run_product
from infra.dev_stack.serve import CALLERS, token

README = Path(__file__).parents[2] / "README.md"
_STEPS = re.compile(r"```sh\n(.*?)```\n```json\n(.*?)```", re.DOTALL)
_ANYTHING = "…"
#: Fields whose number depends on the time of the request: the sample shows their type.
_VARYING = {"seconds_left"}


@pytest.fixture
async def owner(product: Product) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    connection = await asyncpg.connect(product.addresses.database_url)
    yield connection
    await connection.close()


@pytest.fixture
async def product(external_servers: None) -> AsyncIterator[Product]:  # noqa: ARG001 - must come first
    """The product as `make up` serves it, on a Monday morning, when Rapid Care is open."""
    async with run_product(f"readme-{os.getpid()}", ephemeral=True, clock_at=day(1, "10:00")) as served:
        yield served


async def test_readme_walk_gives_printed_responses(product: Product, owner: "asyncpg.Connection[asyncpg.Record]", tmp_path: Path) -> None:
    """Waits between steps until the events are applied, which the README waits for by `sleep`."""
    steps = _STEPS.findall(README.read_text())
    exports = "\n".join(f"export TOKEN_{name.upper().replace('-', '_')}={token(product.keys, name)}" for name in CALLERS)
    preamble = f"set -euo pipefail\n{_curl()}export CARE={product.url}\n{exports}\ncd {tmp_path}\n"

    known = ""
    for script, expected in steps:
        run = await asyncio.create_subprocess_exec("bash", "-c", preamble + known + script, stdout=PIPE, stderr=PIPE)
        out, err = await run.communicate()
        assert run.returncode == 0, err.decode()
        assert _differs(json.loads(expected), json.loads(out)) is None, out.decode()
        await wait_until_drained(owner)
        known += "".join(line + "\n" for line in script.splitlines() if re.match(r"[A-Z]+=", line))

    assert len(steps) == 6


def _curl() -> str:
    """On a machine without curl: a function of the shell that stands in for it."""
    command = shlex.join([sys.executable, str(Path(__file__).with_name("http_command.py"))])
    return "" if shutil.which("curl") else f'curl() {{ {command} "$@"; }}\n'


@pytest.mark.parametrize("got", [[], [{"name": "AcceptResponse"}], [{"name": "AcceptResponse"}] * 3, [{"name": "Other"}] * 2, {}, None])
def test_different_response_is_reported(got: Any) -> None:
    assert _differs([{"name": "AcceptResponse"}] * 2, got) is not None


@pytest.mark.parametrize(
    ("sample", "got"),
    [
        ({"seconds_left": "…"}, {"seconds_left": 7198}),
        ({"feedback": "…"}, {"feedback": ["Accepted."]}),
        ({"seconds_left": 7198}, {"seconds_left": None}),
    ],
)
def test_sample_of_another_type_is_reported(sample: Any, got: Any) -> None:
    assert _differs(sample, got) is not None


def test_sample_of_the_same_type_is_accepted() -> None:
    assert _differs({"seconds_left": 7198, "due_at": "…"}, {"seconds_left": 7190, "due_at": "2026-09-07T11:00:00Z"}) is None


def test_files_of_readme_walk_are_ignored_by_git() -> None:
    written = re.findall(r"\| tee (\S+)", README.read_text())

    assert written
    assert {f"/{name}" for name in written} <= set((README.parent / ".gitignore").read_text().splitlines())


def _differs(expected: Any, got: Any, where: str = "response") -> str | None:
    """The path of the first difference; fields that the README does not show may have any value."""
    if expected == _ANYTHING:
        return None if isinstance(got, str) else f"{where}: {got}"
    if where.rpartition(".")[2] in _VARYING:
        return None if type(got) is type(expected) else f"{where}: {got}"
    if isinstance(expected, dict) and isinstance(got, dict):
        return next((found for key, value in expected.items() if (found := _differs(value, got.get(key), f"{where}.{key}"))), None)
    if isinstance(expected, list) and isinstance(got, list) and len(expected) == len(got):
        pairs = zip(expected, got, strict=True)
        return next((found for value, other in pairs if (found := _differs(value, other, f"{where}[]"))), None)
    return None if expected == got else f"{where}: {got}"
