"""The sending and the receiving context of the parcel on one database, and the operations of the tests on them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import asyncpg
from fastapi import APIRouter
from httpx import Response
from sqlalchemy.dialects.postgresql import dialect
from sqlalchemy.schema import CreateTable

from infra.deploy.database_roles import Roles
from infra.dev_stack.dev_secrets import Keys
from shared.contracts.codes import Condition
from shared.contracts.envelope import Record
from shared.kernel.ids import new_id
from shared.messaging.outbound.outbox_publisher import signed_headers
from shared.messaging.subscriptions import Subscriptions
from tests.builders.context_app import RunningContext, run_context, signed
from tests.builders.faulty_database import FaultyDatabase
from tests.integration.shared import effect_context, parcel_context, parcel_routes
from tests.integration.shared.parcel_context import Behaviour, Parcel

_DIALECT = dialect()  # type: ignore[no-untyped-call]
NOW = datetime(2015, 3, 16, 9, 0, tzinfo=UTC)


@dataclass(frozen=True)
class DeliveryHarness(FaultyDatabase):
    """`owner` is a connection of the database owner."""

    sender: RunningContext
    receiver: RunningContext
    owner: "asyncpg.Connection[asyncpg.Record]"
    owner_url: str
    behaviour: Behaviour

    async def send(self, person_id: UUID | None = None, condition: Condition = Condition.COPD) -> Parcel:
        async with self.sender.database.transaction() as tx:
            return await parcel_context.send(tx, parcel_context.a_parcel(tx.now, person_id=person_id, condition=condition))

    async def post(self, body: dict[str, Any] | None = None, **headers: str) -> Response:
        """Sends a parcel over HTTP."""
        sent = {"person_id": str(new_id()), "condition": "copd"} if body is None else body
        all_headers = self.sender.token("parcels:send") | {"Idempotency-Key": str(new_id())} | headers
        return await self.sender.http.post("/parcels", json=sent, headers=all_headers)

    async def accept(self, parcel_id: object, version: int, **headers: str) -> Response:
        all_headers = self.sender.token("parcels:send") | {"If-Match": f'W/"{version}"'} | headers
        return await self.sender.http.post(f"/parcels/{parcel_id}/acceptance", headers=all_headers)

    async def records(self, after: int = 0) -> list[Record]:
        """The published events as Kafka records of one partition; an offset is the event's number in the log."""
        rows = await self.owner.fetch("SELECT * FROM rapid_care.event WHERE seq > $1 ORDER BY seq", after)
        keys = self.sender.database.secrets.mac_keys
        return [
            Record(row["topic"], 0, row["seq"], str(row["key"]).encode(), row["data"], tuple(signed_headers(row, "/care/rapid-care", keys)))
            for row in rows
        ]

    def signed(self, record: Record) -> Record:
        """The record with the MAC of the sending context, in place of any other."""
        return signed(record, self.sender.database.secrets.mac_keys)

    async def effects(self) -> list[asyncpg.Record]:
        return await self.owner.fetch("SELECT * FROM navigation.effect ORDER BY seq")

    async def gauges(self) -> dict[str, float]:
        """The metrics of the sender by name, without their labels."""
        text = (await self.sender.http.get("/parcels/metrics")).text
        lines = [line.rpartition(" ") for line in text.splitlines() if 'context="rapid_care"' in line]
        return {line[0].partition("{")[0]: float(line[2]) for line in lines}

    async def is_delivered(self) -> bool:
        """Whether every event was published and applied once."""
        return await self.is_empty("rapid_care.outbox") and not await self.events_not_applied_once()

    async def events_not_applied_once(self) -> list[UUID]:
        """The events subscribed to by the receiver that have no effect, or more than one."""
        rows = await self.owner.fetch("""
            SELECT event.id FROM rapid_care.event LEFT JOIN navigation.effect ON event_id = event.id
            WHERE type LIKE '%.requested.v1' OR type LIKE '%.accepted.v1'
            GROUP BY event.id HAVING count(event_id) <> 1""")
        return [row["id"] for row in rows]


@asynccontextmanager
async def open_harness(owner_url: str, keys: Keys) -> AsyncIterator[DeliveryHarness]:
    owner = await asyncpg.connect(owner_url)
    behaviour = Behaviour()
    try:
        async with (
            _open(owner_url, keys, parcel_context.SENDING, parcel_routes.router, behaviour) as sender,
            _open(owner_url, keys, effect_context.RECEIVING, APIRouter(prefix="/effects"), behaviour) as receiver,
        ):
            yield DeliveryHarness(sender, receiver, owner, owner_url, behaviour)
    finally:
        await owner.close()


@asynccontextmanager
async def _open(
    owner_url: str, keys: Keys, subscriptions: Subscriptions, router: APIRouter, behaviour: Behaviour
) -> AsyncIterator[RunningContext]:
    async with run_context(
        owner_url=owner_url, keys=keys, subscriptions=subscriptions, router=router, policy=behaviour, now=NOW
    ) as context:
        yield context


async def make_tables(owner_url: str, roles: Roles) -> None:
    owner = await asyncpg.connect(owner_url)
    try:
        for table, context in ((parcel_context.TABLE, "rapid_care"), (effect_context.TABLE, "navigation")):
            await owner.execute(str(CreateTable(table).compile(dialect=_DIALECT)))
            await owner.execute(f"GRANT SELECT, INSERT, UPDATE ON {context}.{table.name} TO {roles.of(context)}")
    finally:
        await owner.close()
