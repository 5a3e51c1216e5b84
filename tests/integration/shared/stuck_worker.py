"""A worker whose component does not end in order: `python -m tests.integration.shared.stuck_worker COMPONENT`."""

import asyncio
import os
import signal
import sys
import threading
import time
from typing import Any, cast

from shared.messaging.health import Component
from shared.messaging.worker import Worker
from shared.persistence.database import Database


class UncancellableComponent:
    is_working = True

    async def run(self) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        while True:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                continue


class BlockingComponent:
    """Blocks the event loop when it is cancelled."""

    is_working = True

    async def run(self) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        try:
            await asyncio.sleep(60)
        finally:
            time.sleep(60)  # noqa: ASYNC251, TID251  the fault under test


class ThreadedComponent:
    """Leaves a non-daemon thread running."""

    is_working = True

    async def run(self) -> None:
        threading.Thread(target=time.sleep, args=(60,)).start()  # noqa: TID251  the fault under test
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.sleep(60)


class CancelledComponent:
    """A component that is cancelled although the process received no signal."""

    is_working = True

    async def run(self) -> None:
        raise asyncio.CancelledError


COMPONENTS: dict[str, type[Component]] = {
    "uncancellable": UncancellableComponent,
    "blocking": BlockingComponent,
    "threaded": ThreadedComponent,
    "cancelled": CancelledComponent,
}


class _ClosedDatabase:
    async def close(self) -> None:
        """No connection was opened."""


async def main(name: str) -> int:
    database = cast("Database[Any]", _ClosedDatabase())
    return await Worker(database, "test", {"component": COMPONENTS[name]()}, shutdown_seconds=0.5).run()


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1])))
