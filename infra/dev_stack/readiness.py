"""Waits until the started processes serve: the API process, each of its applications, and each worker.

Invariant: a response of the API counts only when the started process gave it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import partial

import httpx

from infra.contexts import CONTEXTS, prefix
from infra.dev_stack.local.supervisor import Supervisor
from infra.errors import StackError

_PAUSE = 0.05


async def until_ready(url: str, workers: Mapping[str, str], supervisor: Supervisor, *, within: float = 120) -> None:
    """`workers` maps a context to the address of its worker. Raises StackError with the end of a log.

    That is after `within` seconds, or when a program refuses its environment.
    """
    async with httpx.AsyncClient(timeout=5) as http:
        await _until(partial(_is_ours, http, url, supervisor), "api", supervisor, within)
        for context in CONTEXTS:
            await _until(partial(_succeeds, http, f"{url}{prefix(context)}/readyz"), "api", supervisor, within)
        for context, address in workers.items():
            await _until(partial(_succeeds, http, f"{address}/readyz"), context, supervisor, within)


async def _until(holds: Callable[[], Awaitable[bool]], program: str, supervisor: Supervisor, within: float) -> None:
    try:
        async with asyncio.timeout(within):
            while not await holds():
                if name := supervisor.misconfigured:
                    raise StackError(f"{name} cannot start with this configuration. {supervisor.log_tail(name)}")
                await asyncio.sleep(_PAUSE)
    except TimeoutError:
        problem = f"{program} did not become ready in {within:g} s."
        raise StackError(f"{problem} {supervisor.log_tail(program)}") from None


async def _is_ours(http: httpx.AsyncClient, url: str, supervisor: Supervisor) -> bool:
    response = await _get(http, f"{url}/livez")
    return response is not None and response.json().get("process") == supervisor.pid("api")


async def _succeeds(http: httpx.AsyncClient, address: str) -> bool:
    return await _get(http, address) is not None


async def _get(http: httpx.AsyncClient, address: str) -> httpx.Response | None:
    try:
        response = await http.get(address)
    except httpx.TransportError:
        return None
    return response if response.is_success else None
