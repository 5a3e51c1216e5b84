"""The factory of a context's HTTP application."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from fastapi import APIRouter, FastAPI
from starlette.routing import BaseRoute

from shared.kernel.scope_holders import Holders
from shared.persistence.database import Database
from shared.web import docs_page, health, openapi, problems
from shared.web.auth import Tokens
from shared.web.descriptions import ApiDescription
from shared.web.limits import CallerLimits, Limits
from shared.web.middleware import BodySizeMiddleware, HeadMiddleware, ObservabilityMiddleware, TimeoutMiddleware
from shared.web.overload import OverloadMiddleware
from shared.web.requests import StrictRoute

#: The largest body, in bytes; a route that accepts more (an upload) declares its own limit.
MAX_BODY_BYTES = 1024 * 1024


def create_app(
    *,
    context: str,
    title: str,
    router: APIRouter,
    open_database: Callable[[], Awaitable[Database[Any]]],
    tokens: Tokens,
    holders: Callable[[Any], Holders] = lambda _: Holders(),
    gauges: Sequence[health.Gauges] = (),
    unlimited: Sequence[str] = (),
    hsts: bool = False,
    description: ApiDescription = ApiDescription(),  # noqa: B008  frozen
    limits: Limits = Limits(),  # noqa: B008  frozen
    metrics_token: str | None = None,
) -> FastAPI:
    """`router` carries the context's prefix; paths ending in one of `unlimited` take as long as they need (streams, uploads).

    `holders` reads from the context's policy which organisations hold a scope; without it any organisation holds each.
    """
    app = _app(title, router.prefix, _lifespan(open_database, tokens, holders))
    app.state.tokens = tokens
    app.state.limits, app.state.metrics_token = CallerLimits(limits, context), metrics_token
    app.router.routes.extend(_strict(router))
    app.include_router(health.router(router.prefix, context, gauges))
    app.include_router(docs_page.router(router.prefix, title))
    problems.install(app)
    openapi.install(app, description)
    app.add_middleware(HeadMiddleware)
    app.add_middleware(BodySizeMiddleware)
    app.add_middleware(TimeoutMiddleware, unlimited=unlimited)
    app.add_middleware(OverloadMiddleware, context=context, exempt=("/livez", "/readyz", "/metrics", *unlimited))
    app.add_middleware(ObservabilityMiddleware, context=context, hsts=hsts)
    return app


def _strict(router: APIRouter) -> Sequence[BaseRoute]:
    """The routes themselves: the framework searches an included router twice for each request. Raises TypeError for another route."""
    if loose := [route for route in router.routes if not isinstance(route, StrictRoute)]:
        raise TypeError(f"routes of no strict_router accept unknown parameters: {loose}")
    return router.routes


def _lifespan(
    open_database: Callable[[], Awaitable[Database[Any]]], tokens: Tokens, holders: Callable[[Any], Holders]
) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    """While the application runs, its database is open, and the signing keys are read again."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.database = database = await open_database()
        app.state.holders = holders(database.policy)
        async with tokens.keys.followed():
            yield
        await database.close()

    return lifespan


def _app(title: str, prefix: str, lifespan: Callable[[FastAPI], AbstractAsyncContextManager[None]]) -> FastAPI:
    """An application without routes."""
    return FastAPI(
        title=title,
        version="1",
        lifespan=lifespan,
        redirect_slashes=False,  # a path with a further slash names no resource
        max_body_size=MAX_BODY_BYTES,
        docs_url=None,  # `docs_page` serves it with its own assets
        redoc_url=None,
        openapi_url=f"{prefix}/openapi.json",
        telemetry={"tracing": False, "metrics": False, "logs": False},  # ObservabilityMiddleware handles every exception
    )
