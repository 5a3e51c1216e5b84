"""The sentence for a server that does not respond names the server."""

import asyncpg
import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaConnectionError

from infra.error_messages import describe


async def test_absent_database_is_named() -> None:
    with pytest.raises(ConnectionRefusedError) as caught:
        await asyncpg.connect("postgresql://owner:hush@127.0.0.1:9/care")

    assert describe(caught.value) == "PostgreSQL does not respond (ConnectionRefusedError)."


async def test_database_behind_another_error_is_named() -> None:
    try:
        await asyncpg.connect("postgresql://owner:hush@127.0.0.1:9/care")
    except OSError as refused:
        wrapped = RuntimeError("the command failed")
        wrapped.__cause__ = refused

    assert describe(wrapped) == "PostgreSQL does not respond (ConnectionRefusedError)."


async def test_absent_broker_is_named() -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers="127.0.0.1:9", request_timeout_ms=1_000)
    with pytest.raises(KafkaConnectionError) as caught:
        await admin.start()
    await admin.close()

    assert describe(caught.value) == "Kafka could not be reached or rejected the request (KafkaConnectionError)."


def test_server_without_client_library_has_no_name() -> None:
    assert describe(ConnectionRefusedError()) == "A server does not respond (ConnectionRefusedError)."
