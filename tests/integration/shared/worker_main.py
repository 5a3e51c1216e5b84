"""Composition root of the proofs' workers: `python -m tests.integration.shared.worker_main sender|receiver [FAULT COUNT]`.

At the COUNTth time that it reaches the point FAULT the process kills itself. The faults are wrapped around the ports here;
the product knows nothing of them.
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

from shared.deployment import Deployment
from shared.messaging.outbound.relay import Relay
from shared.messaging.subscriptions import Subscriptions
from shared.messaging.worker import HealthEndpoint, Worker
from shared.persistence.database import Database
from shared.persistence.transaction import RequestContext, Transaction
from tests.integration.shared.effect_context import RECEIVING
from tests.integration.shared.parcel_context import SENDING, Behaviour

SUBSCRIPTIONS = {"sender": SENDING, "receiver": RECEIVING}


_SYSTEM = RequestContext.of_system("system")


class KillSwitch:
    """Kills the process when `point` is reached for the last of `times`."""

    def __init__(self, point: str = "", times: str = "1") -> None:
        self._point, self._left = point, int(times)

    def reaches(self, point: str) -> None:
        if point == self._point:
            self._left -= 1
            if not self._left:
                os.kill(os.getpid(), signal.SIGKILL)


class FatalDatabase(Database[Any]):
    """Before and after the commit of a transaction that an event or a deadline caused."""

    fate: KillSwitch

    @asynccontextmanager
    async def transaction(self, request: RequestContext = _SYSTEM) -> AsyncIterator[Transaction[Any]]:
        async with super().transaction(request) as tx:
            yield tx
            kind = tx.cause.action.partition(" ")[0]
            self.fate.reaches(f"before-commit-{kind}")
        self.fate.reaches(f"after-commit-{kind}")


class FatalRelay(Relay):
    """After the broker's acknowledgement, before the rows are forgotten."""

    fate: KillSwitch

    async def _send(self, producer: AIOKafkaProducer, rows: Sequence[asyncpg.Record], sent: list[asyncpg.Record]) -> None:
        await super()._send(producer, rows, sent)
        self.fate.reaches("after-send")


async def main(end: str, *fault: str) -> int:
    deployment, fate, wiring = Deployment(), KillSwitch(*fault), SUBSCRIPTIONS[end]
    deployment.prepare_process()
    opened = await deployment.database(os.environ[f"{wiring.context.upper()}_DATABASE_URL"], Behaviour())
    database = FatalDatabase(opened.pool, clock=opened.clock, policy=opened.policy, secrets=opened.secrets)
    database.fate = fate
    return await _worker(database, wiring, deployment, fate).run()


def _worker(database: FatalDatabase, wiring: Subscriptions, deployment: Deployment, fate: KillSwitch) -> Worker:
    kafka = deployment.kafka()
    port = os.environ.get(f"{wiring.context.upper()}_METRICS_PORT")
    worker = Worker(database, wiring, kafka, HealthEndpoint(int(port) if port else None))
    relay = FatalRelay(database, wiring.context, kafka.bootstrap, prefix=kafka.prefix)
    relay.fate = fate
    worker._parts["relay"] = relay
    return worker


if __name__ == "__main__":
    sys.exit(asyncio.run(main(*sys.argv[1:])))
