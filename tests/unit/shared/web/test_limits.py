"""Limits of callers and organisations: what is counted, what is refused, and when it is permitted again."""

import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import pytest

from shared.kernel.actor import Actor
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
