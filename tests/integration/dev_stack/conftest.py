"""Fixtures for tests of the local stack."""

import os
import secrets
from collections.abc import AsyncIterator, Iterator

import pytest

from infra.dev_stack.local.jar_download import Listener
from infra.dev_stack.local.jars import verified_jars
from infra.dev_stack.local.paths import stack_folders
from infra.dev_stack.local.stack import Stack
from infra.dev_stack.local.stale_stacks import delete_stack

_EXTERNAL = ("DATABASE_URL", "KAFKA_BOOTSTRAP_SERVERS", "CARE_KAFKA_BROKER", "CARE_MAVEN_REPOSITORY")


@pytest.fixture(scope="module", autouse=True)
def embedded_servers() -> Iterator[None]:
    """Removes external servers from the environment: these tests start the embedded ones."""
    with pytest.MonkeyPatch.context() as environment:
        for name in _EXTERNAL:
            environment.delenv(name, raising=False)
        verified_jars(Listener(report=lambda _: None))  # before any test: a test may connect only to this machine
        yield


@pytest.fixture
def name() -> Iterator[str]:
    """A stack name; the files of the stack are deleted after the test."""
    name = f"test-{os.getpid()}-{secrets.token_hex(3)}"
    yield name
    delete_stack(stack_folders(name))


@pytest.fixture(scope="module")
async def stack(embedded_servers: None) -> AsyncIterator[Stack]:  # noqa: ARG001  must run first
    """A stack that the tests of a file share."""
    stack = Stack(f"test-{os.getpid()}-shared", ephemeral=True)
    await stack.start()
    yield stack
    await stack.stop()
