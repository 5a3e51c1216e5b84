"""What the bench hears of events from outside: records of Kafka, and rows that one writer puts straight into the log.

Each runs in a process of its own; instants are of the one clock of this machine.
"""

import asyncio
from time import time
from uuid import UUID

import asyncpg
from aiokafka import AIOKafkaConsumer

#: Id of an event to the instant of something that happened to it.
Instants = dict[UUID, float]
_SILENCE_SECONDS = 8.0


def hear(bootstrap: str, topic: str, seconds: float) -> Instants:
    """When each record came that is sent from now on; ends after a long silence, or when the time is over."""
    return asyncio.run(_hear(bootstrap, topic, seconds))


def write(dsn: str, statement: str, rate: float, seconds: float) -> Instants:
    """One writer, `rate` transactions a second, each with its id as `$1`: when each COMMIT had been answered."""
    return asyncio.run(_write(dsn, statement, rate, round(rate * seconds)))


async def _hear(bootstrap: str, topic: str, seconds: float) -> Instants:
    heard: Instants = {}
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=bootstrap, auto_offset_reset="latest", fetch_max_wait_ms=100)
    await consumer.start()
    try:
        await consumer.seek_to_end()
        last = until = time() + seconds
        while time() < until and time() - last < _SILENCE_SECONDS:
            records = await consumer.getmany(timeout_ms=100)
            at = time()
            last = at if records else last
            for record in (each for batch in records.values() for each in batch):
                heard.setdefault(UUID(dict(record.headers)["ce_id"].decode()), at)
    finally:
        await consumer.stop()
    return heard


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
