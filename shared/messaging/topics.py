"""Topics as declared in infra/kafka/topics.yaml, created by `care topics`. Nothing is created by accident."""

from collections.abc import Sequence
from dataclasses import dataclass

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import TopicAlreadyExistsError, for_code

_ALREADY_THERE = TopicAlreadyExistsError.errno


@dataclass(frozen=True, slots=True)
class TopicDeclaration:
    name: str
    is_compacted: bool
    retention_days: int


@dataclass(frozen=True, slots=True)
class Layout:
    """What differs between environments."""

    prefix: str = ""
    partitions: int = 12
    replication: int = 1
    min_in_sync: int = 1


async def create(bootstrap: str, declarations: Sequence[TopicDeclaration], layout: Layout) -> list[str]:
    """Creates what is absent and says which those were; what exists is left alone. Raises KafkaError."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    try:
        await admin.start()
        cluster = await admin.describe_cluster()
        if cluster["controller_id"] not in {broker["node_id"] for broker in cluster["brokers"]}:
            return await _ask_for(bootstrap, [layout.prefix + declaration.name for declaration in declarations])
        return await _create(admin, [_topic(declaration, layout) for declaration in declarations])
    finally:
        await admin.close()


async def _create(admin: AIOKafkaAdminClient, wanted: Sequence[NewTopic]) -> list[str]:
    answer = await admin.create_topics(wanted)
    codes = {name: code for name, code, *_ in answer.topic_errors}
    for name, code in codes.items():
        if code not in {0, _ALREADY_THERE}:
            raise for_code(code)(f"topic {name}")
    return [name for name, code in codes.items() if code == 0]


async def _ask_for(bootstrap: str, names: Sequence[str]) -> list[str]:
    """The in-memory fallback broker has no controller; there a topic appears when somebody asks for it."""
    async with AIOKafkaProducer(bootstrap_servers=bootstrap) as producer:
        for name in names:
            await producer.partitions_for(name)
    return list(names)


def _topic(declaration: TopicDeclaration, layout: Layout) -> NewTopic:
    milliseconds = declaration.retention_days * 24 * 60 * 60 * 1000
    configuration = {
        "min.insync.replicas": str(layout.min_in_sync),
        "cleanup.policy": "compact" if declaration.is_compacted else "delete",
        "retention.ms": str(milliseconds),
    }
    return NewTopic(layout.prefix + declaration.name, layout.partitions, layout.replication, topic_configs=configuration)
