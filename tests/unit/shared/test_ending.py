"""What has begun is done before its process ends."""

import asyncio

import pytest

from shared.messaging.ending import to_its_end


async def test_what_has_begun_is_done_and_the_cancellation_goes_on() -> None:
    done: list[str] = []

    async def work() -> None:
        await asyncio.sleep(0.02)
        done.append("work")

    task = asyncio.create_task(to_its_end(work()))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    assert done == ["work"]


async def test_what_takes_too_long_is_given_up() -> None:
    task = asyncio.create_task(to_its_end(asyncio.Event().wait(), patience=0.01))
    await asyncio.sleep(0)
    task.cancel()

    async with asyncio.timeout(1):
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_what_goes_wrong_is_told() -> None:
    async def work() -> None:
        raise ArithmeticError

    with pytest.raises(ArithmeticError):
        await to_its_end(work())
