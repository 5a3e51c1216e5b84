"""Requests that come at the same moment go together; what refuses one, or breaks, touches no other."""

import asyncio
from collections.abc import Hashable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass

import pytest

from shared.kernel.errors import RuleBroken
from shared.persistence.batching.group_commit import GroupCommit, GroupCommitSettings


class No(RuleBroken):
    code = "no"
    advice = "None."


@dataclass(frozen=True)
class Request:
    number: int
    about: str = ""

    @property
    def conflict_keys(self) -> Sequence[Hashable]:
        return [self.about or self.number]


class Desk:
    """Handles requests a group at a time, and notes the groups. A group with a `poison` in it breaks."""

    def __init__(self, *, poison: int | None = None, refused: int | None = None, trouble: Exception | None = None) -> None:
        self.groups: list[list[int]] = []
        self.under_way: set[str] = set()
        self._poison, self._refused, self._trouble = poison, refused, trouble

    async def handle(self, requests: Sequence[Request]) -> Sequence[int | Exception]:
        numbers, about = [each.number for each in requests], {each.about for each in requests if each.about}
        assert not about & self.under_way
        self.groups.append(numbers)
        self.under_way |= about
        await asyncio.sleep(0.001)
        self.under_way -= about
        if self._trouble:
            raise self._trouble
        if self._poison in numbers:
            raise ValueError("cannot be stored")
        return [No("no") if number == self._refused else number * 10 for number in numbers]


async def _ask(desk: Desk, requests: Sequence[Request], grouping: GroupCommitSettings | None = None) -> list[int | BaseException]:
    together = GroupCommit(desk.handle, grouping or GroupCommitSettings())
    return await asyncio.gather(*(together.submit(each) for each in requests), return_exceptions=True)


async def test_each_gets_its_own_answer_and_those_that_wait_go_together() -> None:
    desk = Desk()
    assert await _ask(desk, [Request(number) for number in range(50)]) == [number * 10 for number in range(50)]
    assert len(desk.groups) < 10
    assert sorted(number for group in desk.groups for number in group) == list(range(50))


@pytest.mark.parametrize("lanes", [1, 2])
async def test_who_asks_when_a_lane_has_just_ended_is_not_left_waiting(lanes: int) -> None:
    together = GroupCommit(Desk().handle, GroupCommitSettings(concurrency=lanes))

    async def one_after_another(first: int) -> list[int]:
        return [await together.submit(Request(first + number)) for number in range(20)]

    async with asyncio.timeout(5):
        assert list(await asyncio.gather(one_after_another(0), one_after_another(100))) == [
            [number * 10 for number in range(first, first + 20)] for first in (0, 100)
        ]


async def test_a_lane_carries_nothing_of_the_request_that_opened_it() -> None:
    trace = ContextVar("trace", default="nobody's")
    seen: list[str] = []

    async def handle(requests: Sequence[Request]) -> Sequence[int | Exception]:
        seen.append(trace.get())
        return [each.number for each in requests]

    trace.set("the first one's")
    await GroupCommit(handle).submit(Request(1))
    assert seen == ["nobody's"]


async def test_no_group_is_larger_than_allowed() -> None:
    desk = Desk()
    await _ask(desk, [Request(number) for number in range(50)], GroupCommitSettings(max_size=7, concurrency=1))
    assert max(map(len, desk.groups)) == 7


async def test_two_about_the_same_are_never_under_way_at_once() -> None:
    desk = Desk()
    answers = await _ask(desk, [Request(number, about=str(number % 3)) for number in range(30)])
    assert answers == [number * 10 for number in range(30)]
    assert all(len({number % 3 for number in group}) == len(group) for group in desk.groups)


async def test_what_is_refused_is_refused_alone() -> None:
    answers = await _ask(Desk(refused=3), [Request(number) for number in range(5)])
    assert isinstance(answers[3], No)
    assert [answer for answer in answers if isinstance(answer, int)] == [0, 10, 20, 40]


async def test_what_breaks_a_group_breaks_only_itself() -> None:
    desk = Desk(poison=3)
    answers = await _ask(desk, [Request(number) for number in range(5)], GroupCommitSettings(concurrency=1))
    assert isinstance(answers[3], ValueError)
    assert [answer for answer in answers if isinstance(answer, int)] == [0, 10, 20, 40]
    assert [3] in desk.groups


async def test_trouble_with_the_machinery_is_everybodys_and_nothing_is_tried_again() -> None:
    desk = Desk(trouble=OSError())
    answers = await _ask(desk, [Request(number) for number in range(5)], GroupCommitSettings(concurrency=1))
    assert all(isinstance(answer, OSError) for answer in answers)
    assert sum(map(len, desk.groups)) == 5


async def test_who_goes_away_while_waiting_is_not_handled_and_holds_up_nobody() -> None:
    desk = Desk()
    together = GroupCommit(desk.handle, GroupCommitSettings(concurrency=1))
    first, gone = asyncio.create_task(together.submit(Request(1))), asyncio.create_task(together.submit(Request(2, about="same")))
    await asyncio.sleep(0)
    gone.cancel()
    third = asyncio.create_task(together.submit(Request(3, about="same")))
    assert (await first, await third) == (10, 30)
    with pytest.raises(asyncio.CancelledError):
        await gone
    assert 2 not in [number for group in desk.groups for number in group]


async def test_who_goes_away_under_way_changes_nothing_for_the_others() -> None:
    desk = Desk()
    together = GroupCommit(desk.handle, GroupCommitSettings(concurrency=1))
    asked = [asyncio.create_task(together.submit(Request(number))) for number in range(3)]
    await asyncio.sleep(0.0005)
    asked[0].cancel()
    assert await asyncio.gather(*asked[1:]) == [10, 20]
