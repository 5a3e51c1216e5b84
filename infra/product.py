"""The whole product on one machine: servers, schemas, topics, one API process and a worker per context, supervised."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

import asyncpg
import httpx

from infra.contexts import CONTEXTS, prefix
from infra.environment import environment
from infra.keys import Keys, load_or_make
from infra.local import nursery
from infra.local.errors import StackError
from infra.local.home import stack_folders
from infra.local.logs import last_words
from infra.local.ports import HOST, free_ports
from infra.local.progress import Progress, Silent, timed
from infra.local.stack import Stack, StackAddresses
from infra.local.supervisor import Program, Supervisor
from infra.migrate import migrate
from infra.running import Whereabouts, announced
from infra.shifted_clock import jump
from infra.topics import declarations
from shared.messaging import topics
from shared.messaging.topics import Layout

_PATIENCE_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Product:
    """A running product. `supervisor.pid("api")` and `supervisor.pid("rapid_care")` are its processes."""

    url: str
    keys: Keys
    stack: Stack
    addresses: StackAddresses
    supervisor: Supervisor

    async def create_topics(self, layout: Layout | None = None) -> list[str]:
        return await topics.create(self.addresses.kafka_bootstrap, declarations(), layout or layout_of_environment())


@asynccontextmanager
async def running(
    name: str = "default",
    *,
    ephemeral: bool = False,
    clock_at: datetime | None = None,
    port: int | None = None,
    progress: Progress | None = None,
) -> AsyncIterator[Product]:
    """Starts everything, gives it when it is ready, stops everything. Raises StackError with a sentence.

    With `clock_at` time travel is allowed, and the clock of care stands there when the processes start.
    """
    progress = progress or Silent()
    nursery.prepare(["infra.gateway", *(f"services.{context}.worker" for context in CONTEXTS)])  # while the servers start
    stack = Stack(name=name, ephemeral=ephemeral, progress=progress)
    async with stack as addresses:
        keys = load_or_make(stack_folders(name).root)
        await _prepare(addresses, keys, progress)
        if clock_at:
            await _set_clock(addresses, clock_at)
        url = f"http://{HOST}:{port or free_ports(1)[0]}"
        variables = environment(addresses.database_url, addresses.kafka_bootstrap, keys, allow_time_travel=clock_at is not None)
        async with Supervisor(_programs(url, variables), stack_folders(name).root / "logs", nursery.start) as supervisor:
            with timed(progress, "Services"):
                await _until_ready(url, supervisor)
            with announced(name, Whereabouts(url, addresses.database_url, addresses.kafka_bootstrap)):
                yield Product(url, keys, stack, addresses, supervisor)


def layout_of_environment() -> Layout:
    """How topics are laid out here: CARE_TOPIC_PREFIX, CARE_TOPIC_PARTITIONS, CARE_TOPIC_REPLICATION, CARE_TOPIC_MIN_IN_SYNC."""
    numbers = {name: int(os.environ.get(f"CARE_TOPIC_{name.upper()}", default)) for name, default in _LAYOUT.items()}
    return Layout(prefix=os.environ.get("CARE_TOPIC_PREFIX", ""), **numbers)


_LAYOUT = {"partitions": "12", "replication": "1", "min_in_sync": "1"}


async def _prepare(addresses: StackAddresses, keys: Keys, progress: Progress) -> None:
    with timed(progress, "Schemas"):
        await migrate(addresses.database_url, keys.roles)
    with timed(progress, "Topics"):
        await topics.create(addresses.kafka_bootstrap, declarations(), layout_of_environment())


async def _set_clock(addresses: StackAddresses, instant: datetime) -> None:
    owner = await asyncpg.connect(addresses.database_url)
    try:
        await jump(owner, instant)
    finally:
        await owner.close()


def _programs(url: str, variables: dict[str, str]) -> list[Program]:
    whole = os.environ | variables
    workers = [Program(context, [f"services.{context}.worker:main"], whole) for context in CONTEXTS]
    return [Program("api", ["infra.gateway:main", HOST, url.rpartition(":")[2]], whole), *workers]


async def _until_ready(url: str, supervisor: Supervisor) -> None:
    async with httpx.AsyncClient(base_url=url) as http:
        for context in CONTEXTS:
            try:
                async with asyncio.timeout(_PATIENCE_SECONDS):
                    await _until_answered(http, f"{prefix(context)}/readyz")
            except TimeoutError:
                raise StackError(f"The API did not become ready in {_PATIENCE_SECONDS} s. {last_words(supervisor.log('api'))}") from None


async def _until_answered(http: httpx.AsyncClient, path: str) -> None:
    while True:
        try:
            if (await http.get(path)).is_success:
                return
        except httpx.TransportError:
            pass
        await asyncio.sleep(0.05)
