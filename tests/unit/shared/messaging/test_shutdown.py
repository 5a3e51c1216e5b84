"""Started work finishes before its process ends, and a cancelled task ends."""

import asyncio

import pytest

from shared.messaging.shutdown import cancel_and_wait, finish_before_cancel


async def test_started_work_finishes_before_cancellation() -> None:
    done: list[str] = []

    async def work() -> None:
        await asyncio.sleep(0.02)
        done.append("work")

    task = asyncio.create_task(finish_before_cancel(work()))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    assert done == ["work"]


async def test_slow_work_is_abandoned_after_its_limit() -> None:
    task = asyncio.create_task(finish_before_cancel(asyncio.Event().wait(), limit=0.01))
    await asyncio.sleep(0)
    task.cancel()

    async with asyncio.timeout(1):
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_exception_of_the_work_is_raised() -> None:
    async def work() -> None:
        raise ArithmeticError

    with pytest.raises(ArithmeticError):
        await finish_before_cancel(work())


async def test_task_that_ignores_cancellation_is_cancelled_again() -> None:
    lost: list[str] = []

    async def stubborn() -> None:
        while len(lost) < 2:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                lost.append("cancellation")
        await asyncio.Event().wait()

    task = asyncio.create_task(stubborn())
    await asyncio.sleep(0)
    async with asyncio.timeout(1):
        await cancel_and_wait(task, again=0.01)

    assert task.cancelled()
    assert len(lost) == 2


async def test_finished_or_failed_task_is_not_cancelled() -> None:
    async def failing() -> None:
        raise ArithmeticError

    tasks = asyncio.create_task(asyncio.sleep(0)), asyncio.create_task(failing())
    await asyncio.wait(tasks)
    await cancel_and_wait(*tasks)

    assert isinstance(tasks[1].exception(), ArithmeticError)
