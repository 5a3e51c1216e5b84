"""A new connection asks the server about no type of PostgreSQL itself that an earlier one has asked about."""

from uuid import UUID

import asyncpg
import orjson

from infra.dev_stack.local.external_servers import Server
from shared.kernel.ids import new_id
from shared.persistence.known_types import ConnectionWithKnownTypes
from shared.persistence.statements import json_text

_ARRAYS = "SELECT $1::uuid[] AS ids, $2::timestamptz[] AS instants, $3::jsonb[] AS documents"


async def _questions(url: str, *ids: UUID) -> list[str]:
    """Sends arrays and reads them back; returns the statements of the connection after its first words."""
    connection = await asyncpg.connect(url, connection_class=ConnectionWithKnownTypes)
    try:
        await connection.set_type_codec("jsonb", schema="pg_catalog", encoder=json_text, decoder=orjson.loads)
        asked: list[str] = []
        with connection.query_logger(lambda query: asked.append(query.query)):
            for _ in range(2):
                row = await connection.fetchrow(_ARRAYS, list(ids), [], [{"a": 1}])
                assert row is not None
                assert dict(row) == {"ids": list(ids), "instants": [], "documents": [{"a": 1}]}
        return [query for query in asked if query != _ARRAYS]
    finally:
        await connection.close()


async def test_types_are_asked_about_once(database_server: Server) -> None:
    await _questions(database_server.address, new_id())

    assert await _questions(database_server.address, new_id(), new_id()) == []


async def test_types_of_a_database_are_asked_about_again(database_server: Server) -> None:
    for values in ["a"], ["b", "c"]:
        connection = await asyncpg.connect(database_server.address, connection_class=ConnectionWithKnownTypes)
        try:
            await connection.execute(f"CREATE TYPE pg_temp.part AS ENUM ({str(values)[1:-1]})")
            asked: list[str] = []
            with connection.query_logger(lambda query, asked=asked: asked.append(query.query)):
                assert await connection.fetchval("SELECT $1::pg_temp.part[]", values) == values
            assert len(asked) > 1
        finally:
            await connection.close()
