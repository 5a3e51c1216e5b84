"""Both ends of the parcel's way on one database, and what the proofs do with them."""

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

from infra.keys import Keys
from infra.roles import Roles
from shared.contracts.codes import Condition
from shared.contracts.envelope import Record, to_headers
from shared.kernel.ids import new_id
from shared.messaging.handling import Wiring
from shared.messaging.shipment import envelope_of
from tests.builders.running import Running, running
from tests.integration.platform import parcels, receiving, routes
from tests.integration.platform.parcels import Behaviour, Parcel

_DIALECT = dialect()  # type: ignore[no-untyped-call]
NOW = datetime(2015, 3, 16, 9, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Post:
    """`owner` is a connection that may look at everything."""

    sender: Running
    receiver: Running
    owner: "asyncpg.Connection[asyncpg.Record]"
    owner_url: str
    behaviour: Behaviour

    async def send(self, person_id: UUID | None = None, condition: Condition = Condition.COPD) -> Parcel:
        async with self.sender.database.transaction() as tx:
            return await parcels.send(tx, parcels.a_parcel(tx.now, person_id=person_id, condition=condition))

    async def post(self, body: dict[str, Any] | None = None, **headers: str) -> Response:
        """Sends a parcel over HTTP."""
        asked = {"person_id": str(new_id()), "condition": "copd"} if body is None else body
        sent = self.sender.token("parcels:send") | {"Idempotency-Key": str(new_id())} | headers
        return await self.sender.http.post("/parcels", json=asked, headers=sent)

    async def accept(self, parcel_id: object, version: int, **headers: str) -> Response:
        sent = self.sender.token("parcels:send") | {"If-Match": f'W/"{version}"'} | headers
        return await self.sender.http.post(f"/parcels/{parcel_id}/acceptance", headers=sent)

    async def records(self, after: int = 0) -> list[Record]:
        """What was sent, as Kafka would hand it to the receiver from one partition."""
        rows = await self.owner.fetch("SELECT * FROM rapid_care.event WHERE seq > $1 ORDER BY seq", after)
        return [
            Record(
                row["topic"], 0, row["seq"], str(row["key"]).encode(), row["data"], tuple(to_headers(envelope_of(row, "/care/rapid-care")))
            )
            for row in rows
        ]

    async def effects(self) -> list[asyncpg.Record]:
        return await self.owner.fetch("SELECT * FROM navigation.effect ORDER BY seq")

    async def events_without_their_one_effect(self) -> list[UUID]:
        """Of the events that the receiver listens to: those with no effect, or with more than one."""
        rows = await self.owner.fetch("""
            SELECT event.id FROM rapid_care.event LEFT JOIN navigation.effect ON event_id = event.id
            WHERE type LIKE '%.requested.v1' OR type LIKE '%.accepted.v1'
            GROUP BY event.id HAVING count(event_id) <> 1""")
        return [row["id"] for row in rows]

    @asynccontextmanager
    async def raising(self, table: str, code: str, *, times: int = 1_000_000, at_commit: bool = False) -> AsyncIterator[None]:
        """Meanwhile the first `times` writes to `table` fail with the SQLSTATE `code`, at once or only when they are committed."""
        await self.owner.execute("CREATE SEQUENCE fault_count")
        fault = f"IF nextval('fault_count') <= {times} THEN RAISE EXCEPTION 'a fault of the test' USING ERRCODE = '{code}'; END IF;"
        async with self._trigger(table, fault, at_commit=at_commit):
            yield
        await self.owner.execute("DROP SEQUENCE fault_count")

    @asynccontextmanager
    async def slow_commits(self, table: str, when: str) -> AsyncIterator[None]:
        """Transactions that wrote a row of `table` for which `when` holds commit only when the block ends."""
        async with self._trigger(table, f"IF {when} THEN PERFORM pg_advisory_xact_lock(1); END IF;", at_commit=True):
            await self.owner.execute("SELECT pg_advisory_lock(1)")
            try:
                yield
            finally:
                await self.owner.execute("SELECT pg_advisory_unlock(1)")

    @asynccontextmanager
    async def _trigger(self, table: str, body: str, *, at_commit: bool) -> AsyncIterator[None]:
        kind, moment = ("CONSTRAINT ", "DEFERRABLE INITIALLY DEFERRED ") if at_commit else ("", "")
        await self.owner.execute(f"""
            CREATE FUNCTION fault() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS
                $$ BEGIN {body} RETURN NEW; END $$;
            CREATE {kind}TRIGGER fault AFTER INSERT OR UPDATE ON {table} {moment}FOR EACH ROW EXECUTE FUNCTION fault()""")
        try:
            yield
        finally:
            await self.owner.execute(f"DROP TRIGGER fault ON {table}; DROP FUNCTION fault")

    async def count(self, table: str, where: str = "true") -> int:
        found: int = await self.owner.fetchval(f"SELECT count(*) FROM {table} WHERE {where}")  # noqa: S608  names from the tests
        return found


@asynccontextmanager
async def opened(owner_url: str, keys: Keys) -> AsyncIterator[Post]:
    owner = await asyncpg.connect(owner_url)
    behaviour = Behaviour()
    try:
        async with (
            _end(owner_url, keys, parcels.SENDING, routes.router, behaviour) as sender,
            _end(owner_url, keys, receiving.RECEIVING, APIRouter(prefix="/effects"), behaviour) as receiver,
        ):
            yield Post(sender, receiver, owner, owner_url, behaviour)
    finally:
        await owner.close()


@asynccontextmanager
async def _end(owner_url: str, keys: Keys, wiring: Wiring, router: APIRouter, behaviour: Behaviour) -> AsyncIterator[Running]:
    async with running(owner_url=owner_url, keys=keys, wiring=wiring, router=router, policy=behaviour, now=NOW) as context:
        yield context


async def make_tables(owner_url: str, roles: Roles) -> None:
    owner = await asyncpg.connect(owner_url)
    try:
        for table, context in ((parcels.TABLE, "rapid_care"), (receiving.TABLE, "navigation")):
            await owner.execute(str(CreateTable(table).compile(dialect=_DIALECT)))
            await owner.execute(f"GRANT SELECT, INSERT, UPDATE ON {context}.{table.name} TO {roles.of(context)}")
    finally:
        await owner.close()
