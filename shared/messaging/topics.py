"""Topics as declared in infra/kafka/topics.yaml, created by `care topics`. Nothing is created by accident."""

from collections.abc import Sequence
from dataclasses import dataclass

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
        wanted = [_topic(declaration, layout) for declaration in declarations]
        answer = await admin.create_topics(wanted)
        codes = {name: code for name, code, *_ in answer.topic_errors}
        for name, code in codes.items():
            if code not in {0, _ALREADY_THERE}:
                raise for_code(code)(f"topic {name}")
        return [name for name, code in codes.items() if code == 0]
    finally:
        await admin.close()


def _topic(declaration: TopicDeclaration, layout: Layout) -> NewTopic:
    milliseconds = declaration.retention_days * 24 * 60 * 60 * 1000
    configuration = {
        "min.insync.replicas": str(layout.min_in_sync),
        "cleanup.policy": "compact" if declaration.is_compacted else "delete",
        "retention.ms": str(milliseconds),
    }
    return NewTopic(layout.prefix + declaration.name, layout.partitions, layout.replication, topic_configs=configuration)
