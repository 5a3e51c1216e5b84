"""Consumer lag of a context, measured by separate clients: also correct while the consumer is stuck, waits or has no partition."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupCoordinatorNotAvailableError, KafkaError

from shared.messaging.kafka_settings import KafkaSettings
from shared.telemetry import metrics

log = structlog.get_logger()

_INTERVAL_SECONDS = 5.0


class LagReporter:
    """Reports the lag of the whole group, by topic and partition."""

    def __init__(self, context: str, group: str, topics: Sequence[str], kafka: KafkaSettings) -> None:
        self._context, self._group, self._topics, self._kafka = context, group, list(topics), kafka
        self._has_measured = False

    async def run(self) -> None:
        """Runs until cancelled. A lag that cannot be measured is removed from the metrics."""
        while True:
            admin = AIOKafkaAdminClient(**self._kafka.client_options, request_timeout_ms=5_000)
            client = AIOKafkaConsumer(**self._kafka.client_options, request_timeout_ms=5_000)
            try:
                await admin.start()
                await client.start()
                while True:
                    await self._report(admin, client)
                    self._has_measured = True
                    await asyncio.sleep(_INTERVAL_SECONDS)
            except Exception as problem:  # nothing else measures the lag
                metrics.CONSUMER_LAG.clear()
                log_unknown(self._context, problem, has_measured=self._has_measured)
            finally:
                for close in (client.stop, admin.close):
                    with suppress(KafkaError, OSError):
                        await close()
            await asyncio.sleep(_INTERVAL_SECONDS)

    async def _report(self, admin: AIOKafkaAdminClient, client: AIOKafkaConsumer) -> None:
        described = await admin.describe_topics(self._topics)
        partitions = [TopicPartition(each["topic"], part["partition"]) for each in described for part in each["partitions"]]
        committed = await admin.list_consumer_group_offsets(self._group)
        first, end = await client.beginning_offsets(partitions), await client.end_offsets(partitions)
        for partition in partitions:
            processed = max(committed[partition].offset if partition in committed else 0, first[partition])
            topic = partition.topic.removeprefix(self._kafka.prefix)
            metrics.CONSUMER_LAG.labels(self._context, topic, partition.partition).set(max(end[partition] - processed, 0))


def log_unknown(context: str, problem: Exception, *, has_measured: bool) -> None:
    """Logs a failed measurement as a warning. A new broker has no coordinator yet: before the first measurement that is no fault."""
    is_starting = isinstance(problem, GroupCoordinatorNotAvailableError) and not has_measured
    write = log.info if is_starting else log.warning
    write("consumer.lag-unknown", context_name=context, problem=type(problem).__name__)
