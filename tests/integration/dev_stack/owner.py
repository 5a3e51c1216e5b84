"""A program that owns a stack, for tests that end it: `python -m tests.integration.dev_stack.owner NAME MODE`.

It writes one word to each server and prints the pids of both. In the mode `background` it ignores Ctrl-C, like a shell's background job.
"""

import asyncio
import signal
import sys

from infra.dev_stack.local.kafka import LocalKafka
from infra.dev_stack.local.stack import Stack
from tests.integration.dev_stack.traffic import create_topic, insert, send


async def main(name: str) -> None:
    stack = Stack(name)
    async with stack as addresses:
        await insert(addresses.database_url, "before the crash")
        if isinstance(stack.kafka, LocalKafka):
            await create_topic(addresses.kafka_bootstrap, "crash")
        await send(addresses.kafka_bootstrap, "crash", "before the crash")
        assert stack.postgres
        assert stack.kafka
        sys.stdout.write(f"{stack.postgres.pid} {stack.kafka.pid}\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN if sys.argv[2] == "background" else signal.default_int_handler)
    asyncio.run(main(sys.argv[1]))
