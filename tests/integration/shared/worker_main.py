"""Composition root of the workers under test: `python -m tests.integration.shared.worker_main sender|receiver [POINT COUNT]`.

The process kills itself when it reaches POINT for the COUNTth time. Subclasses here add the kill points; the product has none.
"""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
from aiokafka import AIOKafkaProducer

from infra.contexts import settings_of, subscriptions_of
from shared.deployment import Deployment
from shared.messaging.outbound.relay import Relay
from shared.messaging.worker import HealthEndpoint, Worker, create_components
from shared.persistence.audit_chain import SigningKey
from shared.persistence.database import Database
from shared.persistence.transaction import RequestContext, Transaction
from tests.integration.shared.effect_context import RECEIVING
from tests.integration.shared.parcel_context import SENDING, Behaviour

SUBSCRIPTIONS = {"sender": SENDING, "receiver": RECEIVING}
_SYSTEM = RequestContext.of_system("system")


class KillSwitch:
    """Kills the process when `point` is reached for the `times`-th time."""

    def __init__(self, point: str = "", times: str = "1") -> None:
        self._point, self._left = point, int(times)

    def reaches(self, point: str) -> None:
        if point == self._point:
            self._left -= 1
            if not self._left:
                os.kill(os.getpid(), signal.SIGKILL)


class FatalDatabase(Database[Any]):
    """Has kill points before and after the commit of a transaction caused by an event or a deadline."""

    kill_switch: KillSwitch

    @asynccontextmanager
    async def transaction(self, request: RequestContext = _SYSTEM) -> AsyncIterator[Transaction[Any]]:
        async with super().transaction(request) as tx:
            yield tx
            kind = tx.cause.action.partition(" ")[0]
            self.kill_switch.reaches(f"before-commit-{kind}")
        self.kill_switch.reaches(f"after-commit-{kind}")


class FatalRelay(Relay):
    """Has a kill point after the acknowledgement of the broker and before the rows of the outbox are deleted."""

    kill_switch: KillSwitch

    async def _send(self, producer: AIOKafkaProducer, rows: Sequence[asyncpg.Record], sent: list[asyncpg.Record]) -> None:
        await super()._send(producer, rows, sent)
        self.kill_switch.reaches("after-send")


async def main(end: str, *kill_point: str) -> int:
    deployment, kill_switch, subscriptions = Deployment(), KillSwitch(*kill_point), SUBSCRIPTIONS[end]
    variables = subscriptions.context.upper()
    deployment.prepare_process()
    mac_keys = settings_of(subscriptions.context)().record_keys(subscriptions_of(subscriptions.context))
    opened = await deployment.database(os.environ[f"{variables}_DATABASE_URL"], Behaviour(), mac_keys=mac_keys)
    database = FatalDatabase(opened.pool, clock=opened.clock, policy=opened.policy, secrets=opened.secrets)
    kafka = deployment.kafka()
    relay = FatalRelay(database, subscriptions.context, kafka)
    database.kill_switch = relay.kill_switch = kill_switch
    components = create_components(database, subscriptions, kafka, SigningKey(bytes(32))) | {"relay": relay}
    del components["sealer"]  # its events would be among those that a test counts
    port = os.environ.get(f"{variables}_METRICS_PORT")
    return await Worker(database, subscriptions.context, components, HealthEndpoint(int(port) if port else None)).run()


if __name__ == "__main__":
    sys.exit(asyncio.run(main(*sys.argv[1:])))
