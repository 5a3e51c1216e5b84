"""Seeded defects of the relay, between the outbox and Kafka."""

import asyncio
import sys
from pathlib import Path

from infra.dev_stack.local.child import Child, start_child
from infra.dev_stack.process_environment import environment
from infra.operations.verify.verdict import Verdict
from shared.messaging.outbound.relay import Relay
from tests.builders.faulty_database import LOCKS
from tests.builders.referrals import MONDAY, OTHER_PERSON, referrals
from tests.chaos.defects.relays import CursorRelay, SharedOutboxRelay, SlowRelay, SlowSharedOutboxRelay
from tests.chaos.defects.stack import DefectStack, relay, running
from tests.integration.shared.worker_processes import KILLED, end_of
from tests.timeouts import LONGEST_WAIT

_ROOT = Path(__file__).parents[3]


async def cursor(stack: DefectStack, *, is_seeded: bool) -> Verdict:
    """The transaction with the lower sequence numbers commits last."""
    async with referrals(stack.owner_url, stack.keys, MONDAY) as client:
        async with running(relay(stack, "referrals", client.context.database, CursorRelay if is_seeded else Relay).run()):
            async with stack.slow_commits("referrals.event", "NEW.actor_org = 'W08'"):
                late = asyncio.create_task(client.try_refer(caller=client.gp("W08")))
                await stack.until_rows(LOCKS, "locktype = 'advisory' AND NOT granted")
                await client.refer(nhs_number=OTHER_PERSON)
                await stack.until_published("referrals")
            assert (await late).status_code == 201
            await stack.until_published("referrals")
        return await stack.verify(client.context.clock)


async def two_relays(stack: DefectStack, *, is_seeded: bool) -> Verdict:
    """The second relay starts while the first holds an aggregate's first event."""
    first, second = (SlowSharedOutboxRelay, SharedOutboxRelay) if is_seeded else (SlowRelay, Relay)
    if is_seeded:  # the rights of a context's role permit no SKIP LOCKED
        await stack.owner.execute("GRANT UPDATE ON referrals.outbox TO PUBLIC")
    async with referrals(stack.owner_url, stack.keys, MONDAY) as client, referrals(stack.owner_url, stack.keys, MONDAY) as other:
        slow = relay(stack, "referrals", client.context.database, first)
        async with running(slow.run()):
            await client.refer()
            async with asyncio.timeout(LONGEST_WAIT):
                await slow.has_first_event.wait()
            async with running(relay(stack, "referrals", other.context.database, second).run()):
                await stack.until_published("referrals")
        return await stack.verify(client.context.clock)


async def delete_before_send(stack: DefectStack, *, is_seeded: bool) -> Verdict:
    """Kills the relay between its two steps; another relay continues."""
    kind, point = ("deletes-first", "after-delete") if is_seeded else ("correct", "after-send")
    async with referrals(stack.owner_url, stack.keys, MONDAY) as client:
        await client.refer()
        assert await end_of(await _start(stack, kind, point)) == KILLED
        successor = await _start(stack, kind)
        try:
            await stack.until_published("referrals")
        finally:
            await successor.kill()
        return await stack.verify(client.context.clock)


async def _start(stack: DefectStack, *arguments: str) -> Child:
    variables = environment(stack.owner_url, stack.kafka.bootstrap, stack.keys, topic_prefix=stack.kafka.prefix)
    command = [sys.executable, "-m", "tests.chaos.defects.program", *arguments]
    with (stack.folder / "relay.log").open("ab") as output:
        return await start_child(command, output=output.fileno(), environment=variables, folder=_ROOT)
