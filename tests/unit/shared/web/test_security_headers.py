"""A browser may do nothing with a response but show it."""

import re
from base64 import b64encode
from hashlib import sha256

import httpx
import pytest
from fastapi import FastAPI
from starlette.responses import JSONResponse

from shared.web import docs_page, problems
from shared.web.middleware import ObservabilityMiddleware

_STRICT = "default-src 'none'; frame-ancestors 'none'"


def _client(*, hsts: bool = False) -> httpx.AsyncClient:
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.add_api_route("/parcels/one", lambda: JSONResponse({"id": 1}))
    app.add_api_route("/parcels/faulty", lambda: 1 / 0)
    app.include_router(docs_page.router("/parcels", "Parcels"))
    problems.install(app)
    app.add_middleware(ObservabilityMiddleware, context="parcels", hsts=hsts)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://care.test/parcels")


@pytest.mark.parametrize("path", ["/one", "/absent", "/faulty", "/docs/swagger-ui.css"])
async def test_every_response_has_the_headers_once(path: str) -> None:
    async with _client() as http:
        response = await http.get(path)

    assert response.headers.get_list("x-content-type-options") == ["nosniff"]
    assert response.headers.get_list("referrer-policy") == ["no-referrer"]
    assert response.headers.get_list("content-security-policy") == [_STRICT]
    assert "strict-transport-security" not in response.headers


async def test_setting_demands_tls_of_browsers() -> None:
    async with _client(hsts=True) as http:
        assert (await http.get("/one")).headers["strict-transport-security"] == "max-age=31536000; includeSubDomains"


async def test_documentation_page_loads_from_its_own_host_alone() -> None:
    async with _client() as http:
        page = await http.get("/docs")
    [policy] = page.headers.get_list("content-security-policy")
    [script] = re.findall(r"<script>(.*?)</script>", page.text, re.DOTALL)

    assert f"script-src 'self' 'sha256-{b64encode(sha256(script.encode()).digest()).decode()}';" in policy
    assert policy.startswith("default-src 'none';")
    assert "frame-ancestors 'none'" in policy
    assert "http" not in policy
    assert [each for each in re.findall(r"(?:src|href)=\"([^\"]+)\"", page.text) if not each.startswith(("/parcels/", "data:"))] == []
