"""Composition root of a relay that kills itself: `python -m tests.chaos.defects.program correct|deletes-first POINT`.

The POINT is between sending rows and deleting them. The two relays do these steps in opposite order.
"""

import asyncio
import sys
from collections.abc import Sequence

import asyncpg
from aiokafka import AIOKafkaProducer

from services.referrals.settings import Settings
from services.referrals.subscriptions import SUBSCRIPTIONS
from shared.deployment import Deployment
from shared.messaging.outbound.relay import Relay
from shared.persistence.statements import Connection
from tests.chaos.defects.relays import DeleteFirstRelay
from tests.integration.shared.worker_main import KillSwitch

_KILL_SWITCH = KillSwitch(*sys.argv[2:])


class _KilledRelay(Relay):
    """Passes a point after the broker's acknowledgement, and one after the rows were deleted."""

    async def _send(self, producer: AIOKafkaProducer, rows: Sequence[asyncpg.Record], sent: list[asyncpg.Record]) -> None:
        await super()._send(producer, rows, sent)
        _KILL_SWITCH.reaches("after-send")

    async def _delete_published(self, connection: Connection, sent: Sequence[asyncpg.Record]) -> None:
        await super()._delete_published(connection, sent)
        if sent:
            _KILL_SWITCH.reaches("after-delete")


class _KilledDeleteFirstRelay(_KilledRelay, DeleteFirstRelay):
    """Passes the same points in the opposite order."""


async def main(kind: str) -> None:
    deployment, settings = Deployment(), Settings()
    deployment.prepare_process()
    mac_keys = settings.record_keys(SUBSCRIPTIONS)
    database = await deployment.database(settings.database_url.get_secret_value(), None, mac_keys=mac_keys, is_service=True)
    kafka = deployment.kafka()
    relay = (_KilledDeleteFirstRelay if kind == "deletes-first" else _KilledRelay)(database, "referrals", kafka)
    await relay.run()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
