"""The story is lived once for all who only look at what came of it."""

from collections.abc import AsyncIterator

import pytest

from tests.journeys.living import Lived, lived


@pytest.fixture(scope="session")
async def story() -> AsyncIterator[Lived]:
    async with lived("plain", {}) as told:
        yield told
