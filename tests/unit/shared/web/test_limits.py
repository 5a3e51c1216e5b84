"""Limits of callers and organisations: what is counted, what is refused, and when it is permitted again."""

import asyncio
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from typing import Any
from uuid import UUID

import pytest

from shared.kernel.actor import Actor
from shared.kernel.errors import NotFound
from shared.kernel.ids import new_id
from shared.web.limits import CallerLimits, LimitReached, Limits


class Clock:
    """Stands still until a test moves it."""

    def __init__(self) -> None:
        self.at = 1000.0

    def __call__(self) -> float:
        return self.at


def caller(subject: str = "dr-7", organisation: str = "W07", issuer: str = "care") -> Actor:
    return Actor(subject, organisation, "gp", issuer=issuer)


def limited(**limits: Any) -> tuple[CallerLimits, Clock]:
    clock = Clock()
    return CallerLimits(Limits(**limits), "test", clock), clock


def reached(act: Callable[[], object]) -> str | None:
    """The limit that refuses, or None."""
    try:
        act()
    except LimitReached as problem:
        return problem.limit
    return None


def test_requests_are_limited_and_refill_evenly() -> None:
    limits, clock = limited(caller_requests=60)
    answers = [reached(lambda: limits.admit(caller(), is_lookup=False)) for _ in range(61)]

    clock.at += 2.0
    later = [reached(lambda: limits.admit(caller(), is_lookup=False)) for _ in range(3)]

    assert answers == [None] * 60 + ["caller_requests"]
    assert later == [None, None, "caller_requests"]


def test_refusal_states_the_wait() -> None:
    limits, _ = limited(caller_misses=60)
    for _ in range(60):
        limits.missed(caller())

    with pytest.raises(LimitReached) as refused:
        limits.admit(caller(), is_lookup=True)

    assert (refused.value.limit, refused.value.seconds) == ("caller_misses", 60)


def test_subjects_of_one_organisation_share_its_limit() -> None:
    limits, _ = limited(caller_misses=10, organisation_misses=15)
    for number in range(15):
        limits.missed(caller(f"dr-{number % 2}"))

    assert reached(lambda: limits.admit(caller("dr-new"), is_lookup=True)) == "organisation_misses"
    assert reached(lambda: limits.admit(caller("dr-new", "W08"), is_lookup=True)) is None
    assert reached(lambda: limits.admit(caller("dr-new", issuer="other"), is_lookup=True)) is None


def test_one_record_counts_once_an_hour() -> None:
    limits, clock = limited(caller_people=2)
    one, other = new_id(), new_id()
    for subject in (one, one, one, other):
        assert reached(lambda: limits.admit(caller(), is_lookup=True)) is None
        limits.found(caller(), [subject])

    assert reached(lambda: limits.admit(caller(), is_lookup=True)) == "caller_people"
    clock.at += 3601
    limits.found(caller(), [one])
    limits.found(caller(), [other])
    assert reached(lambda: limits.admit(caller(), is_lookup=True)) == "caller_people"


def test_exhausted_lookups_leave_commands_and_lists() -> None:
    limits, _ = limited(caller_misses=1)
    limits.found(caller(), [])

    assert reached(lambda: limits.admit(caller(), is_lookup=False)) is None
    assert reached(lambda: limits.admit(caller(), is_lookup=True)) == "caller_misses"


async def guess(limits: CallerLimits, actor: Actor | None = None, *, shown: UUID | None = None, pauses: int = 1) -> str | None:
    """The limit that refuses the guess, or None; it is wrong when it shows a person."""

    async def act() -> None:
        for _ in range(pauses):
            await asyncio.sleep(0)
        if shown:
            raise NotFound("No such person.").about(shown)

    try:
        await limits.guess(actor or caller(), act)
    except LimitReached as problem:
        return problem.limit
    except NotFound:
        return None
    return None


async def test_wrong_guesses_are_misses_of_caller_and_organisation() -> None:
    limits, clock = limited(caller_misses=2, organisation_misses=3)
    answers = [await guess(limits, shown=new_id()) for _ in range(3)]
    others = [await guess(limits, caller(other), shown=new_id()) for other in ("dr-8", "dr-9")]
    lookup = reached(lambda: limits.admit(caller(), is_lookup=True))
    clock.at += 1801

    assert answers == [None, None, "caller_misses"]
    assert others == [None, "organisation_misses"]
    assert lookup == "caller_misses"
    assert await guess(limits, shown=new_id()) is None


async def test_right_guesses_and_other_refusals_cost_nothing() -> None:
    async def refuse() -> None:
        raise NotFound("A refusal that shows no person.")

    limits, _ = limited(caller_misses=1)

    assert [await guess(limits) for _ in range(5)] == [None] * 5
    with pytest.raises(NotFound):
        await limits.guess(caller(), refuse)
    assert await guess(limits) is None


async def test_empty_lookups_exhaust_no_guesses() -> None:
    limits, _ = limited(caller_misses=1)
    limits.missed(caller())

    assert reached(lambda: limits.admit(caller(), is_lookup=True)) == "caller_misses"
    assert await guess(limits) is None


async def test_guesses_at_once_stay_within_the_limit() -> None:
    """No more are in progress than may still be wrong."""
    limits, _ = limited(caller_misses=10)
    answers = await asyncio.gather(*(guess(limits, shown=new_id(), pauses=number % 7 + 1) for number in range(500)))

    assert answers.count(None) == 10


async def test_guesses_at_once_stay_within_limit_of_organisation() -> None:
    limits, _ = limited(caller_misses=10, organisation_misses=15)
    callers = [caller(f"dr-{number % 5}") for number in range(100)]
    answers = await asyncio.gather(*(guess(limits, each, shown=new_id(), pauses=at % 7 + 1) for at, each in enumerate(callers)))

    assert answers.count(None) == 15


async def test_right_guesses_at_once_wait_for_their_turn() -> None:
    limits, _ = limited(caller_misses=3)
    await guess(limits, shown=new_id())

    assert await asyncio.gather(*(guess(limits) for _ in range(100))) == [None] * 100


async def test_cancelled_guesses_give_their_turn_to_others() -> None:
    limits, _ = limited(caller_misses=1)
    acts = [asyncio.create_task(guess(limits)) for _ in range(4)]
    await asyncio.sleep(0)
    for each in acts[:3]:
        each.cancel()

    assert await asyncio.wait_for(acts[3], 1) is None


async def test_guesses_have_their_turn_in_order() -> None:
    """Further guesses arrive while they wait, and one of those that wait is given up."""
    limits, _ = limited(caller_misses=1)
    order: list[int] = []

    async def act(number: int) -> None:
        for _ in range(3):
            await asyncio.sleep(0)
        order.append(number)

    acts = []
    for number in range(300):
        acts.append(asyncio.create_task(limits.guess(caller(), partial(act, number))))
        await asyncio.sleep(0)
        if number == 200:
            acts[199].cancel()
    await asyncio.gather(*acts, return_exceptions=True)

    assert order == [number for number in range(300) if number != 199]


async def test_impatient_guess_waits_for_no_other() -> None:
    limits, _ = limited(caller_misses=1)
    others_end = asyncio.Event()
    other = asyncio.create_task(limits.guess(caller(), others_end.wait))
    await asyncio.sleep(0)

    with pytest.raises(LimitReached) as refused:
        await limits.guess(caller(), others_end.wait, patience=0.01)
    others_end.set()

    assert (refused.value.limit, await other, await guess(limits)) == ("caller_misses", True, None)


async def test_received_guesses_count_by_their_result() -> None:
    limits, _ = limited(caller_misses=2)

    async def act() -> bool:
        return True

    for _ in range(2):
        assert await limits.guess(caller(), act, is_wrong=bool)
    with pytest.raises(LimitReached) as refused:
        await limits.guess(caller(), act, is_wrong=bool)

    assert refused.value.limit == "caller_misses"


async def look_up(limits: CallerLimits, *found: UUID) -> str | None:
    """The limit that refuses the lookup, before it begins or before it shows what it found; or None."""
    try:
        limits.admit(caller(), is_lookup=True)
        await asyncio.sleep(0)
        limits.found(caller(), found)
    except LimitReached as problem:
        return problem.limit
    return None


async def test_lookups_at_once_stay_within_limit_of_misses() -> None:
    """Beyond the limit a lookup that finds a record is refused like the others."""
    limits, _ = limited(caller_misses=10)
    misses = await asyncio.gather(*(look_up(limits) for _ in range(100)), look_up(limits, new_id()))

    assert misses == [None] * 10 + ["caller_misses"] * 91


async def test_lookups_at_once_stay_within_limit_of_people() -> None:
    limits, _ = limited(caller_people=10)
    answers = await asyncio.gather(*(look_up(limits, new_id(), new_id()) for _ in range(100)))

    assert answers == [None] * 5 + ["caller_people"] * 95


async def test_lookups_of_one_record_at_once_are_one() -> None:
    limits, _ = limited(caller_people=2)
    known = new_id()

    assert await asyncio.gather(*(look_up(limits, known) for _ in range(100))) == [None] * 100


def test_closed_stream_gives_its_place_back() -> None:
    limits, _ = limited(caller_streams=2, organisation_streams=3)
    with ExitStack() as places:
        for subject in ("dr-7", "dr-7", "dr-8"):
            places.enter_context(limits.stream(caller(subject)))

        assert reached(lambda: places.enter_context(limits.stream(caller()))) == "caller_streams"
        assert reached(lambda: places.enter_context(limits.stream(caller("dr-9")))) == "organisation_streams"

    with limits.stream(caller()), limits.stream(caller()):
        pass


def test_repeated_refusals_are_news_once_a_minute() -> None:
    limits, clock = limited(caller_requests=1)
    limits.admit(caller(), is_lookup=False)
    news = []
    for pause in (0.0, 0.1, 0.1, 0.1):
        clock.at += pause
        with pytest.raises(LimitReached) as refused:
            limits.admit(caller(), is_lookup=False)
        news.append(refused.value.is_news)

    assert news == [True, False, False, False]


def test_check_costs_a_few_microseconds() -> None:
    """Fifty microseconds on the slowest machine: it is about four."""
    limits = CallerLimits(Limits(caller_requests=1_000_000, organisation_requests=1_000_000), "test")
    actor = caller()

    def seconds() -> float:
        began = time.perf_counter()
        for _ in range(1_000):
            limits.admit(actor, is_lookup=True)
        return time.perf_counter() - began

    assert min(seconds() for _ in range(20)) / 1_000 < 50e-6
