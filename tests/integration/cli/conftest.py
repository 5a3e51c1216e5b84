"""Fixtures for tests of the command line."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from infra.dev_stack.local.stack import StackAddresses
from tests.builders.programs import Programs
from tests.integration.cli.care_process import RunningProduct, Workspace, care_up, temporary_workspace


@pytest.fixture(scope="module")
async def product(addresses: StackAddresses, tmp_path_factory: pytest.TempPathFactory, programs: Programs) -> AsyncIterator[RunningProduct]:
    """The product that the tests of a file share. The processes of an idle one take a fifth of a core, so it ends with the file."""
    home = tmp_path_factory.mktemp("care")
    async with temporary_workspace(addresses, home, programs) as workspace, care_up(workspace, "shared") as running:
        yield running


@pytest.fixture
async def workspace(addresses: StackAddresses, tmp_path: Path, programs: Programs) -> AsyncIterator[Workspace]:
    """An empty home and an empty database."""
    async with temporary_workspace(addresses, tmp_path, programs) as empty:
        yield empty


@pytest.fixture
def offline_workspace(tmp_path: Path, programs: Programs) -> Workspace:
    """A workspace without servers."""
    return Workspace(tmp_path, {}, programs)


@pytest.fixture
def secrets_file(offline_workspace: Workspace) -> Callable[[str], Path]:
    """Writes the secrets of the stack “default”."""

    def write(content: str) -> Path:
        path = offline_workspace.home / "stacks" / "default" / "secrets.json"
        path.parent.mkdir(parents=True)
        path.write_text(content)
        return path

    return write
