"""Topics as declared in infra/kafka/topics.yaml, created by `care topics`. Brokers create no topic automatically."""

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from time import monotonic

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import InvalidReplicationFactorError, TopicAlreadyExistsError, UnknownTopicOrPartitionError, for_code

from shared.messaging.kafka_settings import KafkaCredentials, client_options

_ALREADY_THERE, _TOO_FEW_BROKERS = TopicAlreadyExistsError.errno, InvalidReplicationFactorError.errno
_ABSENT = UnknownTopicOrPartitionError.errno
_WAIT_FOR_BROKERS_SECONDS, _WAIT_FOR_DELETION_SECONDS = 15.0, 60.0
#: A replaced record of a restricted topic is removed within about a day, or Kafka would keep the words of an erased person (docs/adr/0040).
_COMPACTION_LAG_MILLISECONDS = 24 * 60 * 60 * 1000


@dataclass(frozen=True, slots=True)
class TopicDeclaration:
    name: str
    is_compacted: bool
    retention_days: int


@dataclass(frozen=True, slots=True)
class Layout:
    """The topic settings that differ between environments."""

    prefix: str = ""
    partitions: int = 12
    replication: int = 1
    min_in_sync: int = 1


async def create(
    bootstrap: str,
    declarations: Sequence[TopicDeclaration],
    layout: Layout,
    credentials: KafkaCredentials | None = None,
    *,
    wait_seconds: float = _WAIT_FOR_BROKERS_SECONDS,
) -> list[str]:
    """Creates the absent topics and returns their names; leaves existing topics unchanged.

    Waits up to `wait_seconds` for as many brokers as the layout needs. Raises KafkaError.
    """
    admin = AIOKafkaAdminClient(**client_options(bootstrap, credentials))
    try:
        await admin.start()
        cluster = await admin.describe_cluster()
        if credentials is None and cluster["controller_id"] not in {broker["node_id"] for broker in cluster["brokers"]}:
            return await _create_on_request(bootstrap, [layout.prefix + declaration.name for declaration in declarations])
        return await _create(admin, [_topic(declaration, layout) for declaration in declarations], wait_seconds)
    finally:
        await admin.close()


async def delete(admin: AIOKafkaAdminClient, names: Collection[str]) -> None:
    """Deletes the topics that exist, and with them their committed offsets; returns when the broker lists none of them.

    A broker learns of a deletion later than its controller. Raises KafkaError for a refusal, TimeoutError after a minute.
    """
    for name, code in (await admin.delete_topics(sorted(names))).topic_error_codes:
        if code not in {0, _ABSENT}:
            raise for_code(code)(f"topic {name}")
    async with asyncio.timeout(_WAIT_FOR_DELETION_SECONDS):
        while not set(names).isdisjoint(await admin.list_topics()):
            await asyncio.sleep(0.1)


async def _create(admin: AIOKafkaAdminClient, topics: Sequence[NewTopic], wait_seconds: float) -> list[str]:
    """Retries while the controller considers a broker absent and so cannot assign a topic to it."""
    created: list[str] = []
    until = monotonic() + wait_seconds
    while True:
        codes = {name: code for name, code, *_ in (await admin.create_topics(topics)).topic_errors}
        created += [name for name, code in codes.items() if code == 0]
        rejected = {name: code for name, code in codes.items() if code not in {0, _ALREADY_THERE}}
        if not rejected:
            return created
        name, code = next(iter(rejected.items()))
        if set(rejected.values()) != {_TOO_FEW_BROKERS} or monotonic() > until:
            raise for_code(code)(f"topic {name}")
        await asyncio.sleep(0.5)


async def _create_on_request(bootstrap: str, names: Sequence[str]) -> list[str]:
    """The in-memory fallback broker has no controller; it creates a topic when a client asks for its partitions."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap)
    try:
        await producer.start()
        for name in names:
            await producer.partitions_for(name)
    finally:
        await producer.stop()
    return list(names)


def _topic(declaration: TopicDeclaration, layout: Layout) -> NewTopic:
    milliseconds = declaration.retention_days * 24 * 60 * 60 * 1000
    configuration = {
        "min.insync.replicas": str(layout.min_in_sync),
        "cleanup.policy": "compact" if declaration.is_compacted else "delete",
        "retention.ms": str(milliseconds),
        "compression.type": "uncompressed",  # the broker unpacks what a foreign program compresses by a codec that no client here has
    }
    if declaration.is_compacted:
        configuration["max.compaction.lag.ms"] = str(_COMPACTION_LAG_MILLISECONDS)
    return NewTopic(layout.prefix + declaration.name, layout.partitions, layout.replication, topic_configs=configuration)
