"""How long it takes until the product works again, seen from outside while it is under load.

Answers again: the first referral that a client begins to send after the fault is acknowledged. Sends again: the first event committed
after it has left the outbox. Flows again: it was applied by every context that listens. Works again: the server takes a statement.
"""

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from time import monotonic
from uuid import UUID

import asyncpg

_EVERY, _LONGEST = 0.1, 90.0
_LONGEST_LOOK = 10.0
_NEWEST = """
SELECT id, seq, extract(epoch FROM clock_timestamp() - recorded_at)::float AS age FROM referrals.event
WHERE topic = 'referrals.person-record' ORDER BY seq DESC LIMIT 1"""
_UNSENT = "SELECT seq FROM referrals.outbox WHERE seq = ANY($1::bigint[])"
_APPLIED = "SELECT event_id FROM {context}.inbox WHERE event_id = ANY($1::uuid[])"
_BACKLOG = """
SELECT (SELECT count(*) FROM referrals.outbox) + (SELECT count(*) FROM rapid_care.outbox)
     + (SELECT count(*) FROM mdt.outbox) + (SELECT count(*) FROM navigation.outbox)"""
_LISTENERS = ("rapid_care", "mdt", "navigation")


@dataclass(slots=True)
class Probe:
    """An event that is followed: when it was committed, sent, and applied where."""

    id: UUID
    seq: int
    committed: float
    sent: float | None = None
    applied: dict[str, float] = field(default_factory=dict)

    @property
    def arrived(self) -> float | None:
        return max(self.applied.values()) if len(self.applied) == len(_LISTENERS) else None


@dataclass(frozen=True, slots=True)
class Recovery:
    """Seconds after the fault; None when the load had ended before."""

    answers: float | None
    sends: float | None
    flows: float | None


class Watch:
    """Follows the newest event several times a second, on a connection of its own that does not go through the proxies."""

    def __init__(self, database_url: str, answered_at: list[tuple[float, float]]) -> None:
        self._url, self._answered = database_url, answered_at
        self.buoys: list[Probe] = []
        self.backlog: list[tuple[float, int]] = []

    async def run(self) -> None:
        """Until cancelled. Whatever a server that is being killed answers with, it looks again."""
        while True:
            with suppress(Exception):
                async with asyncio.timeout(_LONGEST_LOOK):
                    owner = await asyncpg.connect(self._url, timeout=5, command_timeout=10)
                try:
                    await self._follow(owner)
                finally:
                    owner.terminate()
            await asyncio.sleep(_EVERY)

    def recovery(self, after: float) -> Recovery:
        """As it is known now."""
        later = [buoy for buoy in self.buoys if buoy.committed >= after]
        return Recovery(
            _first((ended for begun, ended in self._answered if begun >= after), after),
            _first((buoy.sent for buoy in later if buoy.sent), after),
            _first((buoy.arrived for buoy in later if buoy.arrived), after),
        )

    async def recovered(self, after: float) -> Recovery:
        """Waits for it, not for ever."""
        while monotonic() - after < _LONGEST:
            found = self.recovery(after)
            if None not in {found.answers, found.sends, found.flows}:
                return found
            await asyncio.sleep(_EVERY)
        return self.recovery(after)

    async def _follow(self, owner: "asyncpg.Connection[asyncpg.Record]") -> None:
        while True:
            if row := await owner.fetchrow(_NEWEST):
                self._note(row)
            now = monotonic()
            open_ones = [buoy for buoy in self.buoys[-1200:] if buoy.arrived is None or buoy.sent is None]
            if open_ones:
                await self._look(owner, open_ones)
            if not self.backlog or now - self.backlog[-1][0] > 1:
                self.backlog.append((now, await owner.fetchval(_BACKLOG)))
            await asyncio.sleep(_EVERY)

    def _note(self, row: asyncpg.Record) -> None:
        if not self.buoys or self.buoys[-1].id != row["id"]:
            self.buoys.append(Probe(row["id"], row["seq"], monotonic() - row["age"]))

    async def _look(self, owner: "asyncpg.Connection[asyncpg.Record]", buoys: list[Probe]) -> None:
        unsent = {row["seq"] for row in await owner.fetch(_UNSENT, [buoy.seq for buoy in buoys])}
        for buoy in buoys:
            if buoy.sent is None and buoy.seq not in unsent:
                buoy.sent = monotonic()
        for context in _LISTENERS:
            there = {row["event_id"] for row in await owner.fetch(_APPLIED.format(context=context), [buoy.id for buoy in buoys])}
            for buoy in buoys:
                if buoy.id in there:
                    buoy.applied.setdefault(context, monotonic())


def _first(instants: Iterable[float], after: float) -> float | None:
    earliest = min(instants, default=None)
    return None if earliest is None else earliest - after
