"""Is it alive, is it ready, how is it doing: `/livez`, `/readyz`, `/metrics` of each context."""

from collections.abc import Awaitable, Callable, Sequence

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from shared.persistence.failures import INFRASTRUCTURE
from shared.persistence.statements import Reader
from shared.telemetry import metrics
from shared.web.problems import problem_response

#: Sets gauges of its own from the context's database when /metrics is asked.
Gauges = Callable[[Reader], Awaitable[None]]

_STATE = """
SELECT (SELECT count(*) FROM outbox) AS depth,
       (SELECT coalesce(extract(epoch FROM clock_timestamp() - min(recorded_at)), 0) FROM outbox JOIN event USING (seq)) AS age,
       (SELECT count(*) FROM parked) AS parked,
       (SELECT min(due_at) FROM timer WHERE state = 'pending') AS next_due"""


def router(prefix: str, context: str, gauges: Sequence[Gauges] = ()) -> APIRouter:
    health = APIRouter(prefix=prefix, include_in_schema=False)

    @health.get("/livez")
    async def live() -> dict[str, str]:
        return {"status": "alive"}

    @health.get("/readyz")
    async def ready(request: Request) -> Response:
        try:
            async with request.app.state.database.reading() as reader:
                await reader.connection.fetchval("SELECT 1")
        except INFRASTRUCTURE:
            return problem_response(503, "not-ready", "The database does not answer.", "Wait; it is tried again at every request.")
        return Response(b'{"status":"ready"}', media_type="application/json")

    @health.get("/metrics")
    async def measure(request: Request) -> Response:
        async with request.app.state.database.transaction() as tx:
            row = await tx.connection.fetchrow(_STATE)
            metrics.OUTBOX_DEPTH.labels(context).set(row["depth"])
            metrics.OUTBOX_AGE.labels(context).set(row["age"])
            metrics.PARKED.labels(context).set(row["parked"])
            late = (tx.now - row["next_due"]).total_seconds() if row["next_due"] else 0
            metrics.TIMERS_LATE_BY.labels(context).set(max(late, 0))
            for gauge in gauges:
                await gauge(tx)
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    return health
