"""What is committed goes to Kafka by a faulty relay."""

import asyncio
import sys
from pathlib import Path

from infra.dev_stack.local.child import Child, start_child
from infra.dev_stack.process_environment import environment
from infra.operations.verify.verdict import Verdict
from shared.messaging.outbound.relay import Relay
from tests.builders.referrals import MONDAY, SOMEBODY_ELSE, referrals
from tests.chaos.defects.relays import CursorRelay, SharingRelay, SlowRelay, SlowSharingRelay
from tests.chaos.defects.stack import Ground, doing, relay
from tests.integration.shared.worker_processes import KILLED, end_of

_ROOT = Path(__file__).parents[3]


async def cursor(ground: Ground, *, is_seeded: bool) -> Verdict:
    """A transaction that drew its numbers first commits last."""
    async with referrals(ground.owner_url, ground.keys, MONDAY) as desk:
        async with doing(relay(ground, "referrals", desk.context.database, CursorRelay if is_seeded else Relay).run()):
            async with ground.slow_commits("referrals.event", "NEW.actor_org = 'W08'"):
                late = asyncio.create_task(desk.send(caller=desk.gp("W08")))
                await ground.until("pg_locks", "locktype = 'advisory' AND NOT granted")
                await desk.sent(nhs_number=SOMEBODY_ELSE)
                await ground.until_sent("referrals")
            assert (await late).status_code == 201
            await ground.until_sent("referrals")
        return await ground.judge(desk.context.clock)


async def two_relays(ground: Ground, *, is_seeded: bool) -> Verdict:
    """The first has an aggregate's first event in its hands when the second comes."""
    first, second = (SlowSharingRelay, SharingRelay) if is_seeded else (SlowRelay, Relay)
    async with referrals(ground.owner_url, ground.keys, MONDAY) as desk, referrals(ground.owner_url, ground.keys, MONDAY) as other:
        slow = relay(ground, "referrals", desk.context.database, first)
        async with doing(slow.run()):
            await desk.sent()
            await slow.holds.wait()
            async with doing(relay(ground, "referrals", other.context.database, second).run()):
                await ground.until_sent("referrals")
        return await ground.judge(desk.context.clock)


async def delete_before_send(ground: Ground, *, is_seeded: bool) -> Verdict:
    """It is killed when it has taken rows out of the outbox, or, the sound one, when it has sent them; another goes on."""
    kind, point = ("hasty", "after-forget") if is_seeded else ("sound", "after-send")
    async with referrals(ground.owner_url, ground.keys, MONDAY) as desk:
        await desk.sent()
        assert await end_of(await _start(ground, kind, point)) == KILLED
        going_on = await _start(ground, kind)
        try:
            await ground.until_sent("referrals")
        finally:
            await going_on.kill()
        return await ground.judge(desk.context.clock)


async def _start(ground: Ground, *arguments: str) -> Child:
    variables = environment(ground.owner_url, ground.kafka.bootstrap, ground.keys, topic_prefix=ground.kafka.prefix)
    command = [sys.executable, "-m", "tests.chaos.defects.program", *arguments]
    with (ground.folder / "relay.log").open("ab") as output:
        return await start_child(command, output=output.fileno(), environment=variables, folder=_ROOT)
