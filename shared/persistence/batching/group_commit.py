"""Requests that come at the same moment share a transaction: one round trip for each kind of row, and one fsync for all of them.

Invariant: nobody is answered before the commit, and what refuses one never touches another: a group in which something breaks is
undone, and each of its requests is tried alone (docs/adr/0029).
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Sequence
from contextvars import Context
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar, cast

from shared.persistence.errors import INFRASTRUCTURE_ERRORS


class Groupable(Protocol):
    """`apart` names what a request is about: of two requests about the same, the second waits until the first has ended."""

    @property
    def conflict_keys(self) -> Sequence[Hashable]: ...


Q = TypeVar("Q", bound=Groupable)
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class GroupCommitSettings:
    """How many requests go together at most, and how many groups are under way at once."""

    max_size: int = 100
    concurrency: int = 2


class GroupCommit(Generic[Q, R]):
    """`handle` does some requests in one transaction; it gives for each its result, or what refuses it."""

    def __init__(
        self, handle: Callable[[Sequence[Q]], Awaitable[Sequence[R | Exception]]], grouping: GroupCommitSettings = GroupCommitSettings()
    ) -> None:
        self._handle, self._grouping = handle, grouping
        self._waiting: list[tuple[Q, asyncio.Future[R]]] = []
        self._busy: set[Hashable] = set()
        self._workers: set[asyncio.Task[None]] = set()

    async def submit(self, request: Q) -> R:
        """Goes with the next group. Raises what refuses it."""
        answer: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._waiting.append((request, answer))
        self._start_worker()
        return await answer

    def _start_worker(self) -> None:
        if len(self._workers) < self._grouping.concurrency:  # a lane belongs to nobody: it carries no request's trace
            self._workers.add(asyncio.create_task(self._worker(), context=Context()))

    async def _worker(self) -> None:
        """Leaves at once when nothing is left for it: whoever asks a moment later opens another."""
        try:
            while group := self._next_group():
                names = {name for request, _ in group for name in request.conflict_keys}
                try:
                    await self._commit_group(group)
                finally:
                    self._busy -= names
        finally:
            self._workers.discard(cast("asyncio.Task[None]", asyncio.current_task()))

    def _next_group(self) -> list[tuple[Q, asyncio.Future[R]]]:
        """Those that have waited longest, each about something else than all others under way."""
        group: list[tuple[Q, asyncio.Future[R]]] = []
        left: list[tuple[Q, asyncio.Future[R]]] = []
        for request, answer in self._waiting:
            names = request.conflict_keys
            if answer.done():  # whoever asked has gone
                continue
            if len(group) < self._grouping.max_size and self._busy.isdisjoint(names):
                self._busy.update(names)
                group.append((request, answer))
            else:
                left.append((request, answer))
        self._waiting = left
        return group

    async def _commit_group(self, group: Sequence[tuple[Q, asyncio.Future[R]]]) -> None:
        try:
            outcomes = await self._handle([request for request, _ in group])
        except Exception as problem:
            if len(group) > 1 and not isinstance(problem, INFRASTRUCTURE_ERRORS):
                for each in group:
                    await self._commit_group([each])
                return
            outcomes = [problem] * len(group)
        for (_, answer), outcome in zip(group, outcomes, strict=True):
            _resolve(answer, outcome)


def _resolve(answer: "asyncio.Future[R]", outcome: R | Exception) -> None:
    if answer.done():  # whoever asked has gone; a repetition of the request finds what was done
        return
    if isinstance(outcome, Exception):
        answer.set_exception(outcome)
    else:
        answer.set_result(outcome)
