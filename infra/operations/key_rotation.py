"""Wraps the data keys of all sealed events under the present key of the ring, so that an older one can be withdrawn (docs/adr/0041).

Invariant: an erased data key stays erased, also when it is erased during the command.
"""

from infra.contexts import CONTEXTS
from infra.database_owner import Owner, change, connected_owner
from infra.dev_stack.stack_state import endpoints
from infra.errors import StackError
from infra.operations.replay import database_of
from shared.contracts.encryption import DecryptionFailed, KeyRing

_PORTION = 5_000
_KEYS = """
SELECT seq, data_key FROM {context}.event WHERE partition_day = 'infinity' AND data_key IS NOT NULL AND seq > $1 ORDER BY seq LIMIT $2"""
_REPLACE = """
UPDATE {context}.event SET data_key = rewrapped.after FROM unnest($1::bigint[], $2::bytea[], $3::bytea[]) AS rewrapped (seq, before, after)
WHERE partition_day = 'infinity' AND event.seq = rewrapped.seq AND data_key = rewrapped.before"""
#: The newest event of each key replaces the earlier records in Kafka, whose keys are wrapped as before.
_REQUEUE = """
INSERT INTO {context}.outbox (seq)
SELECT max(seq) FROM {context}.event WHERE partition_day = 'infinity' GROUP BY topic, key ON CONFLICT DO NOTHING"""


async def rewrap(name: str) -> dict[str, int]:
    """Returns the number of rewrapped keys by context. Raises StackError when the ring lacks the key of one."""
    done: dict[str, int] = {}
    for context in CONTEXTS:
        async with database_of(context, name) as database:
            try:
                async with connected_owner(endpoints(name).database_url) as owner:
                    done[context] = await rewrap_log(owner, context, database.secrets.key_ring)
            except DecryptionFailed as problem:
                raise StackError(f"A data key cannot be unwrapped: {problem}. CARE_ENCRYPTION_KEYS needs every older key.") from problem
    return done


async def rewrap_log(owner: Owner, context: str, ring: KeyRing) -> int:
    """Rewraps in portions, then publishes the newest event of each key again. Raises DecryptionFailed."""
    total, last = 0, 0
    while rows := await owner.fetch(_KEYS.format(context=context), last, _PORTION):
        before = [row["data_key"] for row in rows]
        after = [ring.rewrap(each) for each in before]
        total += await change(owner, _REPLACE.format(context=context), [row["seq"] for row in rows], before, after)
        last = rows[-1]["seq"]
    await owner.execute(_REQUEUE.format(context=context))
    return total
