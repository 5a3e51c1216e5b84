"""Composition root of the process beside the API: `python -m services.navigation.worker`."""

import asyncio
import sys

from pydantic import TypeAdapter

from services.navigation import agents
from services.navigation.domain.policy import Policy
from services.navigation.settings import Settings
from shared.deployment import Deployment
from shared.messaging.worker import Worker


async def run() -> int:
    settings, deployment = Settings(), Deployment()
    policy = TypeAdapter(Policy).validate_python(settings.policy)
    deployment.observe()
    database = await deployment.database(settings.database_url.get_secret_value(), policy)
    return await Worker(database, agents.WIRING, deployment.kafka(), settings.metrics_port).run()


def main() -> None:
    sys.exit(asyncio.run(run()))


if __name__ == "__main__":
    main()
