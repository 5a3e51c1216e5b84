"""The audit is sealed after the commit, and every change of what was sealed is found."""

import asyncio
from base64 import b64decode
from datetime import timedelta

import asyncpg
import pytest

from infra.dev_stack.dev_secrets import Keys
from infra.operations.verify.audit_chain import check_audits
from infra.operations.verify.audit_heads import decoded, head_in
from shared.contracts.audit import RapidCareAuditSealed
from shared.messaging.audit_sealer import AuditSealer
from shared.messaging.kafka_settings import KafkaSettings
from shared.messaging.topics import Layout, TopicDeclaration, create
from shared.persistence.audit_chain import Head, SigningKey
from tests.integration.shared.delivery_harness import DeliveryHarness
from tests.integration.shared.relay_harness import read_topic, relaying, until_sent
from tests.timeouts import until

_TOPIC = RapidCareAuditSealed.TOPIC
_ENTRY = """
INSERT INTO rapid_care.audit (at, issuer, actor_id, actor_org, actor_role, action, subject)
VALUES (now(), 'care', 'someone', 'CLCH', 'nurse', 'read_parcel', gen_random_uuid())"""


@pytest.fixture
def sealer(harness: DeliveryHarness, keys: Keys) -> AuditSealer:
    return create_sealer(harness, keys)


def create_sealer(harness: DeliveryHarness, keys: Keys, context: str = "rapid_care") -> AuditSealer:
    return AuditSealer(harness.sender.database, "rapid_care", signing_key(keys, context), interval=0.02)


def signing_key(keys: Keys, context: str = "rapid_care") -> SigningKey:
    return SigningKey(b64decode(keys.audit_signing_keys[context]))


async def contradictions(harness: DeliveryHarness, keys: Keys, heads: list[Head] | None = None) -> list[str]:
    """What an operator reads. The published heads are those in the event log unless a test states them."""
    known = await logged_heads(harness) if heads is None else heads
    async with harness.owner.transaction(isolation="repeatable_read", readonly=True):
        findings, _ = await check_audits(harness.owner, known, decoded(keys.audit_public_keys()))
    return [example for each in findings for example in each.examples]


async def logged_heads(harness: DeliveryHarness) -> list[Head]:
    return [head for record in await harness.records() if record.topic == _TOPIC and (head := head_in(record))]


@pytest.fixture
async def chain(harness: DeliveryHarness, sealer: AuditSealer, keys: Keys) -> DeliveryHarness:
    """Three blocks, of two entries, one and three."""
    for count in (2, 1, 3):
        for _ in range(count):
            await harness.send()
        await sealer.seal_all()
    assert await contradictions(harness, keys) == []
    return harness


async def number(harness: DeliveryHarness, place: int) -> int:
    """The number of an entry by its place in the order of insertion."""
    found: int = await harness.owner.fetchval("SELECT id FROM rapid_care.audit ORDER BY id OFFSET $1 LIMIT 1", place)
    return found


async def test_altered_entry_is_found(chain: DeliveryHarness, keys: Keys) -> None:
    altered = await number(chain, 2)

    await chain.owner.execute("UPDATE rapid_care.audit SET actor_id = 'someone-else' WHERE id = $1", altered)

    assert await contradictions(chain, keys) == [f"rapid_care: entry {altered} of block 2 was altered"]


async def test_removed_entry_is_found(chain: DeliveryHarness, keys: Keys) -> None:
    removed = await number(chain, 0)

    await chain.owner.execute("DELETE FROM rapid_care.audit WHERE id = $1", removed)

    assert await contradictions(chain, keys) == [f"rapid_care: entry {removed} of block 1 was removed"]


async def test_newest_entries_removed_with_their_chain_are_found(chain: DeliveryHarness, keys: Keys) -> None:
    """Nothing in the database shows that they existed; the heads in Kafka do."""
    published, last = await logged_heads(chain), await number(chain, 2)

    await chain.owner.execute("DELETE FROM rapid_care.audit WHERE id > $1", last)
    await chain.owner.execute("DELETE FROM rapid_care.audit_block WHERE number = 3")
    await chain.owner.execute("DELETE FROM rapid_care.event WHERE topic = $1 AND sequence = 3", _TOPIC)

    assert await contradictions(chain, keys) == []
    assert await contradictions(chain, keys, published) == [
        "rapid_care: block 3 was published and is missing: the chain ends at block 2",
    ]


async def test_inserted_entry_is_found(chain: DeliveryHarness, keys: Keys) -> None:
    await chain.owner.execute(_ENTRY)

    inserted = await number(chain, 6)
    assert await contradictions(chain, keys) == [f"rapid_care: entry {inserted} is in no block: it was inserted past the product"]


async def test_exchanged_entries_are_found(chain: DeliveryHarness, keys: Keys) -> None:
    one, other = await number(chain, 0), await number(chain, 1)

    exchange = """
        UPDATE rapid_care.audit AS moved SET subject = kept.subject FROM rapid_care.audit AS kept
        WHERE moved.id = ANY($1) AND kept.id = ANY($1) AND kept.id <> moved.id"""
    await chain.owner.execute(exchange, [one, other])

    assert await contradictions(chain, keys) == [f"rapid_care: entry {each} of block 1 was altered" for each in (one, other)]


async def test_entry_removed_before_its_sealing_is_found(harness: DeliveryHarness, sealer: AuditSealer, keys: Keys) -> None:
    await harness.send()
    removed = await number(harness, 0)
    await harness.owner.execute("DELETE FROM rapid_care.audit")
    assert await contradictions(harness, keys) == [f"rapid_care: entry {removed} was removed before it was sealed"]

    await sealer.seal_all()

    assert await contradictions(harness, keys) == [f"rapid_care: entry {removed} was removed before block 1 sealed it"]


async def test_chain_that_was_computed_again_is_found(chain: DeliveryHarness, keys: Keys) -> None:
    """An owner of the database without the key can seal again what was altered; signatures and published heads differ."""
    published = await logged_heads(chain)
    await chain.owner.execute("""
        DELETE FROM rapid_care.audit_block;
        UPDATE rapid_care.audit SET actor_id = 'someone-else';
        INSERT INTO rapid_care.audit_unsealed SELECT id FROM rapid_care.audit;
        DELETE FROM rapid_care.event WHERE topic = 'rapid-care.audit'""")

    await create_sealer(chain, keys, "mdt").seal_all()

    assert await contradictions(chain, keys, published) == [
        "rapid_care: block 1 is not signed by a known key",
        "rapid_care: block 1 differs from the head that was published",
        "rapid_care: block 2 was published and is missing: the chain ends at block 1",
        "rapid_care: block 3 was published and is missing: the chain ends at block 1",
    ]


async def test_missing_block_is_found(chain: DeliveryHarness, keys: Keys) -> None:
    await chain.owner.execute("DELETE FROM rapid_care.audit_block WHERE number = 2")

    assert "rapid_care: 1 blocks before block 3 are missing" in await contradictions(chain, keys)


async def test_block_with_another_hash_is_found(chain: DeliveryHarness, keys: Keys) -> None:
    """The hash of an altered entry was corrected; the head does not fit it any more."""
    await chain.owner.execute("UPDATE rapid_care.audit_block SET hashes = set_byte(hashes, 0, 255 - get_byte(hashes, 0)) WHERE number = 2")

    assert "rapid_care: block 2 does not continue the block before" in await contradictions(chain, keys)


async def test_foreign_head_in_kafka_is_found(chain: DeliveryHarness, keys: Keys) -> None:
    key, head = signing_key(keys, "mdt"), bytes(32)
    forged = Head("rapid_care", 9, head, key.sign("rapid_care", 9, head), key.id)

    assert await contradictions(chain, keys, [forged]) == ["rapid_care: a head of block 9 was published without a known signature"]


async def test_entry_that_commits_late_joins_a_later_block(harness: DeliveryHarness, sealer: AuditSealer, keys: Keys) -> None:
    """It has a lower number than entries that are sealed already."""
    late = await asyncpg.connect(keys.roles.url(harness.owner_url, "rapid_care"))
    transaction = late.transaction()
    await transaction.start()
    await late.execute(
        "SELECT append_audit(ARRAY[now()], ARRAY['care'], ARRAY['late'], ARRAY['CLCH'], ARRAY['nurse'], ARRAY[NULL], ARRAY['read'], "
        "ARRAY[gen_random_uuid()], ARRAY[NULL::integer], ARRAY[NULL], ARRAY[NULL], ARRAY[NULL], ARRAY[1])"
    )
    await harness.send()
    await sealer.seal_all()
    await transaction.commit()
    await late.close()
    await sealer.seal_all()

    blocks = await harness.owner.fetch("SELECT lower(entries) AS first FROM rapid_care.audit_block ORDER BY number")
    assert [row["first"] for row in blocks] == [await number(harness, 1), await number(harness, 0)]
    assert await contradictions(harness, keys) == []


async def test_two_sealers_make_one_chain(harness: DeliveryHarness, keys: Keys) -> None:
    running = [asyncio.create_task(create_sealer(harness, keys).run()) for _ in range(2)]
    for _ in range(20):
        await harness.send()
    await until(lambda: harness.is_empty("rapid_care.audit_unsealed"))
    for task in running:
        task.cancel()
    await asyncio.wait(running)

    assert await harness.owner.fetchval("SELECT sum(length(hashes)) / 32 FROM rapid_care.audit_block") == 20
    assert await contradictions(harness, keys) == []


async def test_idle_day_has_an_empty_block(chain: DeliveryHarness, sealer: AuditSealer) -> None:
    """Kafka keeps no head for longer than fourteen days, so a quiet service is sealed too."""
    await sealer.seal_all()
    assert await chain.count("rapid_care.audit_block") == 3
    await chain.owner.execute("UPDATE rapid_care.audit_block SET sealed_at = sealed_at - $1::interval", timedelta(days=2))

    await sealer.seal_all()

    assert await chain.owner.fetchval("SELECT hashes FROM rapid_care.audit_block WHERE number = 4") == b""


async def test_heads_are_published_and_logged(
    harness: DeliveryHarness, sealer: AuditSealer, kafka: KafkaSettings, keys: Keys, capsys: pytest.CaptureFixture[str]
) -> None:
    await create(kafka.bootstrap, [TopicDeclaration(_TOPIC, is_compacted=False, retention_days=1)], Layout(kafka.prefix, 1))
    await harness.send()
    await sealer.seal_all()
    async with relaying(harness, kafka):
        await until_sent(harness)

    [record] = await read_topic(kafka, _TOPIC)
    head = head_in(record)
    assert head is not None
    assert await contradictions(harness, keys, [head]) == []
    logged = capsys.readouterr().out
    assert head.head.hex() in logged
    assert head.signature.hex() in logged


async def test_sealing_continues_after_a_failure(harness: DeliveryHarness, sealer: AuditSealer) -> None:
    await harness.send()
    async with harness.raising("rapid_care.audit_block", "53100", times=1):
        running = asyncio.create_task(sealer.run())
        await until(lambda: harness.is_empty("rapid_care.audit_unsealed"))
    running.cancel()
    await asyncio.wait([running])

    assert await harness.count("rapid_care.audit_block") == 1
