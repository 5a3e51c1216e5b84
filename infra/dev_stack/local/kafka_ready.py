"""Whether a broker does its work, which is later than when it first accepts a connection.

Invariant: true only after the broker named itself in an answer to a metadata request.
"""

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from infra.dev_stack.local.ports import HOST, accepts


async def answers(port: int) -> bool:
    """Asks the socket first: the client library logs an error for every refused connection."""
    return await accepts(HOST, port) and await _names_itself(f"{HOST}:{port}")


async def _names_itself(bootstrap: str) -> bool:
    client = AIOKafkaAdminClient(bootstrap_servers=bootstrap, request_timeout_ms=2000)
    try:
        await client.start()
        return bool((await client.describe_cluster())["brokers"])
    except KafkaError:
        return False
    finally:
        await client.close()
