"""Every committed event reaches Kafka, in the order of its aggregate, through one relay at a time."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial

import asyncpg
import pytest
from aiokafka import AIOKafkaProducer
from prometheus_client import REGISTRY

from infra.deploy.topics import declarations, forget_cluster
from shared.contracts.codes import Condition
from shared.contracts.envelope import decode, read_envelope
from shared.contracts.rapid_care import ResponseRequested
from shared.kernel.ids import new_id
from shared.messaging import topics
from shared.messaging.kafka_settings import KafkaSettings
from shared.messaging.outbound.relay import ClusterChanged, Relay, RelaySettings
from shared.messaging.pacing import BusyCores, Pacing
from shared.messaging.topics import Layout, TopicDeclaration
from shared.persistence.statements import Connection
from tests.builders.faulty_database import LOCKS
from tests.builders.unclosed_clients import unclosed_clients
from tests.integration.shared.delivery_harness import DeliveryHarness
from tests.integration.shared.relay_harness import (
    QUICK,
    CheckingRelay,
    create_relay,
    limit_batch_bytes,
    read_topic,
    relaying,
    running,
    until_sent,
)
from tests.timeouts import LONGEST_WAIT, until

_LEADER = f"SELECT pid FROM {LOCKS} WHERE locktype = 'advisory' AND granted"  # noqa: S608  names of the test
_END_LEADER = f"SELECT pg_terminate_backend(pid) FROM ({_LEADER}) AS leader"  # noqa: S608  names of the test


async def test_event_is_cloudevent_with_person_as_key(harness: DeliveryHarness, kafka: KafkaSettings) -> None:
    person = new_id()
    parcel = await harness.send(person)
    async with relaying(harness, kafka):
        await until_sent(harness)

    (record,) = await read_topic(kafka)
    envelope = read_envelope(record)
    assert record.key == str(person).encode()
    assert dict(record.headers)["ce_specversion"] == b"1.0"
    assert (envelope.subject, envelope.sequence, envelope.source) == (str(parcel.id), 1, "/care/rapid-care")
    assert (envelope.correlation_id, envelope.actor_org) == (parcel.correlation_id, "CARE")
    assert isinstance(decode(envelope, record, harness.sender.database.secrets.key_ring), ResponseRequested)


async def test_events_of_an_aggregate_arrive_in_order(harness: DeliveryHarness, kafka: KafkaSettings) -> None:
    sent = [await harness.send() for _ in range(30)]
    async with relaying(harness, kafka, replace(QUICK, batch=7)):
        for parcel in sent:
            await harness.accept(parcel.id, 1)
        await until_sent(harness)

    sequences: dict[str, list[int]] = {}
    for envelope in map(read_envelope, await read_topic(kafka)):
        sequences.setdefault(envelope.subject, []).append(envelope.sequence)
    assert sequences == {str(parcel.id): [1, 2] for parcel in sent}


async def test_event_committed_late_is_still_published(harness: DeliveryHarness, kafka: KafkaSettings) -> None:
    """A cursor over the event numbers would skip it (docs/adr/0006-publish-through-one-relay.md)."""
    async with relaying(harness, kafka):
        async with harness.slow_commits("rapid_care.parcel", "NEW.condition = 'fall'"):
            slow = asyncio.create_task(harness.send(condition=Condition.FALL))
            await harness.until_waiting("advisory")  # its event has a number and its commit waits
            quick = await harness.send()
            await until_sent(harness)
            assert not slow.done()
            assert [read_envelope(record).subject for record in await read_topic(kafka)] == [str(quick.id)]
        late = await slow
        await until_sent(harness)

    numbers = {row["subject"]: row["seq"] for row in await harness.owner.fetch("SELECT subject, seq FROM rapid_care.event")}
    assert numbers[late.id] < numbers[quick.id]
    assert {read_envelope(record).subject for record in await read_topic(kafka)} == {str(quick.id), str(late.id)}


async def test_event_recorded_with_late_clock_keeps_its_order(harness: DeliveryHarness, kafka: KafkaSettings) -> None:
    person = new_id()
    sent = [await harness.send(person) for _ in range(3)]
    back = "UPDATE rapid_care.event SET recorded_at = recorded_at - interval '3 days', partition_day = partition_day - 3 WHERE subject = $1"
    await harness.owner.execute(back, sent[1].id)

    async with relaying(harness, kafka):
        await until_sent(harness)

    assert [read_envelope(record).subject for record in await read_topic(kafka)] == [str(parcel.id) for parcel in sent]


async def test_oversized_event_blocks_its_key_alone(harness: DeliveryHarness, kafka: KafkaSettings) -> None:
    person = new_id()
    large = await harness.send(person, Condition.FALL)
    await harness.owner.execute("UPDATE rapid_care.event SET data = data || repeat(' ', 5000)::bytea WHERE subject = $1", large.id)
    await harness.accept(large.id, 1)
    others = [await harness.send() for _ in range(5)]
    await limit_batch_bytes(kafka, 3000)
    async with relaying(harness, kafka):
        await until_sent(harness, left=2)
        assert {read_envelope(record).subject for record in await read_topic(kafka)} == {str(parcel.id) for parcel in others}

        later = await harness.send()
        await until_sent(harness, left=2)
        await limit_batch_bytes(kafka, 1_000_000)
        await until_sent(harness)

    found = [read_envelope(record) for record in await read_topic(kafka)]
    assert [each.sequence for each in found if each.subject == str(large.id)] == [1, 2]
    assert len(found) == 2 + len(others) + 1
    assert str(later.id) in {each.subject for each in found}


async def test_missing_topic_blocks_no_other(harness: DeliveryHarness, kafka: KafkaSettings) -> None:
    lost, other = await harness.send(), await harness.send()
    await harness.owner.execute("UPDATE rapid_care.event SET topic = 'rapid-care.absent' WHERE subject = $1", lost.id)
    async with relaying(harness, kafka):
        await until_sent(harness, left=1)
        assert [read_envelope(record).subject for record in await read_topic(kafka)] == [str(other.id)]

        absent = TopicDeclaration("rapid-care.absent", is_compacted=False, retention_days=1)
        await topics.create(kafka.bootstrap, [absent], Layout(prefix=kafka.prefix, partitions=1))
        await until_sent(harness)

    assert [read_envelope(record).subject for record in await read_topic(kafka, "rapid-care.absent")] == [str(lost.id)]


async def test_relay_delay_is_measured(harness: DeliveryHarness, kafka: KafkaSettings) -> None:
    def measured() -> float:
        return REGISTRY.get_sample_value("care_relay_delay_seconds_count", {"context": "rapid_care"}) or 0

    before = measured()
    for _ in range(3):
        await harness.send()
    async with relaying(harness, kafka):
        await until_sent(harness)

    assert measured() == before + 3


async def test_standby_relay_takes_over_when_active_one_dies(harness: DeliveryHarness, kafka: KafkaSettings) -> None:
    async with relaying(harness, kafka, replace(QUICK, restart_delay=60)):
        await harness.send()
        await until_sent(harness)
        before = await harness.owner.fetch(_LEADER)
        async with relaying(harness, kafka):
            for _ in range(5):
                await harness.send()
            await until_sent(harness)
            assert await harness.owner.fetch(_LEADER) == before
            await harness.owner.execute(_END_LEADER)
            await harness.send()
            await until_sent(harness)
            after = await harness.owner.fetch(_LEADER)

    assert len(before) == len(after) == 1
    assert before != after
    assert len(await read_topic(kafka)) == 7


async def test_relay_leads_again_after_losing_its_connection(harness: DeliveryHarness, kafka: KafkaSettings) -> None:
    sent = []
    async with relaying(harness, kafka):
        for _ in range(3):
            sent.append(await harness.send())
            await until_sent(harness)
            await harness.owner.execute(_END_LEADER)
        sent.append(await harness.send())
        await until_sent(harness)

    assert {read_envelope(record).subject for record in await read_topic(kafka)} == {str(parcel.id) for parcel in sent}


async def test_relay_ends_when_cancelled_while_waking(harness: DeliveryHarness, kafka: KafkaSettings) -> None:
    async with relaying(harness, kafka, replace(QUICK, idle=60, shortest=60)) as relay:
        await harness.send()
        await until_sent(harness)
        harness.sender.database.committed.set()
        relay.cancel()
        await asyncio.wait([relay], timeout=LONGEST_WAIT)

        assert relay.cancelled()


async def test_relay_ends_when_cancelled_without_connection(harness: DeliveryHarness, kafka: KafkaSettings) -> None:
    async with relaying(harness, kafka, replace(QUICK, idle=60, shortest=60)) as relay:
        await harness.send()
        await until_sent(harness)
        await harness.owner.execute(_END_LEADER)
        relay.cancel()
        await asyncio.wait([relay], timeout=LONGEST_WAIT)

        assert relay.cancelled()


@pytest.mark.filterwarnings("ignore:Unclosed:ResourceWarning")
async def test_relay_without_broker_closes_its_clients(harness: DeliveryHarness, caplog: pytest.LogCaptureFixture) -> None:
    restarts = partial(REGISTRY.get_sample_value, "care_relay_restarts_total", {"context": "rapid_care"})
    before = restarts() or 0
    async with relaying(harness, KafkaSettings("127.0.0.1:9")):
        await until(lambda: (restarts() or 0) >= before + 2)

    assert unclosed_clients(caplog) == []


async def test_first_cluster_id_is_stored_without_republishing(harness: DeliveryHarness, kafka: KafkaSettings) -> None:
    await harness.send()
    relay = create_relay(harness, kafka, QUICK, CheckingRelay)
    async with running(relay):
        await until_sent(harness)
        await relay.until_checked(3)
        await until_sent(harness)

    assert len(await read_topic(kafka)) == 1
    assert await harness.count("rapid_care.relay_state") == 1


async def test_new_cluster_id_republishes_and_ends_the_relay(harness: DeliveryHarness, kafka: KafkaSettings) -> None:
    sent = [await harness.send() for _ in range(3)]
    async with relaying(harness, kafka) as relay:
        await until_sent(harness)
        await harness.owner.execute("UPDATE rapid_care.relay_state SET cluster_id = 'an earlier cluster'")
        await asyncio.wait([relay], timeout=LONGEST_WAIT)
        assert isinstance(relay.exception(), ClusterChanged)
    assert await harness.count("rapid_care.outbox") == 3

    async with relaying(harness, kafka):
        await until_sent(harness)
    subjects = [read_envelope(record).subject for record in await read_topic(kafka)]
    assert sorted(subjects) == sorted([str(parcel.id) for parcel in sent] * 2)


class InterruptedRelay(Relay):
    """Runs `after_acknowledgement` between the acknowledgement of Kafka and the delete from the outbox."""

    after_acknowledgement: Callable[[], Awaitable[object]]

    async def _delete_published(self, connection: Connection, sent: Sequence[asyncpg.Record]) -> None:
        if sent:
            await self.after_acknowledgement()
        await super()._delete_published(connection, sent)


async def test_stale_cluster_acknowledgement_leaves_event_in_outbox(harness: DeliveryHarness, kafka: KafkaSettings) -> None:
    relay = create_relay(harness, kafka, replace(QUICK, cluster_check_interval=60), InterruptedRelay)
    relay.after_acknowledgement = partial(forget_cluster, harness.owner, "rapid_care")
    await harness.send()

    with pytest.raises(ClusterChanged):
        await asyncio.wait_for(relay.run(), LONGEST_WAIT)

    assert len(await read_topic(kafka)) == 1
    assert await harness.count("rapid_care.outbox") == 1


async def test_late_clock_does_not_hide_the_last_cluster(harness: DeliveryHarness, kafka: KafkaSettings) -> None:
    await harness.send()
    async with relaying(harness, kafka):
        await until_sent(harness)
    await harness.owner.execute("UPDATE rapid_care.relay_state SET seen_at = seen_at + interval '1 hour'")
    await forget_cluster(harness.owner, "rapid_care")

    async with relaying(harness, kafka) as task:
        with pytest.raises(ClusterChanged):
            await asyncio.wait_for(task, LONGEST_WAIT)
    relay = create_relay(harness, kafka, QUICK, CheckingRelay)
    async with running(relay) as task:
        await until_sent(harness)
        await relay.until_checked(3)
        assert not task.done()

    assert len(await read_topic(kafka)) == 2


async def test_return_to_known_cluster_republishes_the_log(harness: DeliveryHarness, kafka: KafkaSettings) -> None:
    await harness.send()
    async with relaying(harness, kafka):
        await until_sent(harness)
    await harness.owner.execute("INSERT INTO rapid_care.relay_state (cluster_id) VALUES ('another cluster')")

    async with relaying(harness, kafka) as relay:
        await asyncio.wait([relay], timeout=LONGEST_WAIT)
        assert isinstance(relay.exception(), ClusterChanged)
    async with relaying(harness, kafka):
        await until_sent(harness)

    assert len(await read_topic(kafka)) == 2


async def test_republish_proceeds_in_portions(harness: DeliveryHarness, kafka: KafkaSettings) -> None:
    await harness.owner.execute("INSERT INTO rapid_care.relay_state (cluster_id) VALUES ('an earlier cluster')")
    await harness.owner.execute("""
        INSERT INTO rapid_care.event (id, type, topic, subject, sequence, key, occurred_at, correlation_id, actor_org, actor_role, data)
        SELECT gen_random_uuid(), 'x', 'x', gen_random_uuid(), 1, gen_random_uuid(), now(), gen_random_uuid(), 'x', 'x', ''
        FROM generate_series(1, 20001)""")

    async with relaying(harness, kafka) as relay:
        await asyncio.wait([relay], timeout=LONGEST_WAIT)

    assert await harness.count("rapid_care.outbox") == 20_001


async def test_republish_window_excludes_public_events_only(harness: DeliveryHarness, kafka: KafkaSettings) -> None:
    old, young, record = await harness.send(), await harness.send(), await harness.send()
    async with relaying(harness, kafka):
        await until_sent(harness)
    age = "UPDATE rapid_care.event SET recorded_at = recorded_at - interval '2 days', partition_day = {} WHERE subject = $1"
    await harness.owner.execute(age.format("partition_day - 2"), old.id)
    await harness.owner.execute(age.format("'infinity'"), record.id)  # the partition of restricted events
    await harness.owner.execute("UPDATE rapid_care.relay_state SET cluster_id = 'an earlier cluster'")

    async with relaying(harness, kafka, replace(QUICK, republish_window=timedelta(days=1))) as relay:
        await asyncio.wait([relay], timeout=LONGEST_WAIT)

    rows = await harness.owner.fetch("SELECT subject FROM rapid_care.outbox JOIN rapid_care.event USING (seq)")
    assert {row["subject"] for row in rows} == {young.id, record.id}


def test_republish_covers_the_retention_of_public_topics() -> None:
    assert RelaySettings().republish_window >= timedelta(days=max(declaration.retention_days for declaration in declarations()))


@pytest.mark.parametrize("batch", [1, 500])
async def test_backlog_is_published_completely(harness: DeliveryHarness, kafka: KafkaSettings, batch: int) -> None:
    for _ in range(12):
        await harness.send()
    async with relaying(harness, kafka, replace(QUICK, batch=batch)):
        await until_sent(harness)

    assert len(await read_topic(kafka)) == 12


class _SlowRelay(Relay):
    """Publishes with a delay of a third of a second."""

    async def _send_batch(self, connection: Connection, producer: AIOKafkaProducer) -> int | None:
        sent = await super()._send_batch(connection, producer)
        if sent:
            await asyncio.sleep(0.3)
        return sent


class _FullCores(BusyCores):
    def pressure(self) -> float:
        return 1.0


async def test_relay_waits_twice_its_batch_on_full_cores(harness: DeliveryHarness, kafka: KafkaSettings) -> None:
    await harness.send()
    relay = create_relay(harness, kafka, replace(QUICK, idle=60.0, pacing=Pacing(cores=_FullCores())), _SlowRelay)
    async with running(relay):
        await until(lambda: relay._poll_delay < 60)
        assert relay._poll_delay >= 0.6
