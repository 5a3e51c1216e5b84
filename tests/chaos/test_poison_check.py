"""A consumer that passes over poison records fails a run; a broker that lost them after a wipe or with a full disk does not."""

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import replace
from random import Random

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaConnectionError

from infra.deploy.topics import declarations
from infra.dev_stack.dev_secrets import Keys
from infra.operations.verify.broker import connected
from services.rapid_care import subscriptions
from shared.kernel.ids import new_id
from shared.messaging import topics
from shared.messaging.event_processor import EventProcessor
from shared.messaging.topics import Layout
from tests.builders.context_app import secrets_of
from tests.builders.rapid_care import rapid_care
from tests.builders.referrals import MONDAY
from tests.builders.unclosed_clients import unclosed_clients
from tests.chaos.defects.consumers import SkippingProcessor
from tests.chaos.defects.stack import DefectStack, run_consumer, running
from tests.chaos.poison_check import PoisonOutcome, classify, not_parked, read_contents
from tests.chaos.poison_records import TOPICS, AcknowledgedRecord, poison, send_poison
from tests.timeouts import until

_CONTEXT = subscriptions.SUBSCRIPTIONS.context
_LOST = f"poison record lost by the same cluster, not parked in {_CONTEXT}"
#: With this seed the record without headers goes to a topic that Rapid Care reads.
_SEED = next(seed for seed in range(100) if Random(seed).choice(TOPICS) == "referrals.referral")


@pytest.mark.parametrize(("processor", "passed_over"), [(EventProcessor, 0), (SkippingProcessor, 2)])
async def test_consumer_that_skips_poison_records_fails(stack: DefectStack, processor: type[EventProcessor], passed_over: int) -> None:
    async with (
        rapid_care(stack.owner_url, stack.keys, MONDAY) as care,
        running(run_consumer(stack, subscriptions.SUBSCRIPTIONS, care.context.database, processor=processor)),
    ):
        acknowledged = await _send(stack)
        await stack.until_read(_CONTEXT)
        parked = {row["key"] for row in await stack.owner.fetch("SELECT key FROM rapid_care.parked")}
        outcome = await _outcome(stack, acknowledged, parked)

    assert dict(outcome.failures) == ({f"poison record passed over by {_CONTEXT}": passed_over} if passed_over else {})
    assert not outcome.losses


async def test_unread_poison_records_fail(stack: DefectStack) -> None:
    acknowledged = await _send(stack)

    outcome = await _outcome(stack, acknowledged)

    assert outcome.failures == {f"poison record not read by {_CONTEXT}": 6}


async def test_records_lost_by_broker_fail_without_cause(stack: DefectStack) -> None:
    acknowledged = await _send(stack)
    await _recreate_topics(stack)

    explained = await _outcome(stack, acknowledged, was_disk_full=True)
    unexplained = await _outcome(stack, acknowledged, was_disk_full=False)
    wiped = await _outcome(stack, [replace(each, cluster="an earlier cluster") for each in acknowledged])

    assert (explained.failures, explained.losses) == ({}, {_LOST: 6})
    assert (unexplained.failures, unexplained.losses) == ({_LOST: 6}, {})
    assert (wiped.failures, wiped.losses) == ({}, {f"poison record lost with its cluster, not parked in {_CONTEXT}": 6})


@pytest.mark.filterwarnings("ignore:Unclosed:ResourceWarning")
async def test_clients_are_closed_without_broker(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(KafkaConnectionError):
        await send_poison("127.0.0.1:9", "", [], Random(_SEED))

    assert unclosed_clients(caplog) == []


@pytest.mark.filterwarnings("ignore:Unclosed:ResourceWarning")
async def test_clients_are_closed_after_cancellation(kafka_bootstrap: str, keys: Keys, caplog: pytest.LogCaptureFixture) -> None:
    """A run limits the time of a round, because the broker may have ended during it."""
    absent_topics = f"{new_id().hex}."
    sending = asyncio.create_task(send_poison(kafka_bootstrap, absent_topics, poison(secrets_of(keys)), Random(_SEED)))
    await until(lambda: absent_topics in caplog.text)  # the producer reports that it waits for the topic
    sending.cancel()
    await asyncio.wait([sending])
    del sending

    assert unclosed_clients(caplog) == []


async def _send(stack: DefectStack) -> Sequence[AcknowledgedRecord]:
    return await send_poison(stack.kafka.bootstrap, stack.kafka.prefix, poison(secrets_of(stack.keys)), Random(_SEED))


async def _outcome(
    stack: DefectStack, acknowledged: Sequence[AcknowledgedRecord], parked: Collection[bytes] = (), *, was_disk_full: bool = False
) -> PoisonOutcome:
    unparked = not_parked(acknowledged, {_CONTEXT: parked})
    async with connected(stack.kafka.bootstrap, stack.kafka.prefix) as broker:
        contents = await read_contents(broker, {each.record.key or b"" for each in acknowledged})
    return classify(unparked, contents, was_disk_full=was_disk_full)


async def _recreate_topics(stack: DefectStack) -> None:
    names = {stack.kafka.prefix + each.name for each in declarations()}
    admin = AIOKafkaAdminClient(bootstrap_servers=stack.kafka.bootstrap)
    try:
        await admin.start()
        await topics.delete(admin, names)
    finally:
        await admin.close()
    await topics.create(stack.kafka.bootstrap, declarations(), Layout(prefix=stack.kafka.prefix, partitions=1))
