"""Writes to and reads from the servers of a stack."""

import asyncpg
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic


async def create_topic(bootstrap: str, topic: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(topic, num_partitions=1, replication_factor=1)])
    finally:
        await admin.close()


async def cluster_id(bootstrap: str) -> str:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        return str((await admin.describe_cluster())["cluster_id"])
    finally:
        await admin.close()


async def send(bootstrap: str, topic: str, *values: str) -> None:
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", enable_idempotence=True) as producer:
        for value in values:
            await producer.send_and_wait(topic, value.encode())


async def receive(bootstrap: str, topic: str, count: int) -> list[str]:
    async with AIOKafkaConsumer(topic, bootstrap_servers=bootstrap, auto_offset_reset="earliest") as consumer:
        return [(await consumer.getone()).value.decode() for _ in range(count)]


async def insert(database_url: str, word: str) -> None:
    connection = await asyncpg.connect(database_url)
    try:
        await connection.execute("CREATE TABLE IF NOT EXISTS inserted (word text)")
        await connection.execute("INSERT INTO inserted VALUES ($1)", word)
    finally:
        await connection.close()


async def inserted(database_url: str) -> list[str]:
    connection = await asyncpg.connect(database_url)
    try:
        return [row["word"] for row in await connection.fetch("SELECT word FROM inserted")]
    finally:
        await connection.close()


async def setting(database_url: str, name: str) -> str:
    connection = await asyncpg.connect(database_url)
    try:
        return str(await connection.fetchval("SELECT current_setting($1)", name))
    finally:
        await connection.close()
