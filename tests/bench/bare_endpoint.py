"""The bare endpoint, the first yardstick: FastAPI under the product's uvicorn settings, one INSERT for each request and nothing else.

Run as `python -m tests.bench.bare_endpoint DATABASE_URL PORT`. It prints a line when its pool is open, and stops at SIGTERM.
"""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import uvicorn
from fastapi import FastAPI, Request, Response

from shared.kernel.ids import new_id

#: As many connections as the API process of the product opens for one context.
_POOL = 10
CREATE = "CREATE TABLE public.bare_endpoint (id uuid PRIMARY KEY, body text NOT NULL)"
DROP = "DROP TABLE IF EXISTS public.bare_endpoint"
_INSERT = "INSERT INTO public.bare_endpoint (id, body) VALUES ($1, $2)"


def create_app(database_url: str) -> FastAPI:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with asyncpg.create_pool(database_url, min_size=_POOL, max_size=_POOL) as pool:
            app.state.pool = pool
            print("ready", flush=True)  # noqa: T201  the bench waits for this line
            yield

    app = FastAPI(lifespan=lifespan)

    @app.post("/referrals", status_code=201)
    async def insert(request: Request) -> Response:
        body = await request.body()
        await request.app.state.pool.execute(_INSERT, new_id(), body.decode())
        return Response(status_code=201)

    return app


def main() -> None:
    database_url, port = sys.argv[1:]
    uvicorn.run(create_app(database_url), host="127.0.0.1", port=int(port), access_log=False, log_level="warning")


if __name__ == "__main__":
    main()
