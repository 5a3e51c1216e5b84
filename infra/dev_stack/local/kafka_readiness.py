"""Checks whether a broker is ready, which is later than its first accepted connection.

Invariant: True only after the broker listed itself in a metadata response.
"""

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from infra.dev_stack.local.ports import HOST, accepts
from shared.messaging.kafka_settings import KafkaCredentials, client_options


async def is_ready(port: int, credentials: KafkaCredentials | None = None) -> bool:
    """Checks the socket first: the client library logs an error for every refused connection."""
    return await accepts(HOST, port) and await _lists_itself(f"{HOST}:{port}", credentials)


async def _lists_itself(bootstrap: str, credentials: KafkaCredentials | None) -> bool:
    client = AIOKafkaAdminClient(**client_options(bootstrap, credentials), request_timeout_ms=2000)
    try:
        await client.start()
        return bool((await client.describe_cluster())["brokers"])
    except KafkaError:
        return False
    finally:
        await client.close()
