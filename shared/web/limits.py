"""How much a caller, and an organisation, may ask of one process: token buckets in memory (docs/adr/0031).

A bucket holds the whole amount of its period and refills evenly, so work that comes in bursts is not slowed. Nothing is refused for good.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from time import monotonic
from typing import Annotated, TypeVar
from uuid import UUID

import structlog

from shared.kernel.actor import Actor
from shared.kernel.errors import DomainError
from shared.kernel.value_rules import Range
from shared.telemetry import metrics

log = structlog.get_logger()

_MINUTE, _HOUR = 60.0, 3600.0
#: The callers and organisations that are remembered; the one that was idle longest is forgotten.
_REMEMBERED = 10_000
#: Seconds in which a further refusal of the same caller is neither logged nor audited.
_QUIET = 60.0
#: Seconds after which a caller may ask for another stream.
_STREAM_WAIT = 10.0
#: Seconds after which a guess that lost its patience may be repeated.
_TURN_WAIT = 1.0
_Amount = Annotated[int, Range(1, 1_000_000_000)]

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Limits:
    """Each process counts for itself. An organisation is limited beside its callers, who may use many subjects."""

    # Requests a minute of one caller
    caller_requests: _Amount = 600
    # Requests a minute of all callers of one organisation
    organisation_requests: _Amount = 6_000
    # Different records about people that one caller looks up in an hour: by id or by a search, lists excluded
    caller_people: _Amount = 200
    # The same for all callers of one organisation
    organisation_people: _Amount = 2_000
    # Lookups of one caller in an hour that find nothing that the caller may see, and wrong guesses of a person in referrals
    caller_misses: _Amount = 60
    # The same for all callers of one organisation
    organisation_misses: _Amount = 400
    # Open streams of one caller
    caller_streams: _Amount = 5
    # Open streams of all callers of one organisation
    organisation_streams: _Amount = 200


class LimitReached(Exception):
    """`limit` is the name in `Limits`; `seconds` are those until the next request; `is_news` when it was not reached just before."""

    def __init__(self, limit: str, seconds: float, *, is_news: bool) -> None:
        super().__init__(limit)
        self.limit, self.seconds, self.is_news = limit, max(1, math.ceil(seconds)), is_news


class _Bucket:
    """Holds `amount` and refills in `period` seconds."""

    __slots__ = ("_amount", "_at", "_per_second", "level")

    def __init__(self, amount: int, period: float, now: float) -> None:
        self._amount, self._per_second, self.level, self._at = float(amount), amount / period, float(amount), now

    def wait(self, now: float) -> float:
        """Refills; returns the seconds until the bucket holds one, zero when it does."""
        level = self.level + (now - self._at) * self._per_second
        self.level = level = level if level < self._amount else self._amount  # noqa: FURB136  on every request
        self._at = now
        return 0.0 if level >= 1 else (1 - level) / self._per_second

    def take(self, now: float) -> float:
        """Takes one if there is one; otherwise returns the seconds until there is one."""
        if wait := self.wait(now):
            return wait
        self.level -= 1
        return 0.0


class _Places:
    """As many acts are in progress as `bucket` holds, because each may take one when it ends. Further acts wait, the first the shortest."""

    __slots__ = ("_bucket", "_head", "_in_progress", "_left", "_waiting")

    def __init__(self, bucket: _Bucket) -> None:
        self._bucket, self._in_progress, self._waiting = bucket, 0, 0
        self._head, self._left = asyncio.Lock(), asyncio.Event()

    async def take(self, clock: Callable[[], float], patience: float | None) -> float:
        """Takes a place, after at most `patience` seconds; or returns the seconds until there may be one, and takes none."""
        if not self._waiting and not self._bucket.wait(clock()) and self._is_free:
            self._in_progress += 1
            return 0.0
        self._waiting += 1
        try:
            async with asyncio.timeout(patience):
                return await self._take_in_turn(clock)
        except TimeoutError:
            return _TURN_WAIT
        finally:
            self._waiting -= 1

    async def _take_in_turn(self, clock: Callable[[], float]) -> float:
        async with self._head:  # only the first of those that wait asks; the lock serves the others in their order
            while not (wait := self._bucket.wait(clock())) and not self._is_free:
                self._left.clear()
                await self._left.wait()
            self._in_progress += not wait
            return wait

    @property
    def _is_free(self) -> bool:
        return self._bucket.level >= self._in_progress + 1

    def leave(self) -> None:
        self._in_progress -= 1
        self._left.set()


@dataclass(slots=True)
class _Usage:
    """What one caller or organisation has used."""

    whose: str
    requests: _Bucket
    people: _Bucket
    misses: _Bucket
    guesses: _Bucket
    most_streams: int
    comparisons: _Places
    streams: int = 0
    seen: set[UUID] = field(default_factory=set)
    seen_since: float = 0.0
    reported: dict[str, float] = field(default_factory=dict)

    def look_up(self, subject: UUID, now: float) -> None:
        """Counts a subject once within an hour."""
        if now - self.seen_since > _HOUR:
            self.seen, self.seen_since = set(), now
        if subject not in self.seen:
            self.seen.add(subject)
            self.people.take(now)


class CallerLimits:
    """Counts the requests of one application. A check costs a few microseconds; only a guess waits for others."""

    def __init__(self, limits: Limits, context: str, clock: Callable[[], float] = monotonic) -> None:
        self._limits, self._context, self._clock = limits, context, clock
        self._of_caller = lru_cache(_REMEMBERED)(self._new_caller)
        self._of_organisation = lru_cache(_REMEMBERED)(self._new_organisation)

    def admit(self, actor: Actor, *, is_lookup: bool) -> None:
        """Counts a request. Raises LimitReached; a caller who looked up too much may still command, and read lists."""
        now = self._clock()
        for usage in self._usages(actor):
            if wait := usage.requests.take(now):
                raise self._reached(usage, "requests", wait, now)
            if is_lookup:
                self._admit_lookup(usage, now)

    def admit_lookup(self, actor: Actor) -> None:
        """For a request that was counted, and turned out to be a lookup. Raises LimitReached."""
        now = self._clock()
        for usage in self._usages(actor):
            self._admit_lookup(usage, now)

    def _admit_lookup(self, usage: _Usage, now: float) -> None:
        if wait := usage.people.wait(now):
            raise self._reached(usage, "people", wait, now)
        if wait := usage.misses.wait(now):
            raise self._reached(usage, "misses", wait, now)

    def found(self, actor: Actor, subjects: Collection[UUID]) -> None:
        """Counts the records that a lookup found, before the answer shows them; a lookup that found none is a miss.

        Raises LimitReached, whatever was found, when lookups at the same time have used up the limit.
        """
        if not subjects:
            self.missed(actor)
            return
        self.admit_lookup(actor)
        now = self._clock()
        for usage in self._usages(actor):
            for subject in subjects:
                usage.look_up(subject, now)

    def missed(self, actor: Actor) -> None:
        """Counts a lookup that found nothing, before its answer says so. Raises LimitReached, as `found` does."""
        self.admit_lookup(actor)
        now = self._clock()
        for usage in self._usages(actor):
            usage.misses.take(now)

    async def guess(
        self,
        actor: Actor,
        act: Callable[[], Awaitable[R]],
        is_wrong: Callable[[R], bool] = lambda _: False,
        patience: float | None = None,
    ) -> R:
        """Runs `act`, and counts it when its result is wrong, or its refusal shows what is stored about a person.

        Raises LimitReached after as many as misses; lookups that find nothing do not exhaust it. At most as many acts as may still be wrong
        are in progress; a further one waits, at most `patience` seconds, and raises LimitReached then.
        """
        usages = self._usages(actor)
        await self._take_places(*usages, patience)
        try:
            result = await act()
        except DomainError as refusal:
            if refusal.shows:
                self._count_guess(usages)
            raise
        else:
            if is_wrong(result):
                self._count_guess(usages)
            return result
        finally:
            for usage in usages:
                usage.comparisons.leave()

    async def _take_places(self, caller: _Usage, organisation: _Usage, patience: float | None) -> None:
        """A place in each. Raises LimitReached, and holds none then."""
        await self._take_place(caller, patience)
        try:
            await self._take_place(organisation, patience)
        except BaseException:
            caller.comparisons.leave()
            raise

    async def _take_place(self, usage: _Usage, patience: float | None) -> None:
        if wait := await usage.comparisons.take(self._clock, patience):
            raise self._reached(usage, "misses", wait, self._clock())

    def _count_guess(self, usages: Iterable[_Usage]) -> None:
        now = self._clock()
        for usage in usages:
            usage.misses.take(now)
            usage.guesses.take(now)

    @contextmanager
    def stream(self, actor: Actor) -> Iterator[None]:
        """Counts an open stream during the block. Raises LimitReached."""
        usages, now = self._usages(actor), self._clock()
        for usage in usages:
            if usage.streams >= usage.most_streams:
                raise self._reached(usage, "streams", _STREAM_WAIT, now)
        for usage in usages:
            usage.streams += 1
        try:
            yield
        finally:
            for usage in usages:
                usage.streams -= 1

    def _reached(self, usage: _Usage, kind: str, wait: float, now: float) -> LimitReached:
        limit = f"{usage.whose}_{kind}"
        metrics.LIMITS_REACHED.labels(self._context, limit).inc()
        is_news = now - usage.reported.get(kind, -_QUIET) >= _QUIET
        if is_news:
            usage.reported[kind] = now
        return LimitReached(limit, wait, is_news=is_news)

    def _usages(self, actor: Actor) -> tuple[_Usage, _Usage]:
        return self._of_caller(actor.issuer, actor.organisation, actor.id), self._of_organisation(actor.issuer, actor.organisation)

    def _new_caller(self, _: str, __: str, ___: str) -> _Usage:
        limits = self._limits
        return self._usage("caller", limits.caller_requests, limits.caller_people, limits.caller_misses, limits.caller_streams)

    def _new_organisation(self, _: str, __: str) -> _Usage:
        limits = self._limits
        amounts = limits.organisation_requests, limits.organisation_people, limits.organisation_misses, limits.organisation_streams
        return self._usage("organisation", *amounts)

    def _usage(self, whose: str, requests: int, people: int, misses: int, streams: int) -> _Usage:
        now = self._clock()
        buckets = _Bucket(requests, _MINUTE, now), _Bucket(people, _HOUR, now), _Bucket(misses, _HOUR, now), _Bucket(misses, _HOUR, now)
        return _Usage(whose, *buckets, streams, _Places(buckets[-1]), seen_since=now)


def report(actor: Actor, reached: LimitReached) -> None:
    """Logs who reached a limit: codes of staff and organisations, no person."""
    log.warning("limit.reached", limit=reached.limit, organisation=actor.organisation, actor=actor.id, system=actor.system)
