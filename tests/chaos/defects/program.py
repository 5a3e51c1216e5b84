"""Composition root of a relay that is killed: `python -m tests.chaos.defects.program sound|hasty POINT`.

It kills itself at the POINT: between the two steps of its work, which the sound and the hasty relay do in opposite order.
"""

import asyncio
import os
import sys
from collections.abc import Sequence

import asyncpg
from aiokafka import AIOKafkaProducer

from shared.deployment import Deployment
from shared.messaging.outbound.relay import Relay
from shared.persistence.statements import Connection
from tests.chaos.defects.relays import HastyRelay
from tests.integration.shared.worker_main import KillSwitch

_FATE = KillSwitch(*sys.argv[2:])


class _Killed(Relay):
    """After the broker's acknowledgement, and after the rows are forgotten."""

    async def _send(self, producer: AIOKafkaProducer, rows: Sequence[asyncpg.Record], sent: list[asyncpg.Record]) -> None:
        await super()._send(producer, rows, sent)
        _FATE.reaches("after-send")

    async def _delete_published(self, connection: Connection, sent: Sequence[asyncpg.Record]) -> None:
        await super()._delete_published(connection, sent)
        if sent:
            _FATE.reaches("after-forget")


class _KilledHasty(_Killed, HastyRelay):
    """The same, of the hasty one."""


async def main(kind: str) -> None:
    deployment = Deployment()
    deployment.prepare_process()
    database = await deployment.database(os.environ["REFERRALS_DATABASE_URL"], None)
    kafka = deployment.kafka()
    relay = (_KilledHasty if kind == "hasty" else _Killed)(database, "referrals", kafka.bootstrap, prefix=kafka.prefix)
    await relay.run()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
