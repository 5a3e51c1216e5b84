"""Records that nobody can apply, put on the topics by somebody else. Each has a key of its own, which is how the judge knows it again."""

from collections.abc import Sequence
from dataclasses import replace
from random import Random

import orjson
from aiokafka import AIOKafkaProducer

from shared.contracts.envelope import Record, type_of
from shared.contracts.registry import event_type
from shared.kernel.ids import new_id
from shared.messaging.subscriptions import Subscriptions
from shared.persistence.deployment_secrets import Secrets
from tests.builders.context_app import arrived
from tests.builders.rapid_care import a_routed_referral, at, mr_dale

TOPICS = ("referrals.referral", "referrals.person-record", "rapid-care.response", "mdt.case", "navigation.task")


_TOMORROW = {"ce_type": b"referrals.referral.routed.v9"}


def poison(secrets: Secrets) -> list[Record]:
    """One of each kind: bytes, no JSON, a type of tomorrow, no envelope, and one that PostgreSQL refuses in every handler."""
    key, subject = new_id(), new_id()
    routed = arrived(a_routed_referral(at("14:00")), key=new_id(), subject=subject, secrets=secrets)
    raising = mr_dale(story=mr_dale().story.model_copy(update={"narrative": "a character that no text may hold: \0"}))
    return [
        replace(routed, key=_key(), value=b"\x00\xff no event", headers=()),
        replace(routed, key=_key(), value=b'{"route": '),
        replace(routed, key=_key(), headers=tuple((name, _TOMORROW.get(name, value)) for name, value in routed.headers)),
        replace(routed, key=_key(), headers=tuple(each for each in routed.headers if each[0] != "ce_id")),
        arrived(raising, key=key, subject=key, secrets=secrets),
    ]


def must_park(wiring: Subscriptions, record: Record) -> bool:
    """Whether the context meets it: it reads the topic, and cannot see that the record is of a type that it passes over."""
    contract = event_type(type_of(record))
    return record.topic in wiring.topics and (contract is None or contract in wiring.on_event)


async def put(bootstrap: str, prefix: str, records: Sequence[Record], random: Random) -> list[Record]:
    """On their topics, what has no envelope on any; says where, once Kafka has acknowledged all."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, request_timeout_ms=5_000)
    await producer.start()
    try:
        placed = [record if record.headers else replace(record, topic=random.choice(TOPICS)) for record in records]
        for record in placed:
            await producer.send_and_wait(prefix + record.topic, record.value, record.key, headers=list(record.headers))
    finally:
        await producer.stop()
    return placed


def _key() -> bytes:
    return orjson.dumps(str(new_id())).strip(b'"')
