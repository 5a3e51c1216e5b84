"""What a batch puts off is looked at when it is written; what it holds is forgotten when something else changes the table."""

from collections.abc import Sequence
from typing import Any, cast
from uuid import UUID

import pytest
import sqlalchemy as sa

from shared.kernel.errors import VersionConflict
from shared.kernel.ids import new_id
from shared.persistence.batching.write_batch import VersionStep, WriteBatch
from shared.persistence.statements import Connection, Statement

TABLE = sa.Table("parcel", sa.MetaData(), sa.Column("id", sa.Uuid, primary_key=True), sa.Column("version", sa.Integer))
BY_ID = sa.update(TABLE).where(TABLE.c.id == sa.bindparam("id_")).values(version=sa.bindparam("version_"))
SAVE, TOUCH = Statement(BY_ID.returning(TABLE.c.id)), Statement(BY_ID)


class Server:
    """It has the parcels `known`, and notes how long each statement may take."""

    def __init__(self, *known: UUID) -> None:
        self.known, self.patience = known, list[float | None]()

    async def fetchmany(self, _: str, rows: Sequence[Sequence[Any]], timeout: float | None = None) -> list[dict[str, UUID]]:  # noqa: ASYNC109  the driver's own
        self.patience.append(timeout)
        return [{"id": value} for row in rows for value in row if value in self.known]

    async def execute(self, *_: Any, timeout: float | None = None) -> str:  # noqa: ASYNC109  the driver's own
        self.patience.append(timeout)
        return "UPDATE 1"

    fetch = fetchrow = fetchval = execute


def gathered(server: Server) -> WriteBatch:
    return WriteBatch(cast("Connection", server))


@pytest.mark.parametrize("lost", [0, 1, 2])
async def test_an_aggregate_whose_row_is_not_there_any_more_is_a_conflict(lost: int) -> None:
    ids = [new_id() for _ in range(3)]
    batch = gathered(Server(*(each for each in ids if each != ids[lost])))
    for each in ids:
        batch.defer_versioned(SAVE, {"id_": each, "version_": 2}, VersionStep(each, 1, 2))

    with pytest.raises(VersionConflict, match=str(ids[lost])):
        await batch.autoflush()


async def test_one_aggregate_may_be_written_more_than_once() -> None:
    parcel = new_id()
    batch = gathered(Server(parcel))
    for version in (1, 2, 3):
        batch.defer_versioned(SAVE, {"id_": parcel, "version_": version + 1}, VersionStep(parcel, version, version + 1))

    await batch.autoflush()


async def test_what_is_held_of_a_table_is_forgotten_when_another_change_of_it_is_put_off() -> None:
    batch, parcel = gathered(Server()), new_id()
    batch.identity_map("parcel")[parcel] = "as it was"

    batch.defer(TOUCH, {"id_": parcel, "version_": 7})

    assert batch.identity_map("parcel") == {}


async def test_what_was_read_for_a_question_is_no_table_of_that_name() -> None:
    batch, parcel = gathered(Server()), new_id()
    batch.prefetched("the last parcel")[parcel] = parcel

    await batch.execute("UPDATE parcel SET version = 7 WHERE id IN (SELECT the last parcel)")

    assert batch.prefetched("the last parcel") == {parcel: parcel}
    assert batch.identity_map("the last parcel") == {}


async def test_a_statement_may_be_given_its_own_time_in_a_batch_as_elsewhere() -> None:
    server = Server()
    batch = gathered(server)

    for deed in (batch.execute, batch.fetch, batch.fetchrow, batch.fetchval):
        await deed("UPDATE parcel SET version = $1", 7, timeout=600)
    await batch.fetchmany("UPDATE parcel SET version = $1", [[7]], timeout=600)

    assert server.patience == [600] * 5
