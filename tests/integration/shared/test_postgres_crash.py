"""After PostgreSQL crashed, no published event is lost, also when the crash brings rows of the outbox back."""

import os
from collections.abc import AsyncIterator

import pytest

from infra.deploy.migrate import migrate
from infra.dev_stack.dev_secrets import Keys
from infra.dev_stack.local.postgres import LocalPostgres
from infra.dev_stack.local.stack import Stack
from infra.dev_stack.temporary_resources import administer
from shared.contracts.envelope import read_envelope
from shared.kernel.ids import new_id
from shared.messaging.kafka_settings import KafkaSettings
from tests.integration.shared.delivery_harness import make_tables, open_harness
from tests.integration.shared.relay_harness import read_topic, relaying, until_sent

#: The WAL writer puts asynchronous commits on the disk after three of its delays, and autovacuum after each of its own commits.
_NO_FLUSH_IN_BACKGROUND = ("ALTER SYSTEM SET wal_writer_delay = '10s'", "ALTER SYSTEM SET autovacuum = off")


@pytest.fixture
async def postgres(kafka_bootstrap: str, keys: Keys) -> AsyncIterator[LocalPostgres]:
    """A separate server, because the test kills it."""
    with pytest.MonkeyPatch.context() as changed:
        changed.delenv("DATABASE_URL", raising=False)
        changed.setenv("KAFKA_BOOTSTRAP_SERVERS", kafka_bootstrap)  # the Kafka of the test process
        stack = Stack(name=f"test-{os.getpid()}-crash", ephemeral=True)
        await stack.start()
    try:
        assert stack.postgres
        for statement in _NO_FLUSH_IN_BACKGROUND:
            await administer(stack.postgres.dsn, statement)
        await stack.postgres.stop()
        await stack.postgres.start()
        await migrate(stack.postgres.dsn, keys.roles)
        await make_tables(stack.postgres.dsn, keys.roles)
        yield stack.postgres
    finally:
        await stack.stop()


async def test_deletions_lost_in_a_crash_repeat_events_in_order(postgres: LocalPostgres, kafka: KafkaSettings, keys: Keys) -> None:
    """The deletions of published rows do not wait for the disk (docs/adr/0006-publish-through-one-relay.md)."""
    first, second = new_id(), new_id()
    async with open_harness(postgres.dsn, keys) as harness:
        sent = [await harness.send(person) for person in (first, second) * 3]
        async with relaying(harness, kafka):
            await until_sent(harness)
            await postgres.kill()
    published = await _subjects_by_key(kafka)
    await postgres.start()

    async with open_harness(postgres.dsn, keys) as harness:
        assert await harness.count("rapid_care.outbox") == len(sent)
        async with relaying(harness, kafka):
            await until_sent(harness)

    assert published == {str(person): [str(parcel.id) for parcel in sent if parcel.person_id == person] for person in (first, second)}
    assert await _subjects_by_key(kafka) == {key: subjects * 2 for key, subjects in published.items()}


async def _subjects_by_key(kafka: KafkaSettings) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for envelope in map(read_envelope, await read_topic(kafka)):
        found.setdefault(envelope.key, []).append(envelope.subject)
    return found
