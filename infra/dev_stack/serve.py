"""Implements `care up`: serves the product until it is interrupted."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from rich.console import Console
from rich.table import Table

from infra.contexts import CONTEXTS, prefix
from infra.dev_stack.dev_secrets import Keys
from infra.dev_stack.external_secrets import external_issuer
from infra.dev_stack.local.progress import StatusLines
from infra.dev_stack.local.watchdog import restart_stack_servers
from infra.dev_stack.product import Product, run_product
from shared.clock import wall_clock
from shared.messaging.shutdown import cancel_and_wait

#: Callers for development: actor id, organisation, role, scopes.
CALLERS: dict[str, tuple[str, str, list[str]]] = {
    "gp": ("W07", "gp", ["referrals:refer"]),
    "point-of-access": ("CLCH", "clinical-triager", ["referrals:handle", "referrals:identity", "referrals:refer", "referrals:triage"]),
    "rapid-care": ("CLCH", "emergency-nurse-practitioner", ["rapid-care:coordinate", "rapid-care:respond"]),
    "mdt-coordinator": ("BCCG", "mdt-coordinator", ["mdt:coordinate", "mdt:decide", "mdt:read"]),
    "risk-analyst": ("BCCG", "risk-analyst", ["mdt:import-risk"]),
    "clch-community-nurse-1": ("CLCH", "community-nurse", ["mdt:lead", "mdt:read"]),
    "locality-team": ("CLCH", "community-nurse", ["referrals:receive"]),
    "clch-navigator-1": ("CLCH", "care-navigator", ["navigation:work"]),
    "information-governance": (
        "CLCH",
        "information-governance",
        [f"{name}:audit" for name in ("referrals", "rapid-care", "mdt", "navigation")],
    ),
    "navigation-coordinator": ("CLCH", "navigation-coordinator", ["navigation:coordinate", "navigation:work"]),
    "council": ("LBB", "social-worker", ["referrals:safeguarding"]),
    "safeguarding-lead": ("CLCH", "safeguarding-lead", ["referrals:safeguarding"]),
}


async def serve(out: Console, *, name: str, port: int) -> None:
    """Serves until SIGTERM or SIGINT. Raises StackError when the product cannot start."""
    stop = asyncio.Event()
    progress = StatusLines(out)
    with progress:
        async with run_product(name, port=port, progress=progress) as product, _restarting_servers(product):
            progress.finish()
            for number in (signal.SIGTERM, signal.SIGINT):
                asyncio.get_running_loop().add_signal_handler(number, stop.set)
            _print_endpoints(out, product)
            await stop.wait()
            out.print("Stopping ...")


@asynccontextmanager
async def _restarting_servers(product: Product) -> AsyncIterator[None]:
    watchdog = asyncio.create_task(restart_stack_servers(product.stack, product.create_topics))
    try:
        yield
    finally:
        await cancel_and_wait(watchdog)


class FreshTokens:
    """The token of each caller, signed again every hour: a run may take longer than a token is valid."""

    def __init__(self, keys: Keys) -> None:
        self._keys, self._hour = keys, -1
        self._signed: dict[str, str] = {}

    def __call__(self, caller: str) -> str:
        hour = int(wall_clock().timestamp() // 3600)
        if hour != self._hour:
            self._hour, self._signed = hour, {}
        if caller not in self._signed:
            self._signed[caller] = token(self._keys, caller)
        return self._signed[caller]


def token(keys: Keys, caller: str) -> str:
    organisation, role, scopes = CALLERS[caller]
    return keys.token(caller, organisation, role, scopes)


def _print_endpoints(out: Console, product: Product) -> None:
    out.print(f"\nServing at [bold]{product.url}[/] on {product.addresses}.")
    for context in CONTEXTS:
        out.print(f"  {product.url}{prefix(context)}/docs")
    out.print(f"Kafka: {product.addresses.kafka_bootstrap}", highlight=False)
    if product.addresses.kafka_credentials is None:
        out.print("This Kafka is open: every process that reaches it may read and write it, without a password and without encryption.")
    if variable := external_issuer():
        out.print(f"The issuer of the keys in {variable} issues the tokens.")
    else:
        _print_tokens(out, product.keys)
    out.print("\nCtrl-C stops.")


def _print_tokens(out: Console, keys: Keys) -> None:
    table = Table("caller", "organisation", "scopes", title="Development tokens: `care token` prints more", title_justify="left")
    for caller, (organisation, _, scopes) in CALLERS.items():
        table.add_row(caller, organisation, " ".join(scopes))
    out.print(table)
    for caller in CALLERS:
        out.print(f"export TOKEN_{caller.upper().replace('-', '_')}={token(keys, caller)}", soft_wrap=True, highlight=False)
