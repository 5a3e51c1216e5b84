"""The topics declared in infra/kafka/topics.yaml, their layout from the environment, and the Kafka cluster that a relay recorded."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import asyncpg
import yaml
from aiokafka.admin import AIOKafkaAdminClient

from infra.errors import StackError
from shared.messaging.kafka_settings import KafkaCredentials, client_options
from shared.messaging.topics import Layout, TopicDeclaration

_LAST_CLUSTER = "SELECT cluster_id FROM {context}.relay_state ORDER BY seen_at DESC LIMIT 1"
#: A relay that never published has no row. `seen_at` exceeds every earlier one even if the server's clock was set back.
_FORGET_CLUSTER = """
INSERT INTO {context}.relay_state (cluster_id, seen_at)
SELECT 'topics recreated ' || clock_timestamp(), greatest(clock_timestamp(), max(seen_at) + interval '1 microsecond')
FROM {context}.relay_state HAVING count(*) > 0"""
FILE = Path(__file__).parents[1] / "kafka" / "topics.yaml"


def declarations() -> list[TopicDeclaration]:
    return [
        TopicDeclaration(name, is_compacted=topic["cleanup"] == "compact", retention_days=topic["retention_days"])
        for name, topic in yaml.safe_load(FILE.read_text())["topics"].items()
    ]


def restricted_topics() -> list[str]:
    """The topics whose data is encrypted, and which subscribers outside the product may not read."""
    return [name for name, topic in yaml.safe_load(FILE.read_text())["topics"].items() if topic["access"] == "restricted"]


def layout_of_environment() -> Layout:
    """CARE_TOPIC_PREFIX, CARE_TOPIC_PARTITIONS, CARE_TOPIC_REPLICATION_FACTOR, CARE_TOPIC_MIN_INSYNC_REPLICAS. Raises StackError."""
    return Layout(
        prefix=os.environ.get("CARE_TOPIC_PREFIX", ""),
        partitions=_number("CARE_TOPIC_PARTITIONS", 12),
        replication=_number("CARE_TOPIC_REPLICATION_FACTOR", 1),
        min_in_sync=_number("CARE_TOPIC_MIN_INSYNC_REPLICAS", 1),
    )


async def last_cluster(owner: "asyncpg.Connection[asyncpg.Record]", context: str) -> str | None:
    """The cluster id that the relay of the context published to last; None before its first event."""
    found: str | None = await owner.fetchval(_LAST_CLUSTER.format(context=context))
    return found


async def forget_cluster(owner: "asyncpg.Connection[asyncpg.Record]", context: str) -> None:
    """Resets the recorded cluster id: the relay of the context then republishes its event log, as after a cluster change, and restarts."""
    await owner.execute(_FORGET_CLUSTER.format(context=context))


async def layout_differences(bootstrap: str, layout: Layout, credentials: KafkaCredentials | None = None) -> list[str]:
    """A sentence for each topic setting of the environment that an existing topic does not have. Raises KafkaError."""
    wanted = {"CARE_TOPIC_PARTITIONS": layout.partitions, "CARE_TOPIC_REPLICATION_FACTOR": layout.replication}
    chosen = [variable for variable in wanted if os.environ.get(variable)]
    existing = await _existing_layouts(client_options(bootstrap, credentials), layout.prefix) if chosen else {}
    found = []
    for variable in chosen:
        others = {name: counts[variable] for name, counts in existing.items() if counts[variable] != wanted[variable]}
        if others:
            name, count = next(iter(others.items()))
            found.append(
                f"{variable} is {wanted[variable]}, but {len(others)} existing topics have another number, for example {name} has {count}. "
                "The variable applies to new topics only: see “Repartition topics” in docs/runbook.md."
            )
    return found


async def _existing_layouts(options: Mapping[str, Any], prefix: str) -> Mapping[str, Mapping[str, int]]:
    """The number of partitions and of replicas of each declared topic, by the variable that sets it for new topics."""
    admin = AIOKafkaAdminClient(**options)
    try:
        await admin.start()
        topics = await admin.describe_topics([prefix + each.name for each in declarations()])
    finally:
        await admin.close()
    return {
        topic["topic"]: {
            "CARE_TOPIC_PARTITIONS": len(topic["partitions"]),
            "CARE_TOPIC_REPLICATION_FACTOR": len(topic["partitions"][0]["replicas"]),
        }
        for topic in topics
        if topic["partitions"]
    }


def _number(variable: str, default: int) -> int:
    value = os.environ.get(variable) or str(default)
    if not value.isdecimal() or not int(value):
        raise StackError(f"{variable} must be a whole number above zero, not “{value}”.")
    return int(value)
