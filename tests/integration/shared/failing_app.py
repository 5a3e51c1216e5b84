"""A context whose routes fail, for uvicorn: `tests.integration.shared.failing_app:create_app`."""

import asyncio
import logging
from collections.abc import AsyncIterator

from fastapi import FastAPI
from fastapi.responses import StreamingResponse

from infra.dev_stack.dev_secrets import make
from shared.persistence.database import Database
from shared.telemetry import logs
from shared.web.app import create_app as assemble
from shared.web.requests import strict_router
from tests.builders.context_app import tokens_of

PERSONAL_DATA = "Colin Dale, 9990548609, fell in his kitchen"
router = strict_router(prefix="/faulty", tags=[])


@router.get("/error")
async def error() -> None:
    raise ValueError(PERSONAL_DATA)


@router.get("/stream")
async def stream() -> StreamingResponse:
    async def half() -> AsyncIterator[bytes]:
        yield b"half"
        raise ValueError(PERSONAL_DATA)

    return StreamingResponse(half())


@router.get("/background")
async def background(name: str = "") -> str:  # noqa: ARG001  personal data in the URL
    async def fail() -> None:
        raise ValueError(PERSONAL_DATA)

    asyncio.get_running_loop().create_task(fail())  # without a reference or an await: the fault under test
    await asyncio.sleep(0)
    return "done"


@router.get("/library")
async def library() -> str:
    logging.getLogger("a.library").error("could not take %s", PERSONAL_DATA, exc_info=ValueError(PERSONAL_DATA))
    return "done"


def create_app() -> FastAPI:
    async def open_database() -> Database[None]:
        return _UnusedDatabase()  # type: ignore[return-value]

    logs.configure()
    return assemble(context="faulty", title="Faulty", router=router, open_database=open_database, tokens=tokens_of(make()))


class _UnusedDatabase:
    """These routes use no database."""

    policy = None

    async def close(self) -> None:
        """No connection was opened."""
