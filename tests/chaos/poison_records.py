"""Records that no context can apply, sent to the topics from outside the product. A unique key identifies each of them later."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random

import orjson
from aiokafka import AIOKafkaProducer

from infra.operations.verify.broker import connected
from shared.contracts.envelope import Record, type_of
from shared.contracts.registry import event_type
from shared.kernel.ids import new_id
from shared.messaging.subscriptions import Subscriptions
from shared.persistence.deployment_secrets import Secrets
from tests.builders.context_app import arrived, signed
from tests.builders.mdt import a_person_record
from tests.builders.rapid_care import a_routed_referral, at

TOPICS = ("referrals.referral", "referrals.person-record", "rapid-care.response", "mdt.case", "navigation.task")
_UNKNOWN_TYPE = {"ce_type": b"referrals.referral.routed.v9"}


@dataclass(frozen=True, slots=True)
class AcknowledgedRecord:
    """`record` has the partition and offset of the broker's acknowledgement; `cluster` is the cluster id just before it was sent."""

    record: Record
    cluster: str


def poison(secrets: Secrets) -> list[Record]:
    """Returns one record of each kind.

    No text, invalid JSON, an unknown type, no event id, one that PostgreSQL rejects, and one that was moved to another person. The
    producer signed all except the first and the last.
    """
    routed = arrived(a_routed_referral(at("14:00")), key=new_id(), subject=new_id(), secrets=secrets)
    undecodable = [
        replace(routed, key=_key(), value=b'{"route": '),
        replace(routed, key=_key(), headers=tuple((name, _UNKNOWN_TYPE.get(name, value)) for name, value in routed.headers)),
        replace(routed, key=_key(), headers=tuple(each for each in routed.headers if each[0] != "ce_id")),
    ]
    return [
        replace(routed, key=_key(), value=b"\x00\xff no event", headers=()),
        *[signed(record, secrets.mac_keys) for record in undecodable],
        arrived(a_person_record(), key=new_id(), subject=new_id(), secrets=secrets, sequence=2**31),  # an integer ends at 2**31 - 1
        replace(routed, key=_key()),
    ]


def must_park(subscriptions: Subscriptions, record: Record) -> bool:
    """Whether the context reads the record's topic and cannot skip the record by its type."""
    contract = event_type(type_of(record))
    return record.topic in subscriptions.topics and (contract is None or contract in subscriptions.on_event)


async def send_poison(bootstrap: str, prefix: str, records: Sequence[Record], random: Random) -> list[AcknowledgedRecord]:
    """Sends each record to its topic; one without headers goes to any topic. Returns when the broker has acknowledged all."""
    async with connected(bootstrap, prefix) as broker:
        cluster = await broker.cluster()
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, request_timeout_ms=5_000)
    acknowledged = []
    try:
        await producer.start()
        for record in records:
            topic = record.topic if record.headers else random.choice(TOPICS)
            sent = await producer.send_and_wait(prefix + topic, record.value, record.key, headers=list(record.headers))
            stored = replace(record, topic=topic, partition=sent.partition, offset=sent.offset)
            acknowledged.append(AcknowledgedRecord(stored, cluster))
    finally:
        await producer.stop()
    return acknowledged


def _key() -> bytes:
    return orjson.dumps(str(new_id())).strip(b'"')
