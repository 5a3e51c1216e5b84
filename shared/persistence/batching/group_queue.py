"""The queue of group commit: requests that wait together are handled together, never two with a common key.

Invariant: a refused request never affects another. The requests of a group that fails are handled again one at a time.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Sequence
from contextvars import Context
from dataclasses import dataclass, field
from typing import Generic, TypeVar, cast

from shared.persistence.errors import INFRASTRUCTURE_ERRORS

Q = TypeVar("Q")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class QueueSettings:
    """`max_size` requests form a group at most; `concurrency` groups run at once at most."""

    max_size: int = 100
    concurrency: int = 2


@dataclass(frozen=True, slots=True, eq=False)
class _WaitingRequest(Generic[Q, R]):
    request: Q
    keys: frozenset[Hashable]
    response: "asyncio.Future[R]" = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    def resolve(self, outcome: R | Exception) -> None:
        """Sets the response, unless the client disconnected; a repetition of its request finds the stored response."""
        if self.response.done():
            return
        if isinstance(outcome, Exception):
            self.response.set_exception(outcome)
        else:
            self.response.set_result(outcome)


class GroupQueue(Generic[Q, R]):
    """`handle` returns the response or the refusal of each request of a group, or raises when the whole group fails."""

    def __init__(
        self, handle: Callable[[Sequence[Q]], Awaitable[Sequence[R | Exception]]], settings: QueueSettings = QueueSettings()
    ) -> None:
        self._handle, self._settings = handle, settings
        self._waiting: list[_WaitingRequest[Q, R]] = []
        self._busy: set[Hashable] = set()
        self._workers: set[asyncio.Task[None]] = set()

    async def submit(self, request: Q, keys: Sequence[Hashable] = ()) -> R:
        """Handles the request with the next group. Raises its refusal."""
        waiting: _WaitingRequest[Q, R] = _WaitingRequest(request, frozenset(keys))
        self._waiting.append(waiting)
        if len(self._workers) < self._settings.concurrency:
            self._workers.add(asyncio.create_task(self._process_waiting(), context=Context()))  # a worker has no request's trace context
        return await waiting.response

    async def _process_waiting(self) -> None:
        """Exits when no request waits; the next request starts another worker."""
        try:
            while group := self._next_group():
                try:
                    await self._run(group)
                finally:
                    self._busy.difference_update(*(each.keys for each in group))
        finally:
            self._workers.discard(cast("asyncio.Task[None]", asyncio.current_task()))

    def _next_group(self) -> list[_WaitingRequest[Q, R]]:
        """The oldest requests that have no key in common with each other or with a running group."""
        group: list[_WaitingRequest[Q, R]] = []
        left: list[_WaitingRequest[Q, R]] = []
        for each in self._waiting:
            if each.response.done():  # its client disconnected
                continue
            if len(group) < self._settings.max_size and self._busy.isdisjoint(each.keys):
                self._busy.update(each.keys)
                group.append(each)
            else:
                left.append(each)
        self._waiting = left
        return group

    async def _run(self, group: Sequence[_WaitingRequest[Q, R]]) -> None:
        try:
            outcomes = await self._handle([each.request for each in group])
        except Exception as problem:
            if len(group) > 1 and not isinstance(problem, INFRASTRUCTURE_ERRORS):
                for each in group:
                    await self._run([each])
                return
            outcomes = [problem] * len(group)
        for each, outcome in zip(group, outcomes, strict=True):
            each.resolve(outcome)
