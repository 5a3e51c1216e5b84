"""Liveness, readiness and metrics of each context: `/livez`, `/readyz`, `/metrics`."""

import hmac
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from shared.persistence.errors import INFRASTRUCTURE_ERRORS
from shared.persistence.gauges import read_gauges
from shared.persistence.transaction import Transaction
from shared.telemetry import metrics
from shared.web.addresses import is_loopback
from shared.web.problems import problem_response

#: Sets additional gauges from the context's database when /metrics is read.
Gauges = Callable[[Transaction[Any]], Awaitable[None]]


def _may_measure(request: Request) -> bool:
    """Whether the caller has the token of the metrics; where none is set, whether they are on this machine."""
    token: str | None = request.app.state.metrics_token
    if token is None:
        return request.client is not None and is_loopback(request.client.host)
    return hmac.compare_digest(request.headers.get("authorization", "").encode(), f"Bearer {token}".encode())


def router(prefix: str, context: str, gauges: Sequence[Gauges] = ()) -> APIRouter:
    health = APIRouter(prefix=prefix, include_in_schema=False)

    @health.get("/livez")
    async def live() -> dict[str, str]:
        return {"status": "alive"}

    @health.get("/readyz")
    async def ready(request: Request) -> Response:
        try:
            async with request.app.state.database.read_only() as reader:
                await reader.driver.fetchval("SELECT 1")
        except INFRASTRUCTURE_ERRORS:
            return problem_response(503, "not-ready", "The database does not respond.", "Repeat the request later.")
        if request.app.state.tokens.keys.current is None:
            return problem_response(503, "not-ready", "The signing keys of the token issuer are not known.", "Repeat the request later.")
        return Response(b'{"status":"ready"}', media_type="application/json")

    @health.get("/metrics")
    async def measure(request: Request) -> Response:
        if not _may_measure(request):
            return problem_response(401, "metrics-token-missing", "The metrics need a token.", "Send CARE_METRICS_TOKEN as bearer token.")
        await _set_gauges(request, context, gauges)
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    return health


async def _set_gauges(request: Request, context: str, gauges: Sequence[Gauges]) -> None:
    async with request.app.state.database.transaction() as tx:
        await read_gauges(tx, context)
        for gauge in gauges:
            await gauge(tx)
    if (age := request.app.state.tokens.keys.age) is not None:
        metrics.SIGNING_KEYS_AGE.labels(context).set(age)
