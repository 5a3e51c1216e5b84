"""Waits until a broker does its work, which is later than when it first accepts a connection.

Invariant: returns only after the broker named itself in an answer to a metadata request.
"""

import asyncio
from pathlib import Path

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from infra.local.child import Child
from infra.local.errors import StackError

_PAUSE = 0.05


async def until_ready(bootstrap: str, child: Child, log: Path) -> None:
    while not (await _accepts(bootstrap) and await _answers(bootstrap)):
        if not child.is_running:
            raise StackError(f"Kafka did not start; {log} says why.")
        await asyncio.sleep(_PAUSE)


async def _accepts(bootstrap: str) -> bool:
    """Ask the socket first: the client library logs an error for every refused connection."""
    host, port = bootstrap.split(":")
    try:
        _, writer = await asyncio.open_connection(host, int(port))
    except OSError:
        return False
    writer.close()
    await writer.wait_closed()
    return True


async def _answers(bootstrap: str) -> bool:
    client = AIOKafkaAdminClient(bootstrap_servers=bootstrap, request_timeout_ms=2000)
    try:
        await client.start()
        return bool((await client.describe_cluster())["brokers"])
    except KafkaError:
        return False
    finally:
        await client.close()
