"""Imports a risk file and dies by SIGKILL when a step begins: `python -m tests.integration.mdt.import_process URL FILE STEP`."""

import asyncio
import os
import signal
import sys
from pathlib import Path

from infra.operations.risk_import import import_risk
from services.mdt.domain.policy import Policy
from services.mdt.handlers.risk import Step
from shared.clock import DatabaseClock
from shared.contracts.encryption import KeyRing
from shared.persistence.database import connect
from shared.persistence.deployment_secrets import Secrets


async def run(url: str, file: str, last_step: str) -> None:
    def report(step: Step, *_: int) -> None:
        if step == last_step:
            os.kill(os.getpid(), signal.SIGKILL)

    secrets = Secrets(b"s" * 32, KeyRing({"k": b"k" * 32}, "k"))
    database = await connect(url, clock=DatabaseClock(), policy=Policy(), secrets=secrets, is_service=True)
    await import_risk(database, Path(file).read_bytes(), report)  # noqa: ASYNC240  the process does nothing else


if __name__ == "__main__":
    asyncio.run(run(*sys.argv[1:]))
