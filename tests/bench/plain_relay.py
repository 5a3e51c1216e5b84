"""The plain polling relay, the second yardstick: select, send, wait for the acknowledgement, delete.

Run as `python -m tests.bench.plain_relay DATABASE_URL BOOTSTRAP TOPIC`. It prints a line when it polls, and stops at SIGTERM.
"""

import asyncio
import signal
import sys

import asyncpg
from aiokafka import AIOKafkaProducer

#: An event log and an outbox with the columns and the indexes of the product's own.
CREATE = """
CREATE SCHEMA plain_relay;
CREATE TABLE plain_relay.event (LIKE referrals.event INCLUDING DEFAULTS INCLUDING IDENTITY INCLUDING INDEXES);
CREATE TABLE plain_relay.outbox (LIKE referrals.outbox INCLUDING ALL)"""
DROP = "DROP SCHEMA IF EXISTS plain_relay CASCADE"
_SELECT = "SELECT seq, id, key, data FROM plain_relay.outbox JOIN plain_relay.event USING (seq) ORDER BY seq LIMIT 500"
_DELETE = "DELETE FROM plain_relay.outbox WHERE seq = ANY($1::bigint[])"
_POLL_SECONDS = 0.001


async def relay(database_url: str, bootstrap: str, topic: str) -> None:
    """Runs until it is cancelled."""
    connection = await asyncpg.connect(database_url)
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all")
    try:
        await producer.start()
        print("ready", flush=True)  # noqa: T201  the bench waits for this line
        while True:
            if rows := await connection.fetch(_SELECT):
                await _send(producer, topic, rows)
                await connection.execute(_DELETE, [row["seq"] for row in rows])
            else:
                await asyncio.sleep(_POLL_SECONDS)
    finally:
        await producer.stop()
        await connection.close()


async def _send(producer: AIOKafkaProducer, topic: str, rows: list[asyncpg.Record]) -> None:
    """Returns when Kafka has acknowledged every row."""
    sending = []
    for row in rows:
        headers = [("ce_id", str(row["id"]).encode())]
        sending.append(await producer.send(topic, row["data"], key=str(row["key"]).encode(), headers=headers))
    await asyncio.gather(*sending)


async def main() -> None:
    task = asyncio.create_task(relay(*sys.argv[1:]))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    await asyncio.wait([task])
    if not task.cancelled():
        task.result()


if __name__ == "__main__":
    asyncio.run(main())
