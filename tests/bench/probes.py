"""A consumer that records when messages arrive, and a writer that records when commits return.

Each runs in a separate process; instants are readings of the one clock of the machine.
"""

import asyncio
from collections.abc import Mapping, Sequence
from multiprocessing.synchronize import Event
from time import time
from uuid import UUID

import asyncpg
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

#: Id of an event to an instant in seconds.
Instants = dict[UUID, float]


def consume(bootstrap: str, topic: str, ready: Event, stop: Event) -> Instants:
    """The arrival of each record that was sent after `ready` was set and before `stop` was."""
    return asyncio.run(_consume(bootstrap, topic, ready, stop))


def write(dsn: str, statement: str, rate: float, seconds: float) -> Instants:
    """One writer with `rate` transactions per second, each with its id as `$1`. Returns the instants of the responses to COMMIT."""
    return asyncio.run(_write(dsn, statement, rate, round(rate * seconds)))


async def _consume(bootstrap: str, topic: str, ready: Event, stop: Event) -> Instants:
    received: Instants = {}
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=bootstrap, auto_offset_reset="latest", fetch_max_wait_ms=100)
    await consumer.start()
    try:
        await consumer.seek_to_end()
        await asyncio.gather(*(consumer.position(partition) for partition in consumer.assignment()))
        ready.set()
        records: Mapping[TopicPartition, Sequence[ConsumerRecord]] = {}
        while records or not stop.is_set():
            records = await consumer.getmany(timeout_ms=200)
            at = time()
            for record in (each for batch in records.values() for each in batch):
                received.setdefault(UUID(dict(record.headers)["ce_id"].decode()), at)
    finally:
        await consumer.stop()
    return received


async def _write(dsn: str, statement: str, rate: float, count: int) -> Instants:
    connection = await asyncpg.connect(dsn)
    prepared = await connection.prepare(statement)
    ids = [row["id"] for row in await connection.fetch("SELECT uuidv7() AS id FROM generate_series(1, $1)", count)]
    written: Instants = {}
    begin = time()
    for number, each in enumerate(ids):
        await asyncio.sleep(max(0.0, begin + number / rate - time()))
        await prepared.fetch(each)
        written[each] = time()
    await connection.close()
    return written
