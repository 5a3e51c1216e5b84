"""Requests that wait together are handled together; a refused or failing request does not affect the others."""

import asyncio
from collections.abc import Hashable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass

import pytest

from shared.kernel.errors import RuleBroken
from shared.persistence.batching.group_queue import GroupQueue, QueueSettings


class Refusal(RuleBroken):
    code = "no"
    advice = "None."


@dataclass(frozen=True)
class Request:
    number: int
    about: str = ""

    @property
    def keys(self) -> Sequence[Hashable]:
        return [self.about or self.number]


class Handler:
    """Handles one group at a time and records the groups. A group that contains `poison` fails."""

    def __init__(self, *, poison: int | None = None, refused: int | None = None, fault: Exception | None = None) -> None:
        self.groups: list[list[int]] = []
        self.under_way: set[str] = set()
        self._poison, self._refused, self._fault = poison, refused, fault

    async def handle(self, requests: Sequence[Request]) -> Sequence[int | Exception]:
        numbers, about = [each.number for each in requests], {each.about for each in requests if each.about}
        assert not about & self.under_way
        self.groups.append(numbers)
        self.under_way |= about
        await asyncio.sleep(0.001)
        self.under_way -= about
        if self._fault:
            raise self._fault
        if self._poison in numbers:
            raise ValueError("cannot be stored")
        return [Refusal("no") if number == self._refused else number * 10 for number in numbers]


async def _submit(queue: GroupQueue[Request, int], request: Request) -> int:
    return await queue.submit(request, request.keys)


async def _submit_all(handler: Handler, requests: Sequence[Request], grouping: QueueSettings | None = None) -> list[int | BaseException]:
    queue = GroupQueue(handler.handle, grouping or QueueSettings())
    return await asyncio.gather(*(_submit(queue, each) for each in requests), return_exceptions=True)


async def test_waiting_requests_are_handled_together() -> None:
    handler = Handler()
    assert await _submit_all(handler, [Request(number) for number in range(50)]) == [number * 10 for number in range(50)]
    assert len(handler.groups) < 10
    assert sorted(number for group in handler.groups for number in group) == list(range(50))


@pytest.mark.parametrize("concurrency", [1, 2])
async def test_request_after_last_worker_exits_is_handled(concurrency: int) -> None:
    queue = GroupQueue(Handler().handle, QueueSettings(concurrency=concurrency))

    async def one_after_another(first: int) -> list[int]:
        return [await _submit(queue, Request(first + number)) for number in range(20)]

    async with asyncio.timeout(5):
        assert list(await asyncio.gather(one_after_another(0), one_after_another(100))) == [
            [number * 10 for number in range(first, first + 20)] for first in (0, 100)
        ]


async def test_worker_carries_no_trace_of_its_request() -> None:
    trace = ContextVar("trace", default="none")
    seen: list[str] = []

    async def handle(requests: Sequence[Request]) -> Sequence[int | Exception]:
        seen.append(trace.get())
        return [each.number for each in requests]

    trace.set("the first request's")
    await GroupQueue(handle).submit(Request(1))
    assert seen == ["none"]


async def test_group_is_no_larger_than_allowed() -> None:
    handler = Handler()
    await _submit_all(handler, [Request(number) for number in range(50)], QueueSettings(max_size=7, concurrency=1))
    assert max(map(len, handler.groups)) == 7


async def test_requests_with_common_key_never_run_at_once() -> None:
    handler = Handler()
    results = await _submit_all(handler, [Request(number, about=str(number % 3)) for number in range(30)])
    assert results == [number * 10 for number in range(30)]
    assert all(len({number % 3 for number in group}) == len(group) for group in handler.groups)


async def test_refusal_touches_no_other_request() -> None:
    results = await _submit_all(Handler(refused=3), [Request(number) for number in range(5)])
    assert isinstance(results[3], Refusal)
    assert [result for result in results if isinstance(result, int)] == [0, 10, 20, 40]


async def test_failing_request_fails_alone() -> None:
    handler = Handler(poison=3)
    results = await _submit_all(handler, [Request(number) for number in range(5)], QueueSettings(concurrency=1))
    assert isinstance(results[3], ValueError)
    assert [result for result in results if isinstance(result, int)] == [0, 10, 20, 40]
    assert [3] in handler.groups


async def test_infrastructure_error_reaches_all_without_retry() -> None:
    handler = Handler(fault=OSError())
    results = await _submit_all(handler, [Request(number) for number in range(5)], QueueSettings(concurrency=1))
    assert all(isinstance(result, OSError) for result in results)
    assert sum(map(len, handler.groups)) == 5


async def test_request_of_disconnected_client_is_skipped() -> None:
    handler = Handler()
    queue = GroupQueue(handler.handle, QueueSettings(concurrency=1))
    first, disconnected = asyncio.create_task(_submit(queue, Request(1))), asyncio.create_task(_submit(queue, Request(2, about="same")))
    await asyncio.sleep(0)
    disconnected.cancel()
    third = asyncio.create_task(_submit(queue, Request(3, about="same")))
    assert (await first, await third) == (10, 30)
    with pytest.raises(asyncio.CancelledError):
        await disconnected
    assert 2 not in [number for group in handler.groups for number in group]


async def test_disconnection_during_group_changes_nothing_for_others() -> None:
    handler = Handler()
    queue = GroupQueue(handler.handle, QueueSettings(concurrency=1))
    submissions = [asyncio.create_task(_submit(queue, Request(number))) for number in range(3)]
    await asyncio.sleep(0.0005)
    submissions[0].cancel()
    assert await asyncio.gather(*submissions[1:]) == [10, 20]
