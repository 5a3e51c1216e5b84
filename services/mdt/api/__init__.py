"""The weekly meeting over HTTP: each aggregate has its router, this one carries their prefix."""

from fastapi import APIRouter

router = APIRouter(prefix="/mdt")

#: One router per aggregate; each sets its own tag and no prefix.
ROUTERS: tuple[APIRouter, ...] = ()

for part in ROUTERS:
    router.include_router(part)
