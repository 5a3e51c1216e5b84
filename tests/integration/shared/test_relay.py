"""What was committed reaches Kafka: all of it, in the order of each aggregate, by one relay at a time."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from prometheus_client import REGISTRY

from infra.deploy.topics import declarations, forget_cluster
from shared.contracts.codes import Condition
from shared.contracts.envelope import Record, decode, read_envelope
from shared.contracts.rapid_care import ResponseRequested
from shared.kernel.ids import new_id
from shared.messaging import topics
from shared.messaging.kafka_settings import KafkaSettings
from shared.messaging.outbound.relay import ClusterChanged, Relay, RelaySettings
from shared.messaging.shutdown import cancel_and_wait
from shared.messaging.topics import Layout, TopicDeclaration
from shared.persistence.statements import Connection
from tests.integration.shared.consumer_harness import until
from tests.integration.shared.delivery_harness import DeliveryHarness
from tests.integration.shared.parcel_context import TOPIC
from tests.timeouts import LONGEST_WAIT

_LEADER = """
SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted
AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"""
_END_LEADER = f"SELECT pg_terminate_backend(pid) FROM ({_LEADER}) AS leader"  # noqa: S608  the query above
QUICK = RelaySettings(standby=0.05, restart_delay=0.05, cluster_check_interval=0.1)


@asynccontextmanager
async def relaying(post: DeliveryHarness, kafka: KafkaSettings, pace: RelaySettings = QUICK) -> AsyncIterator[asyncio.Task[None]]:
    relay = Relay(post.sender.database, "rapid_care", kafka.bootstrap, prefix=kafka.prefix, pace=pace)
    task = asyncio.create_task(relay.run())
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait([task])


async def until_sent(post: DeliveryHarness, left: int = 0) -> None:
    async with asyncio.timeout(LONGEST_WAIT):
        while await post.count("rapid_care.outbox") > left:
            await asyncio.sleep(0.01)


async def limit(kafka: KafkaSettings, most_bytes: int) -> None:
    """Of what the broker takes as one batch."""
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    await admin.start()
    try:
        name = kafka.prefix + TOPIC
        await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, name, {"max.message.bytes": str(most_bytes)})])
    finally:
        await admin.close()


async def on_kafka(kafka: KafkaSettings, topic: str = TOPIC) -> list[Record]:
    """Everything that the topic holds, partition by partition."""
    async with AIOKafkaConsumer(kafka.prefix + topic, bootstrap_servers=kafka.bootstrap, auto_offset_reset="earliest") as consumer:
        ends = await consumer.end_offsets(consumer.assignment())
        records = []
        for partition, end in ends.items():
            while await consumer.position(partition) < end:
                found = await consumer.getone(partition)
                records.append(Record(topic, found.partition, found.offset, found.key, found.value, tuple(found.headers)))
        return records


async def test_an_event_travels_as_cloudevents_with_the_person_as_its_key(post: DeliveryHarness, kafka: KafkaSettings) -> None:
    person = new_id()
    parcel = await post.send(person)
    async with relaying(post, kafka):
        await until_sent(post)

    (record,) = await on_kafka(kafka)
    envelope = read_envelope(record)
    assert record.key == str(person).encode()
    assert dict(record.headers)["ce_specversion"] == b"1.0"
    assert (envelope.subject, envelope.sequence, envelope.source) == (str(parcel.id), 1, "/care/rapid-care")
    assert (envelope.correlation_id, envelope.actor_org) == (parcel.correlation_id, "CARE")
    assert isinstance(decode(envelope, record.value, post.sender.database.secrets.key_ring), ResponseRequested)


async def test_events_of_an_aggregate_arrive_in_their_sequence(post: DeliveryHarness, kafka: KafkaSettings) -> None:
    sent = [await post.send() for _ in range(30)]
    async with relaying(post, kafka, replace(QUICK, batch=7)):
        for parcel in sent:
            await post.accept(parcel.id, 1)
        await until_sent(post)

    sequences: dict[str, list[int]] = {}
    for envelope in map(read_envelope, await on_kafka(kafka)):
        sequences.setdefault(envelope.subject, []).append(envelope.sequence)
    assert sequences == {str(parcel.id): [1, 2] for parcel in sent}


async def test_an_event_that_commits_after_one_that_was_numbered_later_is_sent_all_the_same(
    post: DeliveryHarness, kafka: KafkaSettings
) -> None:
    """The visibility trap: a cursor over the numbers would have passed it (reliability.md §2.1)."""
    async with relaying(post, kafka):
        async with post.slow_commits("rapid_care.parcel", "NEW.condition = 'fall'"):
            slow = asyncio.create_task(post.send(condition=Condition.FALL))
            await asyncio.sleep(0.3)  # by now it has its number and waits in its commit
            quick = await post.send()
            await asyncio.sleep(0.3)
            assert not slow.done()
            assert [read_envelope(record).subject for record in await on_kafka(kafka)] == [str(quick.id)]
        late = await slow
        await until_sent(post)

    numbers = {row["subject"]: row["seq"] for row in await post.owner.fetch("SELECT subject, seq FROM rapid_care.event")}
    assert numbers[late.id] < numbers[quick.id]
    assert {read_envelope(record).subject for record in await on_kafka(kafka)} == {str(quick.id), str(late.id)}


async def test_what_was_recorded_while_the_database_clock_stood_days_back_keeps_its_place(
    post: DeliveryHarness, kafka: KafkaSettings
) -> None:
    person = new_id()
    sent = [await post.send(person) for _ in range(3)]
    back = "UPDATE rapid_care.event SET recorded_at = recorded_at - interval '3 days', partition_day = partition_day - 3 WHERE subject = $1"
    await post.owner.execute(back, sent[1].id)

    async with relaying(post, kafka):
        await until_sent(post)

    assert [read_envelope(record).subject for record in await on_kafka(kafka)] == [str(parcel.id) for parcel in sent]


async def test_what_kafka_will_not_take_holds_back_its_key_and_nobody_else_and_goes_when_it_may(
    post: DeliveryHarness, kafka: KafkaSettings
) -> None:
    person = new_id()
    large = await post.send(person, Condition.FALL)
    await post.owner.execute("UPDATE rapid_care.event SET data = data || repeat(' ', 5000)::bytea WHERE subject = $1", large.id)
    await post.accept(large.id, 1)
    others = [await post.send() for _ in range(5)]
    await limit(kafka, 3000)
    async with relaying(post, kafka):
        await until_sent(post, left=2)
        assert {read_envelope(record).subject for record in await on_kafka(kafka)} == {str(parcel.id) for parcel in others}

        later = await post.send()
        await until_sent(post, left=2)
        await limit(kafka, 1_000_000)
        await until_sent(post)

    found = [read_envelope(record) for record in await on_kafka(kafka)]
    assert [each.sequence for each in found if each.subject == str(large.id)] == [1, 2]
    assert len(found) == 2 + len(others) + 1
    assert str(later.id) in {each.subject for each in found}


async def test_an_absent_topic_holds_up_no_other_and_is_served_when_it_appears(post: DeliveryHarness, kafka: KafkaSettings) -> None:
    lost, other = await post.send(), await post.send()
    await post.owner.execute("UPDATE rapid_care.event SET topic = 'rapid-care.absent' WHERE subject = $1", lost.id)
    async with relaying(post, kafka):
        await until_sent(post, left=1)
        assert [read_envelope(record).subject for record in await on_kafka(kafka)] == [str(other.id)]

        absent = TopicDeclaration("rapid-care.absent", is_compacted=False, retention_days=1)
        await topics.create(kafka.bootstrap, [absent], Layout(prefix=kafka.prefix, partitions=1))
        await until_sent(post)

    assert [read_envelope(record).subject for record in await on_kafka(kafka, "rapid-care.absent")] == [str(lost.id)]


async def test_how_long_an_event_took_is_measured(post: DeliveryHarness, kafka: KafkaSettings) -> None:
    def measured() -> float:
        return REGISTRY.get_sample_value("care_relay_delay_seconds_count", {"context": "rapid_care"}) or 0

    before = measured()
    for _ in range(3):
        await post.send()
    async with relaying(post, kafka):
        await until_sent(post)

    assert measured() == before + 3


async def test_of_two_relays_one_is_active_and_the_other_takes_over_when_it_dies(post: DeliveryHarness, kafka: KafkaSettings) -> None:
    async with relaying(post, kafka, replace(QUICK, restart_delay=60)):
        await post.send()
        await until_sent(post)
        before = await post.owner.fetch(_LEADER)
        async with relaying(post, kafka):
            for _ in range(5):
                await post.send()
            await until_sent(post)
            assert await post.owner.fetch(_LEADER) == before
            await post.owner.execute(_END_LEADER)
            await post.send()
            await until_sent(post)
            after = await post.owner.fetch(_LEADER)

    assert len(before) == len(after) == 1
    assert before != after
    assert len(await on_kafka(kafka)) == 7


async def test_a_relay_that_loses_its_connection_leads_again(post: DeliveryHarness, kafka: KafkaSettings) -> None:
    sent = []
    async with relaying(post, kafka):
        for _ in range(3):
            sent.append(await post.send())
            await until_sent(post)
            await post.owner.execute(_END_LEADER)
        sent.append(await post.send())
        await until_sent(post)

    assert {read_envelope(record).subject for record in await on_kafka(kafka)} == {str(parcel.id) for parcel in sent}


async def test_a_relay_ends_when_it_is_told_to_while_it_wakes_up(post: DeliveryHarness, kafka: KafkaSettings) -> None:
    async with relaying(post, kafka, replace(QUICK, idle=60, busy=60)) as relay:
        await post.send()
        await until_sent(post)
        post.sender.database.committed.set()
        relay.cancel()
        await asyncio.wait([relay], timeout=LONGEST_WAIT)

        assert relay.cancelled()


async def test_a_relay_ends_when_it_is_told_to_though_its_connection_is_gone(post: DeliveryHarness, kafka: KafkaSettings) -> None:
    async with relaying(post, kafka, replace(QUICK, idle=60, busy=60)) as relay:
        await post.send()
        await until_sent(post)
        await post.owner.execute(_END_LEADER)
        relay.cancel()
        await asyncio.wait([relay], timeout=LONGEST_WAIT)

        assert relay.cancelled()


async def test_a_first_cluster_is_remembered_without_sending_anything_again(post: DeliveryHarness, kafka: KafkaSettings) -> None:
    await post.send()
    async with relaying(post, kafka):
        await until_sent(post)
        await asyncio.sleep(0.3)  # it looked at the cluster again meanwhile

    assert len(await on_kafka(kafka)) == 1
    assert await post.count("rapid_care.relay_state") == 1


async def test_on_another_cluster_the_log_is_sent_again_and_the_process_begins_anew(post: DeliveryHarness, kafka: KafkaSettings) -> None:
    sent = [await post.send() for _ in range(3)]
    async with relaying(post, kafka) as relay:
        await until_sent(post)
        await post.owner.execute("UPDATE rapid_care.relay_state SET cluster_id = 'the one before'")
        await asyncio.wait([relay], timeout=LONGEST_WAIT)
        assert isinstance(relay.exception(), ClusterChanged)
    assert await post.count("rapid_care.outbox") == 3

    async with relaying(post, kafka):
        await until_sent(post)
    subjects = [read_envelope(record).subject for record in await on_kafka(kafka)]
    assert sorted(subjects) == sorted([str(parcel.id) for parcel in sent] * 2)


class Interrupted(Relay):
    """Something happens between the acknowledgement of Kafka and what the relay does about it."""

    meanwhile: Callable[[], Awaitable[object]]

    async def _delete_published(self, connection: Connection, sent: Sequence[asyncpg.Record]) -> None:
        if sent:
            await self.meanwhile()
        await super()._delete_published(connection, sent)


async def test_what_was_acknowledged_by_a_cluster_that_has_lost_it_since_stays_to_be_sent(
    post: DeliveryHarness, kafka: KafkaSettings
) -> None:
    relay = Interrupted(
        post.sender.database, "rapid_care", kafka.bootstrap, prefix=kafka.prefix, pace=replace(QUICK, cluster_check_interval=60)
    )
    relay.meanwhile = partial(forget_cluster, post.owner, "rapid_care")
    await post.send()

    with pytest.raises(ClusterChanged):
        await asyncio.wait_for(relay.run(), LONGEST_WAIT)

    assert len(await on_kafka(kafka)) == 1
    assert await post.count("rapid_care.outbox") == 1


async def test_a_clock_that_was_set_back_does_not_hide_which_cluster_was_last(post: DeliveryHarness, kafka: KafkaSettings) -> None:
    await post.send()
    async with relaying(post, kafka):
        await until_sent(post)
    await post.owner.execute("UPDATE rapid_care.relay_state SET seen_at = seen_at + interval '1 hour'")
    await forget_cluster(post.owner, "rapid_care")

    async with relaying(post, kafka) as relay:
        with pytest.raises(ClusterChanged):
            await asyncio.wait_for(relay, LONGEST_WAIT)
    async with relaying(post, kafka) as relay:
        await until_sent(post)
        await asyncio.sleep(0.3)  # it looked at the cluster again meanwhile
        assert not relay.done()

    assert len(await on_kafka(kafka)) == 2


async def test_back_on_a_cluster_known_from_before_the_log_is_sent_again_too(post: DeliveryHarness, kafka: KafkaSettings) -> None:
    await post.send()
    async with relaying(post, kafka):
        await until_sent(post)
    await post.owner.execute("INSERT INTO rapid_care.relay_state (cluster_id) VALUES ('the one in between')")

    async with relaying(post, kafka) as relay:
        await asyncio.wait([relay], timeout=LONGEST_WAIT)
        assert isinstance(relay.exception(), ClusterChanged)
    async with relaying(post, kafka):
        await until_sent(post)

    assert len(await on_kafka(kafka)) == 2


async def test_however_much_is_sent_again_it_goes_in_portions(post: DeliveryHarness, kafka: KafkaSettings) -> None:
    await post.owner.execute("INSERT INTO rapid_care.relay_state (cluster_id) VALUES ('the one before')")
    await post.owner.execute("""
        INSERT INTO rapid_care.event (id, type, topic, subject, sequence, key, occurred_at, correlation_id, actor_org, actor_role, data)
        SELECT gen_random_uuid(), 'x', 'x', gen_random_uuid(), 1, gen_random_uuid(), now(), gen_random_uuid(), 'x', 'x', ''
        FROM generate_series(1, 20001)""")

    async with relaying(post, kafka) as relay:
        await asyncio.wait([relay], timeout=LONGEST_WAIT)

    assert await post.count("rapid_care.outbox") == 20_001


async def test_events_older_than_the_horizon_are_not_sent_again_but_what_is_known_of_a_person_is(
    post: DeliveryHarness, kafka: KafkaSettings
) -> None:
    old, young, record = await post.send(), await post.send(), await post.send()
    async with relaying(post, kafka):
        await until_sent(post)
    age = "UPDATE rapid_care.event SET recorded_at = recorded_at - interval '2 days', partition_day = {} WHERE subject = $1"
    await post.owner.execute(age.format("partition_day - 2"), old.id)
    await post.owner.execute(age.format("'infinity'"), record.id)  # where restricted ones lie
    await post.owner.execute("UPDATE rapid_care.relay_state SET cluster_id = 'the one before'")

    async with relaying(post, kafka, replace(QUICK, republish_window=timedelta(days=1))) as relay:
        await asyncio.wait([relay], timeout=LONGEST_WAIT)

    rows = await post.owner.fetch("SELECT subject FROM rapid_care.outbox JOIN rapid_care.event USING (seq)")
    assert {row["subject"] for row in rows} == {young.id, record.id}


def test_whatever_kafka_still_kept_of_an_ordinary_topic_is_sent_again() -> None:
    assert RelaySettings().republish_window >= timedelta(days=max(declaration.retention_days for declaration in declarations()))


@pytest.mark.parametrize("batch", [1, 500])
async def test_a_backlog_is_sent_whole_whatever_the_batch(post: DeliveryHarness, kafka: KafkaSettings, batch: int) -> None:
    for _ in range(12):
        await post.send()
    async with relaying(post, kafka, replace(QUICK, batch=batch)):
        await until_sent(post)

    assert len(await on_kafka(kafka)) == 12


class _Slow(Relay):
    """Its sending takes a third of a second more."""

    async def _send_some(self, connection: Connection, producer: AIOKafkaProducer) -> int | None:
        sent = await super()._send_some(connection, producer)
        if sent:
            await asyncio.sleep(0.3)
        return sent


async def test_a_relay_rests_after_it_sent_for_as_long_as_that_took(post: DeliveryHarness, kafka: KafkaSettings) -> None:
    await post.send()
    relay = _Slow(post.sender.database, "rapid_care", kafka.bootstrap, prefix=kafka.prefix, pace=replace(QUICK, idle=60.0))
    task = asyncio.create_task(relay.run())
    try:
        await until(lambda: relay._poll_delay < 60)
        assert relay._poll_delay >= 0.3
    finally:
        await cancel_and_wait(task)
