"""The four contexts in one process on one database. A test decides when events arrive, in which order, and how often."""

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import asyncpg

from infra.contexts import CONTEXTS, subscribed_types
from infra.dev_stack.dev_secrets import Keys
from services.navigation.domain.policy import Policy as NavigationPolicy
from shared.contracts.envelope import Record
from shared.messaging.outbound.outbox_publisher import signed_headers
from tests.builders.context_app import RunningContext
from tests.builders.mdt import mdt
from tests.builders.navigation import navigation
from tests.builders.rapid_care import rapid_care
from tests.builders.referrals import referrals

_NEW = "SELECT * FROM event WHERE seq > $1 ORDER BY seq"
_NEXT = "SELECT min(due_at) FROM deadline WHERE state = 'pending'"


@dataclass(slots=True)
class Channel:
    """The records of one topic and key for one consumer, in Kafka's order; `delivered` counts those that it has applied."""

    consumer: str
    records: list[Record] = field(default_factory=list)
    delivered: int = 0

    @property
    def waiting(self) -> int:
        return len(self.records) - self.delivered


@dataclass(slots=True)
class FourContexts:
    """`channels` are keyed by consumer, topic and key. Records of one channel arrive in order, those of several in any."""

    contexts: Mapping[str, RunningContext]
    channels: dict[tuple[str, str, str], Channel] = field(default_factory=dict)
    _collected: dict[str, int] = field(default_factory=dict)

    @property
    def now(self) -> datetime:
        return self.contexts["referrals"].clock.at

    async def waiting(self) -> list[Channel]:
        """Collects the newly committed events; returns the channels with records that have not arrived."""
        for producer in CONTEXTS:
            for row in await self.contexts[producer].database.pool.fetch(_NEW, self._collected.get(producer, 0)):
                self._collected[producer] = row["seq"]
                self._enqueue(producer, row)
        return [channel for channel in self.channels.values() if channel.waiting]

    async def deliver(self, channel: Channel, count: int = 1, *, repeats: int = 0) -> None:
        """Delivers the next `count` records after the last `repeats` ones, as a consumer that lost its offset reads them."""
        first = max(channel.delivered - repeats, 0)
        batch = channel.records[first : channel.delivered + count]
        await self.contexts[channel.consumer].processor.apply(batch)
        channel.delivered = max(channel.delivered, first + len(batch))

    async def settle(self) -> None:
        """Delivers everything, and everything that follows from it."""
        while channels := await self.waiting():
            for channel in channels:
                await self.deliver(channel, channel.waiting)

    async def replay(self) -> None:
        """Delivers every record of the log a second time."""
        for channel in self.channels.values():
            await self.deliver(channel, 0, repeats=channel.delivered)

    async def let_pass(self, time: timedelta) -> None:
        """Moves all clocks from deadline to deadline; events arrive at once."""
        end = self.now + time
        await self.settle()
        while (due := await self._next_deadline()) is not None and due <= end:
            self.set_clock(max(due, self.now))
            await self.fire(self.contexts)
            await self.settle()
        self.set_clock(end)

    async def fire(self, names: Iterable[str]) -> None:
        """Fires the due deadlines of some contexts."""
        for name in names:
            await self.contexts[name].scheduler.process_due()

    def set_clock(self, instant: datetime) -> None:
        for context in self.contexts.values():
            context.clock.at = instant

    def _enqueue(self, producer: str, row: asyncpg.Record) -> None:
        headers = signed_headers(row, "/care", self.contexts[producer].database.secrets.mac_keys)
        record = Record(row["topic"], 0, row["seq"], str(row["key"]).encode(), row["data"], tuple(headers))
        for consumer in CONTEXTS:
            if row["type"] in subscribed_types(consumer, producer):
                key = consumer, row["topic"], str(row["key"])
                self.channels.setdefault(key, Channel(consumer)).records.append(record)

    async def _next_deadline(self) -> datetime | None:
        due = [await context.database.pool.fetchval(_NEXT) for context in self.contexts.values()]
        return min((each for each in due if each is not None), default=None)


@asynccontextmanager
async def four_contexts(owner_url: str, keys: Keys, now: datetime) -> AsyncIterator[FourContexts]:
    """Opens the four contexts, each under its own role, with all clocks at `now`."""
    async with AsyncExitStack() as stack:
        yield FourContexts(
            {
                "referrals": (await stack.enter_async_context(referrals(owner_url, keys, now))).context,
                "rapid_care": (await stack.enter_async_context(rapid_care(owner_url, keys, now))).context,
                "mdt": await stack.enter_async_context(mdt(owner_url, keys, now)),
                "navigation": (await stack.enter_async_context(navigation(owner_url, keys, now, NavigationPolicy()))).context,
            }
        )
