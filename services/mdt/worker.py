"""Composition root of the process beside the API: `python -m services.mdt.worker`. At its start the diary fills itself."""

import asyncio
import sys

from pydantic import TypeAdapter

from services.mdt import agents
from services.mdt.domain.policy import Policy
from services.mdt.handlers.diary import ensure_meetings
from services.mdt.settings import Settings
from shared.deployment import Deployment
from shared.messaging.worker import Worker
from shared.persistence.transaction import Cause


async def run() -> int:
    settings, deployment = Settings(), Deployment()
    policy = TypeAdapter(Policy).validate_python(settings.policy)
    deployment.observe()
    database = await deployment.database(settings.database_url.get_secret_value(), policy)
    async with database.transaction(cause=Cause("ensure-meetings")) as tx:
        await ensure_meetings(tx=tx)
    return await Worker(database, agents.WIRING, deployment.kafka(), settings.metrics_port).run()


def main() -> None:
    sys.exit(asyncio.run(run()))


if __name__ == "__main__":
    main()
