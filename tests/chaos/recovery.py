"""Measures from outside, under load, how long the product takes to recover from a fault.

API: the first referral sent after the fault is acknowledged. Relay: the first event committed after the fault has left the outbox.
Consumers: that event was applied by every subscribed context.
"""

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from time import monotonic
from uuid import UUID

import asyncpg

_POLL_SECONDS, _MAX_RECOVERY_SECONDS = 0.1, 90.0
_CONNECT_TIMEOUT_SECONDS = 10.0
_FOLLOWED_PROBES = 1200
_NEWEST_EVENT = """
SELECT id, seq, extract(epoch FROM clock_timestamp() - recorded_at)::float AS age FROM referrals.event
WHERE topic = 'referrals.person-record' ORDER BY seq DESC LIMIT 1"""
_UNPUBLISHED = "SELECT seq FROM referrals.outbox WHERE seq = ANY($1::bigint[])"
_APPLIED = "SELECT event_id FROM {context}.inbox WHERE event_id = ANY($1::uuid[])"
_BACKLOG = """
SELECT (SELECT count(*) FROM referrals.outbox) + (SELECT count(*) FROM rapid_care.outbox)
     + (SELECT count(*) FROM mdt.outbox) + (SELECT count(*) FROM navigation.outbox)"""
_SUBSCRIBERS = ("rapid_care", "mdt", "navigation")


@dataclass(slots=True)
class Probe:
    """A followed event, with the monotonic times of its commit, its publication and its application by each context."""

    id: UUID
    seq: int
    committed: float
    published: float | None = None
    applied: dict[str, float] = field(default_factory=dict)

    @property
    def applied_everywhere(self) -> float | None:
        return max(self.applied.values()) if len(self.applied) == len(_SUBSCRIBERS) else None


@dataclass(frozen=True, slots=True)
class Recovery:
    """Seconds after the end of the fault; None when the load ended first."""

    api: float | None
    relay: float | None
    consumers: float | None


class RecoveryMonitor:
    """Follows the newest event several times a second, on its own connection, which bypasses the proxies."""

    def __init__(self, database_url: str, acknowledged_at: list[tuple[float, float]]) -> None:
        self._url, self._acknowledged_at = database_url, acknowledged_at
        self.probes: list[Probe] = []
        self.backlog: list[tuple[float, int]] = []

    async def run(self) -> None:
        """Runs until cancelled; reconnects after every error."""
        while True:
            with suppress(Exception):
                async with asyncio.timeout(_CONNECT_TIMEOUT_SECONDS):
                    owner = await asyncpg.connect(self._url, timeout=5, command_timeout=10)
                try:
                    await self._follow(owner)
                finally:
                    owner.terminate()
            await asyncio.sleep(_POLL_SECONDS)

    def recovery(self, after: float) -> Recovery:
        """Returns the times known so far."""
        later = [probe for probe in self.probes if probe.committed >= after]
        return Recovery(
            _first((ended for begun, ended in self._acknowledged_at if begun >= after), after),
            _first((probe.published for probe in later if probe.published), after),
            _first((probe.applied_everywhere for probe in later if probe.applied_everywhere), after),
        )

    async def wait_for_recovery(self, after: float) -> Recovery:
        """Waits until all three have recovered, at most 90 seconds."""
        while monotonic() - after < _MAX_RECOVERY_SECONDS:
            found = self.recovery(after)
            if None not in {found.api, found.relay, found.consumers}:
                return found
            await asyncio.sleep(_POLL_SECONDS)
        return self.recovery(after)

    async def _follow(self, owner: "asyncpg.Connection[asyncpg.Record]") -> None:
        while True:
            if row := await owner.fetchrow(_NEWEST_EVENT):
                self._add_probe(row)
            now = monotonic()
            open_probes = [
                probe for probe in self.probes[-_FOLLOWED_PROBES:] if probe.applied_everywhere is None or probe.published is None
            ]
            if open_probes:
                await self._update(owner, open_probes)
            if not self.backlog or now - self.backlog[-1][0] > 1:
                self.backlog.append((now, await owner.fetchval(_BACKLOG)))
            await asyncio.sleep(_POLL_SECONDS)

    def _add_probe(self, row: asyncpg.Record) -> None:
        if not self.probes or self.probes[-1].id != row["id"]:
            self.probes.append(Probe(row["id"], row["seq"], monotonic() - row["age"]))

    async def _update(self, owner: "asyncpg.Connection[asyncpg.Record]", probes: list[Probe]) -> None:
        unpublished = {row["seq"] for row in await owner.fetch(_UNPUBLISHED, [probe.seq for probe in probes])}
        for probe in probes:
            if probe.published is None and probe.seq not in unpublished:
                probe.published = monotonic()
        for context in _SUBSCRIBERS:
            applied = {row["event_id"] for row in await owner.fetch(_APPLIED.format(context=context), [probe.id for probe in probes])}
            for probe in probes:
                if probe.id in applied:
                    probe.applied.setdefault(context, monotonic())


def _first(instants: Iterable[float], after: float) -> float | None:
    earliest = min(instants, default=None)
    return None if earliest is None else earliest - after
