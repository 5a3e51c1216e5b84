"""The page `/docs` of an application with its script and style, which this host serves: hospital networks have no internet."""

import re
from functools import lru_cache
from http import HTTPStatus
from importlib.resources import files

from fastapi import APIRouter, HTTPException, Response
from fastapi.openapi.docs import get_swagger_ui_html

from shared.web.security_headers import page_policy

#: The script and the style of Swagger UI, in a package that is installed for these files alone.
_ASSETS = {"swagger-ui-bundle.js": "text/javascript", "swagger-ui.css": "text/css"}
_A_DAY = {"Cache-Control": "public, max-age=86400"}
_INLINE_SCRIPT = re.compile(r"<script>(.*?)</script>", re.DOTALL)
#: A page without an icon: the browser asks for none.
_NO_ICON = "data:,"


def router(prefix: str, title: str) -> APIRouter:
    """The page and its assets, all below `prefix`."""
    pages = APIRouter(prefix=prefix, include_in_schema=False)

    @pages.get("/docs")
    async def show() -> Response:
        page = get_swagger_ui_html(
            openapi_url=f"{prefix}/openapi.json",
            title=title,
            swagger_js_url=f"{prefix}/docs/swagger-ui-bundle.js",
            swagger_css_url=f"{prefix}/docs/swagger-ui.css",
            swagger_favicon_url=_NO_ICON,
        )
        [script] = _INLINE_SCRIPT.findall(bytes(page.body).decode())
        page.headers["content-security-policy"] = page_policy(script)
        return page

    @pages.get("/docs/{name}")
    async def show_asset(name: str) -> Response:
        if name not in _ASSETS:
            raise HTTPException(HTTPStatus.NOT_FOUND)
        return Response(_content(name), headers=_A_DAY, media_type=_ASSETS[name])

    return pages


@lru_cache
def _content(name: str) -> bytes:
    return (files("fastapi_offline") / "static" / name).read_bytes()
