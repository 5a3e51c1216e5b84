"""A restricted event is ciphertext in the event log and on Kafka."""

from datetime import date

import pytest

from infra.operations.key_rotation import rewrap_log
from shared.contracts.codes import Locality
from shared.contracts.encryption import KeyRing
from shared.contracts.envelope import UnauthenticRecord, UndecodableRecord, decode, read_envelope
from shared.contracts.persons import PersonRecordRecorded, Story
from shared.kernel.ids import new_id
from shared.messaging import topics
from shared.messaging.kafka_settings import KafkaSettings
from shared.messaging.topics import Layout, TopicDeclaration
from shared.persistence.transaction import EventSubject, EventTooLarge
from tests.integration.shared.delivery_harness import DeliveryHarness
from tests.integration.shared.relay_harness import read_topic, relaying, until_sent

TOPIC = PersonRecordRecorded.TOPIC
RECORD = PersonRecordRecorded(
    nhs_number="9990548609",
    given_name="Colin",
    family_name="Dale",
    born_on=date(1933, 4, 2),
    address="1 Example Street",
    telephone=None,
    practice_code="W07",
    locality=Locality.WEST,
    story=Story(narrative="He lives alone and has fallen twice."),
)
WORDS = (b"9990548609", b"Colin", b"Dale", b"Example Street", b"fallen")


async def record(harness: DeliveryHarness, event: PersonRecordRecorded) -> None:
    person = new_id()
    async with harness.sender.database.transaction() as tx:
        tx.record(EventSubject(person, person, new_id()), event, 1)


def a_long_story(letters: int) -> PersonRecordRecorded:
    return RECORD.model_copy(update={"story": Story(narrative="x" * letters)})


async def test_longest_accepted_story_reaches_kafka(harness: DeliveryHarness, kafka: KafkaSettings) -> None:
    await topics.create(kafka.bootstrap, [TopicDeclaration(TOPIC, is_compacted=True, retention_days=1)], Layout(kafka.prefix, 1))
    await record(harness, a_long_story(749_000))
    async with relaying(harness, kafka):
        await until_sent(harness)

    assert len(await read_topic(kafka, TOPIC)) == 1


async def test_story_too_large_for_kafka_is_refused(harness: DeliveryHarness) -> None:
    with pytest.raises(EventTooLarge):
        await record(harness, a_long_story(751_000))

    assert await harness.count("rapid_care.event") == 0


async def test_restricted_event_is_ciphertext_in_log_and_topic(harness: DeliveryHarness, kafka: KafkaSettings) -> None:
    await topics.create(kafka.bootstrap, [TopicDeclaration(TOPIC, is_compacted=True, retention_days=1)], Layout(kafka.prefix, 1))
    await record(harness, RECORD)
    async with relaying(harness, kafka):
        await until_sent(harness)

    row = await harness.owner.fetchrow("SELECT * FROM rapid_care.event")
    (found,) = await read_topic(kafka, TOPIC)
    assert row is not None
    seen = [str(dict(row)).encode(), row["data"], found.value or b"", found.key or b"", *(value or b"" for _, value in found.headers)]
    assert [word for word in WORDS for text in seen if word in text] == []
    assert decode(read_envelope(found), found, harness.sender.database.secrets.key_ring) == RECORD


async def test_sealed_value_moved_within_the_log_does_not_open(harness: DeliveryHarness, kafka: KafkaSettings) -> None:
    """Finding C13: the relay signs what the log holds; the sealed value shows that it was moved."""
    await topics.create(kafka.bootstrap, [TopicDeclaration(TOPIC, is_compacted=True, retention_days=1)], Layout(kafka.prefix, 1))
    for name in ("Colin", "Stella"):
        await record(harness, RECORD.model_copy(update={"given_name": name}))
    await harness.owner.execute("""
        UPDATE rapid_care.event SET (data, data_key) = (SELECT data, data_key FROM rapid_care.event ORDER BY seq DESC LIMIT 1)
        WHERE seq = (SELECT min(seq) FROM rapid_care.event)""")
    async with relaying(harness, kafka):
        await until_sent(harness)

    moved, genuine = sorted(await read_topic(kafka, TOPIC), key=lambda found: found.offset)
    secrets = harness.sender.database.secrets
    secrets.mac_keys.verify(moved)
    with pytest.raises(UnauthenticRecord):
        decode(read_envelope(moved), moved, secrets.key_ring)
    assert decode(read_envelope(genuine), genuine, secrets.key_ring) == RECORD.model_copy(update={"given_name": "Stella"})


async def test_rewrapped_event_needs_no_older_key(harness: DeliveryHarness, kafka: KafkaSettings) -> None:
    """A key leaves the ring: the events that it wrapped are published again and read without it, the erased one is not."""
    await topics.create(kafka.bootstrap, [TopicDeclaration(TOPIC, is_compacted=True, retention_days=1)], Layout(kafka.prefix, 1))
    before = harness.sender.database.secrets
    for _ in range(3):
        await record(harness, RECORD)
    await harness.owner.execute("UPDATE rapid_care.event SET data_key = NULL WHERE seq = (SELECT max(seq) FROM rapid_care.event)")
    async with relaying(harness, kafka):
        await until_sent(harness)
    both = KeyRing(before.key_ring._keys | {"new": bytes(32)}, "new")

    assert await rewrap_log(harness.owner, "rapid_care", both) == 2
    assert await rewrap_log(harness.owner, "rapid_care", both) == 2
    async with relaying(harness, kafka):
        await until_sent(harness)

    after, found = KeyRing({"new": bytes(32)}, "new"), (await read_topic(kafka, TOPIC))[3:]
    assert [each.value is None for each in found] == [False, False, True]
    assert [decode(read_envelope(each), each, after) for each in found[:2]] == [RECORD, RECORD]
    with pytest.raises(UndecodableRecord, match="KeyAbsent"):
        decode(read_envelope(found[0]), found[0], before.key_ring)
