"""Runs the whole product on one machine: servers, schemas, topics, one API process and a worker for each context, supervised."""

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime

from infra.contexts import CONTEXTS
from infra.database_owner import connected_owner
from infra.deploy.kafka_access import apply_access, withdraw_access
from infra.deploy.migrate import migrate
from infra.deploy.topic_recovery import ensure_topics
from infra.deploy.topics import layout_differences, layout_of_environment
from infra.dev_stack.clock_offset import set_clock
from infra.dev_stack.dev_secrets import Keys, load_or_make
from infra.dev_stack.external_secrets import external_secrets
from infra.dev_stack.local import fork_server
from infra.dev_stack.local.brokers import is_fallback_chosen
from infra.dev_stack.local.external_servers import external_database_url, external_kafka_bootstrap
from infra.dev_stack.local.kafka_settings import ExtraListener
from infra.dev_stack.local.paths import stack_folders
from infra.dev_stack.local.ports import HOST, free_ports, require_free
from infra.dev_stack.local.progress import Progress, WarningLines, timed
from infra.dev_stack.local.stack import Stack, StackAddresses
from infra.dev_stack.local.supervisor import Program, Supervisor
from infra.dev_stack.process_environment import environment, is_time_travel_requested, of_api, of_worker
from infra.dev_stack.readiness import until_ready
from infra.dev_stack.stack_state import Endpoints, publish_endpoints
from infra.dev_stack.temporary_resources import temporary_database, temporary_topics, unique_name
from infra.errors import StackError
from shared.messaging.topics import Layout

_HIGHEST_PORT = 65_535


@dataclass(frozen=True, slots=True)
class Product:
    """A running product. `supervisor.pid("api")` and `supervisor.pid("rapid_care")` are its processes."""

    url: str
    keys: Keys
    stack: Stack
    addresses: StackAddresses
    layout: Layout
    supervisor: Supervisor

    async def create_topics(self) -> list[str]:
        return await ensure_topics(
            self.addresses.kafka_bootstrap, self.addresses.database_url, self.layout, self.addresses.kafka_credentials
        )


@dataclass(frozen=True, slots=True)
class ProvisionedStack:
    """Running servers with schemas, topics and secrets, ready for the processes of the product."""

    name: str
    keys: Keys
    stack: Stack
    addresses: StackAddresses
    layout: Layout
    secrets: Mapping[str, str]
    may_travel: bool

    def environment(self, addresses: StackAddresses) -> dict[str, str]:
        """Returns the environment of a process that reaches the servers at `addresses`."""
        variables = environment(
            addresses.database_url,
            addresses.kafka_bootstrap,
            self.keys,
            is_kafka_open=addresses.kafka_credentials is None,
            allow_time_travel=self.may_travel,
            topic_prefix=self.layout.prefix,
        )
        return {**os.environ, **variables, **self.secrets}


@asynccontextmanager
async def run_product(
    name: str = "default",
    *,
    ephemeral: bool = False,
    clock_at: datetime | None = None,
    port: int | None = None,
    progress: Progress | None = None,
) -> AsyncIterator[Product]:
    """Starts the product, yields it when it is ready, and stops it. Raises StackError.

    `clock_at` allows time travel and sets the clock of care before the processes start. An ephemeral product uses new secrets and
    leaves nothing behind, on external servers too.
    """
    progress = progress or WarningLines()
    port = require_free(port) if port else free_ports(1)[0]
    ports = metrics_ports({} if ephemeral else os.environ, port)
    fork_server.prepare(["infra.dev_stack.gateway", *(f"services.{context}.worker" for context in CONTEXTS)])  # while the servers start
    async with provision(name, ephemeral=ephemeral, clock_at=clock_at, progress=progress) as provisioned, AsyncExitStack() as exits:
        url = f"http://{HOST}:{port}"
        addresses = provisioned.addresses
        supervisor = await _serve(exits, url, name, provisioned.environment(addresses), ports, progress)
        exits.enter_context(publish_endpoints(name, Endpoints(url, addresses.database_url, addresses.kafka_bootstrap, ports)))
        yield Product(url, provisioned.keys, provisioned.stack, addresses, provisioned.layout, supervisor)


@asynccontextmanager
async def provision(
    name: str,
    *,
    ephemeral: bool = False,
    clock_at: datetime | None = None,
    extra_listener: ExtraListener | None = None,
    progress: Progress | None = None,
) -> AsyncIterator[ProvisionedStack]:
    """Starts everything except the processes of the product. Raises StackError."""
    progress = progress or WarningLines()
    layout, secrets = layout_of_environment(), {} if ephemeral else external_secrets()
    is_fallback_chosen()  # an unknown value is refused before anything starts
    if is_time_travel_requested() and not clock_at:
        progress.warned("CARE_ALLOW_TIME_TRAVEL=true has no effect on a local stack: only `care demo` moves the clock of care.")
    stack = Stack(name=name, ephemeral=ephemeral, progress=progress, extra_listener=extra_listener)
    async with AsyncExitStack() as exits:
        addresses = await exits.enter_async_context(stack)
        keys = load_or_make(stack_folders(name).root)
        if ephemeral:
            addresses, layout = await _use_temporary(exits, unique_name(name), addresses, layout, keys)
        await _prepare(addresses, keys, layout, progress)
        if clock_at:
            await _set_clock(addresses, clock_at)
        yield ProvisionedStack(name, keys, stack, addresses, layout, secrets, clock_at is not None)


async def _use_temporary(
    exits: AsyncExitStack, unique: str, addresses: StackAddresses, layout: Layout, keys: Keys
) -> tuple[StackAddresses, Layout]:
    """Replaces external servers by a temporary database and topics on them; embedded servers are deleted as a whole."""
    if external_database_url():
        database = await exits.enter_async_context(temporary_database(addresses.database_url, unique, keys.roles))
        addresses = replace(addresses, database_url=database)
    if external_kafka_bootstrap():
        layout = replace(layout, prefix=f"{layout.prefix}{unique}.")
        credentials = addresses.kafka_credentials
        await exits.enter_async_context(temporary_topics(addresses.kafka_bootstrap, layout.prefix, credentials))
        if credentials:
            exits.push_async_callback(withdraw_access, addresses.kafka_bootstrap, credentials, layout.prefix)
    return addresses, layout


async def _prepare(addresses: StackAddresses, keys: Keys, layout: Layout, progress: Progress) -> None:
    with timed(progress, "Upgrading the schemas"):
        await migrate(addresses.database_url, keys.roles)
    with timed(progress, "Creating the topics"):
        await ensure_topics(addresses.kafka_bootstrap, addresses.database_url, layout, addresses.kafka_credentials)
    if addresses.kafka_credentials:
        with timed(progress, "Granting access to the topics"):
            await apply_access(addresses.kafka_bootstrap, addresses.kafka_credentials, layout.prefix)
    for difference in await layout_differences(addresses.kafka_bootstrap, layout, addresses.kafka_credentials):
        progress.warned(difference)


async def _set_clock(addresses: StackAddresses, instant: datetime) -> None:
    async with connected_owner(addresses.database_url) as owner:
        await set_clock(owner, instant)


def metrics_ports(variables: Mapping[str, str], api_port: int | None = None) -> dict[str, int]:
    """The port of each context's worker: from `<CONTEXT>_METRICS_PORT`, otherwise any free port. Raises StackError."""
    used = {api_port: "--port"}
    chosen: dict[str, int] = {}
    for context in CONTEXTS:
        variable = f"{context.upper()}_METRICS_PORT"
        if value := variables.get(variable):
            port = _valid_port(variable, value)
            if port in used:
                raise StackError(f"{used[port]} and {variable} name the same port.")
            chosen[context] = require_free(port, variable)
            used[port] = variable
    free = (port for port in free_ports(len(CONTEXTS) + len(used)) if port not in used)
    return {context: chosen.get(context) or next(free) for context in CONTEXTS}


def _valid_port(variable: str, value: str) -> int:
    if not (value.isdecimal() and 0 < int(value) <= _HIGHEST_PORT):
        raise StackError(f"{variable} must be a port from 1 to {_HIGHEST_PORT}, not “{value}”.")
    return int(value)


async def _serve(
    exits: AsyncExitStack, url: str, name: str, variables: Mapping[str, str], ports: Mapping[str, int], progress: Progress
) -> Supervisor:
    """Returns the supervisor of the API and the workers when all of them are ready."""
    complete = {**variables, **{f"{context.upper()}_METRICS_PORT": str(port) for context, port in ports.items()}}
    programs = [
        Program("api", ["infra.dev_stack.gateway:main", HOST, url.rpartition(":")[2]], of_api(complete)),
        *(Program(context, [f"services.{context}.worker:main"], of_worker(complete, context)) for context in CONTEXTS),
    ]
    supervisor = Supervisor(programs, stack_folders(name).root / "logs", fork_server.start, notify=progress.warned)
    await exits.enter_async_context(supervisor)
    with timed(progress, "Starting the four services and their workers"):
        await until_ready(url, {context: f"http://{HOST}:{port}" for context, port in ports.items()}, supervisor)
    return supervisor
