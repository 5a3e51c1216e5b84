"""Serves the four applications on one port, by URL prefix. Each is the application that runs alone in production."""

import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager

from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from infra.contexts import CONTEXTS, prefix
from services.mdt.main import create_app as mdt
from services.navigation.main import create_app as navigation
from services.rapid_care.main import create_app as rapid_care
from services.referrals.main import create_app as referrals
from shared.deployment.server import serve
from shared.web import problems

_FACTORIES: Mapping[str, Callable[[], FastAPI]] = {"referrals": referrals, "rapid_care": rapid_care, "mdt": mdt, "navigation": navigation}


class Gateway:
    """Passes a request to the application of its first path segment; serves `/` and `/livez` without one."""

    def __init__(self, apps: Mapping[str, FastAPI]) -> None:
        self._apps = apps
        self._own = Starlette(routes=[Route("/", self._contents), Route("/livez", _live)], lifespan=self._lifespan)
        problems.install(self._own)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app_of(scope)(scope, receive, send)

    def _app_of(self, scope: Scope) -> ASGIApp:
        path: str = scope.get("path", "")
        return next((app for prefix, app in self._apps.items() if path == prefix or path.startswith(f"{prefix}/")), self._own)

    async def _contents(self, request: Request) -> JSONResponse:
        return JSONResponse({app.title: str(request.url.replace(path=f"{prefix}/docs")) for prefix, app in self._apps.items()})

    @asynccontextmanager
    async def _lifespan(self, _: Starlette) -> AsyncIterator[None]:
        async with AsyncExitStack() as exits:
            for app in self._apps.values():
                await exits.enter_async_context(app.router.lifespan_context(app))
            yield


def create_gateway() -> Gateway:
    """Exits with a sentence that names the variable when the environment is invalid."""
    return Gateway({prefix(context): _FACTORIES[context]() for context in CONTEXTS})


def main(host: str, port: str) -> None:
    """Serves until SIGTERM."""
    serve(create_gateway, host, int(port))


async def _live(_: Request) -> JSONResponse:
    """Returns the process id, which distinguishes this process from another one on the port."""
    return JSONResponse({"status": "alive", "process": os.getpid()})
