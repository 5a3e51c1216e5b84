"""The role of a context has the rights that the product uses: it alters no record of what happened, and deletes nothing that must stay."""

import asyncpg
import pytest

from infra.contexts import CONTEXTS
from infra.dev_stack.dev_secrets import Keys
from shared.kernel.ids import new_id
from tests.integration.shared.delivery_harness import DeliveryHarness

_AUDIT = """
INSERT INTO audit (at, issuer, actor_id, actor_org, actor_role, action, subject)
SELECT at, issuer, 'someone-else', actor_org, actor_role, action, subject FROM audit LIMIT 1"""
_EVENT = """
INSERT INTO event (id, type, topic, subject, sequence, key, occurred_at, correlation_id, actor_org, actor_role, data, {stamped})
{override}
SELECT gen_random_uuid(), type, topic, gen_random_uuid(), 1, key, occurred_at, correlation_id, actor_org, actor_role, data, {value}
FROM event LIMIT 1"""
#: By what it would do.
FORGERIES = {
    "an audit entry": _AUDIT,
    "an altered audit entry": "UPDATE audit SET actor_id = 'someone-else'",
    "a removed audit entry": "DELETE FROM audit",
    "an emptied audit": "TRUNCATE audit",
    "an altered event": "UPDATE event SET actor_org = 'X'",
    "a removed event": "DELETE FROM event",
    "an event of another time": _EVENT.format(stamped="recorded_at", override="", value="recorded_at - interval '1 year'"),
    "an event with a chosen number": _EVENT.format(stamped="seq", override="OVERRIDING SYSTEM VALUE", value="-1"),
    "an event that is no longer applied": "DELETE FROM inbox",
    "an event applied at another time": "INSERT INTO inbox (event_id, type, applied_at) VALUES (gen_random_uuid(), 'x', '2000-01-01')",
    "a changed receipt": "UPDATE inbox SET applied_at = '2000-01-01'",
    "a removed deadline": "DELETE FROM deadline",
    "an altered reason of a break-glass": "UPDATE break_glass SET explanation = 'none'",
    "a removed break-glass": "DELETE FROM break_glass",
}


@pytest.mark.parametrize("forgery", FORGERIES.values(), ids=FORGERIES.keys())
async def test_role_of_a_context_cannot_forge_the_past(harness: DeliveryHarness, forgery: str) -> None:
    await harness.send()

    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await harness.sender.database.pool.execute(forgery)


@pytest.mark.parametrize("context", CONTEXTS)
async def test_role_of_a_context_cannot_delete_a_person(context: str, owner_url: str, keys: Keys) -> None:
    role = await asyncpg.connect(keys.roles.url(owner_url, context))
    try:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await role.execute("DELETE FROM person")
    finally:
        await role.close()


async def test_database_stamps_who_wrote_an_audit_entry(harness: DeliveryHarness, keys: Keys) -> None:
    """The caller states the time of care and the actor; the session and the server's clock are none of its choice."""
    await harness.send()

    stamped = "database_role = $1 AND recorded_at > clock_timestamp() - interval '1 minute' AND at < '2016-01-01'"
    assert await harness.owner.fetchval(f"SELECT count(*) FROM rapid_care.audit WHERE {stamped}", keys.roles.of("rapid_care")) == 1  # noqa: S608


async def test_audit_function_ignores_tables_of_its_caller(harness: DeliveryHarness) -> None:
    async with harness.sender.database.pool.acquire() as role:
        await harness.owner.execute(await role.fetchval("SELECT format('GRANT TEMPORARY ON DATABASE %I TO %I', current_database(), user)"))
        await role.execute("CREATE TEMPORARY TABLE audit (LIKE audit)")
        await role.execute("SET search_path = pg_temp, rapid_care")

        await role.execute(
            "SELECT rapid_care.append_audit(ARRAY[now()], ARRAY['i'], ARRAY['a'], ARRAY['o'], ARRAY['r'], ARRAY[NULL], ARRAY['read'], "
            "ARRAY[$1::uuid], ARRAY[NULL::integer], ARRAY[NULL], ARRAY[NULL], ARRAY[NULL], ARRAY[1])",
            new_id(),
        )

        assert await role.fetchval("SELECT count(*) FROM pg_temp.audit") == 0
        await role.execute("DISCARD TEMP; RESET search_path")
    assert await harness.count("rapid_care.audit") == 1


@pytest.mark.parametrize("context", CONTEXTS)
async def test_owner_of_the_functions_cannot_log_in(context: str, owner_url: str, keys: Keys) -> None:
    """What it owns and may do is the audit's function, and the removal of expired rows."""
    owner = await asyncpg.connect(owner_url)
    try:
        keeper = keys.roles.keeper(context)
        assert not await owner.fetchval("SELECT rolcanlogin OR rolsuper FROM pg_roles WHERE rolname = $1", keeper)
        owned = await owner.fetch(
            "SELECT proname FROM pg_proc WHERE proowner = $1::regrole AND pronamespace = $2::regnamespace", keeper, context
        )
        assert {row["proname"] for row in owned} == {"append_audit", "remove_expired_inbox", "remove_ended_deadlines"}
        rights = "SELECT table_name || ' ' || privilege_type FROM information_schema.role_table_grants WHERE grantee = $1"
        granted = {row[0] for row in await owner.fetch(rights, keeper)}
        assert granted == {"audit INSERT", "audit_unsealed INSERT", "inbox SELECT", "inbox DELETE", "deadline SELECT", "deadline DELETE"}
    finally:
        await owner.close()
