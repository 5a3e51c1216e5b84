"""The stack that the tests of this folder share."""

import os
import secrets
from collections.abc import AsyncIterator, Iterator

import pytest

from infra.dev_stack.local.jar_download import Listener
from infra.dev_stack.local.jars import verified_jars
from infra.dev_stack.local.paths import stack_folders
from infra.dev_stack.local.stack import Stack
from infra.dev_stack.local.stale_stacks import delete_stack

_FROM_OUTSIDE = ("DATABASE_URL", "KAFKA_BOOTSTRAP_SERVERS", "CARE_KAFKA_BROKER", "CARE_MAVEN_REPOSITORY")


@pytest.fixture(scope="module", autouse=True)
def nothing_from_outside() -> Iterator[None]:
    """These tests are about the embedded servers, whatever the rest of the suite runs on."""
    with pytest.MonkeyPatch.context() as environment:
        for name in _FROM_OUTSIDE:
            environment.delenv(name, raising=False)
        verified_jars(Listener(tell=lambda _: None))  # before any test, because a test reaches nothing but this machine
        yield


@pytest.fixture
def name() -> Iterator[str]:
    """The name of a stack whose files are gone after the test."""
    name = f"test-{os.getpid()}-{secrets.token_hex(3)}"
    yield name
    delete_stack(stack_folders(name))


@pytest.fixture(scope="module")
async def stack(nothing_from_outside: None) -> AsyncIterator[Stack]:  # noqa: ARG001 - must come first
    stack = Stack(f"test-{os.getpid()}-shared", ephemeral=True)
    await stack.start()
    yield stack
    await stack.stop()
