"""A partition that loses records under the same cluster id is observed."""

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient

from infra.operations.verify.broker import connected
from shared.kernel.ids import new_id
from shared.messaging import topics
from shared.messaging.topics import Layout, TopicDeclaration
from tests.chaos.truncation import TruncationWatch
from tests.timeouts import until

_DECLARATION = TopicDeclaration("referrals.referral", is_compacted=False, retention_days=1)


@pytest.fixture
def layout() -> Layout:
    return Layout(prefix=f"{new_id().hex}.", partitions=1)


async def test_lost_records_are_observed_and_new_ones_are_not(kafka_bootstrap: str, layout: Layout) -> None:
    watch = TruncationWatch()
    await topics.create(kafka_bootstrap, [_DECLARATION], layout)
    async with connected(kafka_bootstrap, layout.prefix) as broker:
        for count in (2, 3):
            await _send(kafka_bootstrap, layout, count)
            await watch.observe(broker)
        assert watch.partitions == set()

        await _recreate(kafka_bootstrap, layout)
        await _send(kafka_bootstrap, layout, 1)

        async def is_observed() -> bool:
            await watch.observe(broker)
            return watch.partitions == {(_DECLARATION.name, 0)}

        await until(is_observed)


async def _send(bootstrap: str, layout: Layout, count: int) -> None:
    async with AIOKafkaProducer(bootstrap_servers=bootstrap) as producer:
        for _ in range(count):
            await producer.send_and_wait(layout.prefix + _DECLARATION.name, b"a record")


async def _recreate(bootstrap: str, layout: Layout) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    try:
        await admin.start()
        await topics.delete(admin, [layout.prefix + _DECLARATION.name])
    finally:
        await admin.close()
    await topics.create(bootstrap, [_DECLARATION], layout)
