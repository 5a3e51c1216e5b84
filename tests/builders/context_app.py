"""A context inside a test: its HTTP application, event processor and deadline scheduler on one database."""

from base64 import b64decode
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

import asyncpg
import httpx
import orjson
from fastapi import APIRouter, FastAPI
from starlette.datastructures import State

from infra.dev_stack.dev_secrets import AUDIENCE, ISSUER, LONGEST_LIFETIME, Keys
from shared.clock import FrozenClock
from shared.contracts.authentication import HEADER, MacKeys
from shared.contracts.encryption import KeyRing
from shared.contracts.envelope import DATA_KEY, Envelope, Record, decode, encode, to_headers
from shared.contracts.event import Event
from shared.kernel.ids import new_id
from shared.kernel.scope_holders import Holders
from shared.messaging.deadline_scheduler import DeadlineScheduler, SchedulerSettings
from shared.messaging.event_processor import EventProcessor
from shared.messaging.outbound.outbox_publisher import envelope_of
from shared.messaging.subscriptions import Subscriptions
from shared.persistence.batch_interfaces import Group
from shared.persistence.batching.write_batch import WriteBatch
from shared.persistence.database import Database, connect
from shared.persistence.deployment_secrets import Secrets
from shared.web.app import create_app as assemble
from shared.web.auth import Tokens
from shared.web.health import Gauges
from shared.web.limits import CallerLimits
from shared.web.signing_keys import SigningKeys
from tests.builders.limits import NO_LIMITS

E = TypeVar("E", bound=Event)

#: The tables of the context's schema; rows of partitions belong to their table.
TABLES = "SELECT relname FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition"

#: Applications without a current user, kept because building the routes takes longer than most tests.
_IDLE: dict[tuple[object, ...], list[FastAPI]] = {}


def secrets_of(keys: Keys) -> Secrets:
    """The secrets of all contexts in one: a test publishes for any of them."""
    mac_keys = {context: {keys.mac_key: b64decode(secret)} for context, secret in keys.mac_secrets.items()}
    return Secrets(
        b64decode(keys.person_id_secret),
        KeyRing({keys.record_key: b64decode(keys.record_secret)}, keys.record_key),
        MacKeys(mac_keys, dict.fromkeys(mac_keys, keys.mac_key)),
    )


def tokens_of(keys: Keys) -> Tokens:
    return Tokens(SigningKeys(jwks=orjson.loads(keys.public())), issuer=ISSUER, audience=AUDIENCE, max_lifetime=LONGEST_LIFETIME)


#: The time of an event of another context, unless a test states one.
_LONG_BEFORE = datetime.fromisoformat("2015-03-01T09:00:00+00:00")


def arrived(
    event: Event,
    *,
    key: UUID,
    subject: UUID,
    secrets: Secrets,
    correlation: UUID | None = None,
    sequence: int = 1,
    at: datetime = _LONG_BEFORE,
) -> Record:
    """The Kafka record of an event published by another context."""
    envelope = Envelope(
        id=new_id(),
        type=event.TYPE,
        source="/care/elsewhere",
        subject=str(subject),
        key=str(key),
        sequence=sequence,
        time=at,
        recorded_time=at,
        correlation_id=correlation or subject,
        causation_id=None,
        actor_org="CARE",
        actor_role="system",
        traceparent=None,
    )
    offset = envelope.id.int & 0x7FFF_FFFF_FFFF
    value, data_key = encode(event, subject, envelope.id, secrets.key_ring)
    headers = (*to_headers(envelope), *([(DATA_KEY, data_key)] if data_key else []))
    return signed(Record(event.TOPIC, 0, offset, str(key).encode(), value, headers), secrets.mac_keys)


def signed(record: Record, keys: MacKeys) -> Record:
    """The record with the MAC of its topic's context, in place of any other."""
    headers = tuple(header for header in record.headers if header[0] != HEADER)
    return replace(record, headers=(*headers, keys.sign(record.topic, record.key, record.value, headers)))


@dataclass(frozen=True)
class RunningContext:
    """The operations of a test on a context: HTTP calls, events, time and the event log.

    `database` is the worker's, and sees every row; `api_database` is that of the HTTP application.
    """

    http: httpx.AsyncClient
    database: Database[Any]
    api_database: Database[Any]
    clock: FrozenClock
    processor: EventProcessor
    scheduler: DeadlineScheduler
    keys: Keys
    state: State
    holders: Callable[[Any], Holders]

    def use_policy(self, policy: Any) -> None:
        """As if the process had started with it."""
        self.database.policy = self.api_database.policy = policy
        self.state.holders = self.holders(policy)

    async def deliver(self, event: Event, *, key: UUID, subject: UUID, **envelope: Any) -> Record:
        """Applies an event and returns its record, so that a test can deliver it again. `envelope` is as of `arrived`."""
        record = arrived(event, key=key, subject=subject, secrets=self.database.secrets, **envelope)
        await self.processor.apply([record])
        return record

    async def let_pass(self, time: timedelta) -> None:
        """Moves the clock from deadline to deadline, so that each fires at its own time."""
        end = self.clock.at + time
        while True:
            due = await self.database.pool.fetchval("SELECT min(due_at) FROM deadline WHERE state = 'pending'")
            if due is None or due > end:
                break
            self.clock.at = max(due, self.clock.at)
            await self.scheduler.process_due()
        self.clock.at = end

    async def log(self) -> list[Event]:
        """All events of the context, in order."""
        rows = await self.database.pool.fetch("SELECT * FROM event ORDER BY seq")
        return [self._event(row) for row in rows]

    async def published(self, kind: type[E]) -> list[E]:
        """The events of one type."""
        return [event for event in await self.log() if isinstance(event, kind)]

    def token(
        self, *scopes: str, organisation: str = "CLCH", role: str = "clinician", actor: str = "clinician-1", **claims: Any
    ) -> dict[str, str]:
        """The Authorization header of a caller with these scopes, and with further `claims`."""
        return {"Authorization": f"Bearer {self.keys.token(actor, organisation, role, list(scopes), **claims)}"}

    def _event(self, row: asyncpg.Record) -> Event:
        record = Record(row["topic"], 0, row["seq"], str(row["key"]).encode(), row["data"], ((DATA_KEY, row["data_key"]),))
        return decode(envelope_of(row, "/care/test"), record, self.database.secrets.key_ring)


@asynccontextmanager
async def run_context(
    *,
    owner_url: str,
    keys: Keys,
    subscriptions: Subscriptions,
    router: APIRouter,
    policy: Any,
    now: datetime,
    holders: Callable[[Any], Holders] = lambda _: Holders(),
    unlimited: Sequence[str] = (),
    gauges: Sequence[Gauges] = (),
    groups: Sequence[Group] = (),
    limits: CallerLimits | None = None,
) -> AsyncIterator[RunningContext]:
    """Opens the context on the database at `owner_url` under the role of the context, with a frozen clock at `now`."""
    clock = FrozenClock(now)
    url = keys.roles.url(owner_url, subscriptions.context)
    how: dict[str, Any] = {"clock": clock, "policy": policy, "secrets": secrets_of(keys), "size": 8, "new_batch": WriteBatch}
    database, api_database = await connect(url, is_service=True, **how), await connect(url, groups=groups, **how)

    try:
        with _application(subscriptions, router, unlimited, gauges) as app:
            app.state = state = State(
                {
                    "database": api_database,
                    "tokens": tokens_of(keys),
                    "holders": holders(policy),
                    "limits": limits or CallerLimits(NO_LIMITS, "test"),
                    "metrics_token": None,
                }
            )
            async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://care.test") as http:
                yield RunningContext(
                    http,
                    database,
                    api_database,
                    clock,
                    EventProcessor(database, subscriptions),
                    DeadlineScheduler(database, subscriptions, SchedulerSettings(attempts=1)),
                    keys,
                    state,
                    holders,
                )
    finally:
        await database.close()
        await api_database.close()


@contextmanager
def _application(subscriptions: Subscriptions, router: APIRouter, unlimited: Sequence[str], gauges: Sequence[Gauges]) -> Iterator[FastAPI]:
    """An application for one user at a time; the user sets its state."""
    idle = _IDLE.setdefault((router.prefix, *unlimited, *gauges), [])
    app = idle.pop() if idle else _assembled(subscriptions, router, unlimited, gauges)
    try:
        yield app
    finally:
        idle.append(app)


def _assembled(subscriptions: Subscriptions, router: APIRouter, unlimited: Sequence[str], gauges: Sequence[Gauges]) -> FastAPI:
    async def open_database() -> Database[Any]:
        raise AssertionError("No server runs the application; its user opens and closes the database.")

    return assemble(
        context=subscriptions.context,
        title=subscriptions.context,
        router=router,
        open_database=open_database,
        tokens=Tokens(SigningKeys(), issuer=ISSUER, audience=AUDIENCE, max_lifetime=LONGEST_LIFETIME),
        unlimited=unlimited,
        gauges=gauges,
    )


def repeated(record: Record, times: int) -> list[Record]:
    """The same event at other offsets, as in at-least-once delivery."""
    return [replace(record, offset=record.offset + number) for number in range(times)]
