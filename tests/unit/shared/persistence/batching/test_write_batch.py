"""A batch checks each deferred versioned write, and drops its known rows of a table after a write to the table."""

from collections.abc import Sequence
from typing import Any, cast
from uuid import UUID

import pytest
import sqlalchemy as sa

from shared.kernel.errors import VersionConflict
from shared.kernel.ids import new_id
from shared.persistence.batching.prefetch import PrefetchedLookup
from shared.persistence.batching.write_batch import VersionStep, WriteBatch
from shared.persistence.bulk_insert import BulkInsert
from shared.persistence.statements import Connection, Statement
from shared.persistence.transaction import Transaction

TABLE = sa.Table("parcel", sa.MetaData(), sa.Column("id", sa.Uuid, primary_key=True), sa.Column("version", sa.Integer))
OTHER = sa.Table("letter", TABLE.metadata, sa.Column("id", sa.Uuid, primary_key=True))
BY_ID = sa.update(TABLE).where(TABLE.c.id == sa.bindparam("id_")).values(version=sa.bindparam("version_"))
SAVE, TOUCH = Statement(BY_ID.returning(TABLE.c.id)), Statement(BY_ID)
ADD = BulkInsert(TABLE, ("id", "version"), lambda rows: rows)


class Server:
    """Contains the parcels `known` and records the received statements."""

    def __init__(self, *known: UUID) -> None:
        self.known, self.sent = known, list[str]()

    async def fetchmany(self, sql: str, rows: Sequence[Sequence[Any]]) -> list[dict[str, UUID]]:
        self.sent.append(sql)
        return [{"id": value} for row in rows for value in row if value in self.known]

    async def executemany(self, sql: str, _: Sequence[Sequence[Any]]) -> None:
        self.sent.append(sql)

    async def execute(self, sql: str, *_: Sequence[Any]) -> None:
        self.sent.append(sql)


def a_batch(server: Server) -> WriteBatch:
    return WriteBatch(cast("Connection", server))


@pytest.mark.parametrize("lost", [0, 1, 2])
async def test_deferred_write_without_row_is_a_conflict(lost: int) -> None:
    ids = [new_id() for _ in range(3)]
    batch = a_batch(Server(*(each for each in ids if each != ids[lost])))
    for each in ids:
        batch.defer_versioned(SAVE, {"id_": each, "version_": 2}, VersionStep(each, 1, 2))

    with pytest.raises(VersionConflict, match=str(ids[lost])):
        await batch.flush()


async def test_insert_of_an_aggregate_is_no_conflict() -> None:
    server, parcel = Server(), new_id()
    batch = a_batch(server)
    batch.defer_versioned(TOUCH, {"id_": parcel, "version_": 1}, VersionStep(parcel, 0, 1))

    await batch.flush()

    assert server.sent == [TOUCH.sql]


@pytest.mark.parametrize(("keys", "sql"), [("ab", ADD.bulk_sql), ("aba", ADD.sql)])
async def test_rows_of_distinct_keys_are_one_run(keys: str, sql: str) -> None:
    server, ids = Server(), {key: new_id() for key in keys}
    batch = a_batch(server)
    for version, key in enumerate(keys):
        batch.defer(ADD, {"id": ids[key], "version": version})

    await batch.flush()

    assert server.sent == [sql]


async def test_aggregate_may_be_written_twice_in_a_batch() -> None:
    parcel = new_id()
    batch = a_batch(Server(parcel))
    for version in (1, 2, 3):
        batch.defer_versioned(SAVE, {"id_": parcel, "version_": version + 1}, VersionStep(parcel, version, version + 1))

    await batch.flush()


async def test_deferred_write_drops_identity_map_of_its_table() -> None:
    batch, parcel = a_batch(Server()), new_id()
    batch.identity_map("parcel")[parcel] = "as it was"

    batch.defer(TOUCH, {"id_": parcel, "version_": 7})

    assert batch.identity_map("parcel") == {}


async def test_statement_on_another_table_flushes_nothing() -> None:
    server, parcel = Server(), new_id()
    batch = a_batch(server)
    batch.defer(TOUCH, {"id_": parcel, "version_": 7})

    await batch.autoflush(Statement(sa.select(OTHER)))
    assert server.sent == []
    await batch.autoflush(Statement(sa.select(sa.exists().where(TABLE.c.version == 1))))
    assert server.sent == [TOUCH.sql]


async def test_write_drops_lookups_that_read_its_table() -> None:
    batch, parcel = a_batch(Server()), new_id()
    of_table: PrefetchedLookup[UUID, UUID | None] = PrefetchedLookup(_load_nothing, absent=lambda: None, tables=("parcel",))
    of_other: PrefetchedLookup[UUID, UUID | None] = PrefetchedLookup(_load_nothing, absent=lambda: None, tables=("letter",))
    batch.prefetched(of_table)[parcel] = batch.prefetched(of_other)[parcel] = parcel

    batch.defer(TOUCH, {"id_": parcel, "version_": 7})

    assert (batch.prefetched(of_table), batch.prefetched(of_other)) == ({}, {parcel: parcel})


async def test_lock_is_new_once() -> None:
    batch = a_batch(Server())

    assert batch.new_locks(["a", "b", "a"]) == ["a", "b"]
    assert batch.new_locks(["b", "c"]) == ["c"]


async def _load_nothing(_: Transaction[Any], __: Sequence[UUID]) -> dict[UUID, UUID | None]:
    return {}
