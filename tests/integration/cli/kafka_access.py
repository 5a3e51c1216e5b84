"""Records that a program sends to the topics of a running product, with and without the keys of the product."""

from collections.abc import Sequence

from aiokafka import AIOKafkaProducer

from infra.dev_stack.dev_secrets import load
from shared.persistence.deployment_secrets import Secrets
from tests.builders.context_app import secrets_of
from tests.integration.cli.care_process import RunningProduct

Headers = Sequence[tuple[str, bytes]]


async def send(product: RunningProduct, topic: str, value: bytes | None, key: bytes, headers: Headers = ()) -> None:
    variables = product.workspace.variables
    async with AIOKafkaProducer(bootstrap_servers=variables["KAFKA_BOOTSTRAP_SERVERS"]) as producer:
        await producer.send_and_wait(f"{variables['CARE_TOPIC_PREFIX']}{topic}", value, key=key, headers=list(headers))


async def send_signed(product: RunningProduct, topic: str, value: bytes, key: bytes, headers: Headers) -> None:
    """Sends a record as the context of the topic would, with its MAC."""
    mac = secrets(product).mac_keys.sign(topic, key, value, headers)
    await send(product, topic, value, key, [*headers, mac])


def secrets(product: RunningProduct) -> Secrets:
    keys = load(product.workspace.home / "stacks" / product.name)
    assert keys
    return secrets_of(keys)
