"""Routes that refuse what the framework ignores; `strict_router` makes the router of each part of an API."""

from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.routing import APIRoute

from shared.web.requests import require_strict


class StrictRoute(APIRoute):
    """Refuses unknown and repeated parameters and fields before the endpoint's own checks."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handle_strict(request: Request) -> Response:
            await require_strict(request, self)
            return await handle(request)

        return handle_strict


def strict_router(*, prefix: str, tags: Sequence[str], route_class: type[StrictRoute] = StrictRoute) -> APIRouter:
    return APIRouter(prefix=prefix, tags=list(tags), route_class=route_class)
