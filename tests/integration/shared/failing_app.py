"""A context whose routes fail in the ways that a program can fail, for a server of its own: `uvicorn --factory ...faulty:create_app`."""

import asyncio
import logging
from collections.abc import AsyncIterator

from fastapi import APIRouter, FastAPI
from fastapi.responses import StreamingResponse

from infra.dev_stack.dev_secrets import make
from shared.persistence.database import Database
from shared.telemetry import logs
from shared.web.app import create_app as assemble
from tests.builders.context_app import tokens_of

TOLD = "Colin Dale, 9990548609, fell in his kitchen"
router = APIRouter(prefix="/faulty")


@router.get("/before")
async def before() -> None:
    raise ValueError(TOLD)


@router.get("/meanwhile")
async def meanwhile() -> StreamingResponse:
    async def half() -> AsyncIterator[bytes]:
        yield b"half"
        raise ValueError(TOLD)

    return StreamingResponse(half())


@router.get("/beside")
async def beside() -> str:
    async def fail() -> None:
        raise ValueError(TOLD)

    asyncio.get_running_loop().create_task(fail())  # nobody keeps it: that is the fault
    await asyncio.sleep(0)
    return "done"


@router.get("/library")
async def library() -> str:
    logging.getLogger("a.library").error("could not take %s", TOLD, exc_info=ValueError(TOLD))
    return "done"


def create_app() -> FastAPI:
    async def nowhere() -> Database[None]:
        return _Nowhere()  # type: ignore[return-value]

    logs.configure()
    return assemble(context="faulty", title="Faulty", router=router, open_database=nowhere, tokens=tokens_of(make()))


class _Nowhere:
    """No database: none of these routes comes so far."""

    async def close(self) -> None:
        """Nothing was opened."""
