"""The declared topics, read from infra/kafka/topics.yaml, how they are laid out here, and on which cluster they were last."""

import os
from pathlib import Path

import asyncpg
import yaml

from infra.errors import StackError
from shared.messaging.topics import Layout, TopicDeclaration

_LAST_CLUSTER = "SELECT cluster_id FROM {context}.relay_state ORDER BY seen_at DESC LIMIT 1"
#: Where a relay never sent anything there is nothing to forget. Later than all before, though the clock of the server be set back.
_FORGET_CLUSTER = """
INSERT INTO {context}.relay_state (cluster_id, seen_at)
SELECT 'topics made anew ' || clock_timestamp(), greatest(clock_timestamp(), max(seen_at) + interval '1 microsecond')
FROM {context}.relay_state HAVING count(*) > 0"""
FILE = Path(__file__).parents[1] / "kafka" / "topics.yaml"


def declarations() -> list[TopicDeclaration]:
    return [
        TopicDeclaration(name, is_compacted=topic["cleanup"] == "compact", retention_days=topic["retention_days"])
        for name, topic in yaml.safe_load(FILE.read_text())["topics"].items()
    ]


def layout_of_environment() -> Layout:
    """CARE_TOPIC_PREFIX, CARE_TOPIC_PARTITIONS, CARE_TOPIC_REPLICATION_FACTOR, CARE_TOPIC_MIN_INSYNC_REPLICAS. Raises StackError."""
    return Layout(
        prefix=os.environ.get("CARE_TOPIC_PREFIX", ""),
        partitions=_number("CARE_TOPIC_PARTITIONS", 12),
        replication=_number("CARE_TOPIC_REPLICATION_FACTOR", 1),
        min_in_sync=_number("CARE_TOPIC_MIN_INSYNC_REPLICAS", 1),
    )


async def last_cluster(owner: "asyncpg.Connection[asyncpg.Record]", context: str) -> str | None:
    """The Kafka cluster that the context's relay sent to last; None before it ever did."""
    found: str | None = await owner.fetchval(_LAST_CLUSTER.format(context=context))
    return found


async def forget_cluster(owner: "asyncpg.Connection[asyncpg.Record]", context: str) -> None:
    """The context's relay takes the cluster that it sent to for another one from here on: it sends its log again, and begins anew."""
    await owner.execute(_FORGET_CLUSTER.format(context=context))


def _number(variable: str, default: int) -> int:
    given = os.environ.get(variable) or str(default)
    if not given.isdecimal() or not int(given):
        raise StackError(f"{variable} must be a whole number above zero, not “{given}”.")
    return int(given)
