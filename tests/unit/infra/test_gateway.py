"""The gateway refuses a path outside the four prefixes with a problem document."""

import pytest
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient

from infra.dev_stack.gateway import Gateway


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nonsense", 404, "not-found"),
        ("GET", "/referral", 404, "not-found"),
        ("POST", "/", 405, "method-not-allowed"),
    ],
)
async def test_path_without_an_application_is_refused_with_a_problem(method: str, path: str, status: int, code: str) -> None:
    async with AsyncClient(transport=ASGITransport(Gateway({"/referrals": FastAPI()})), base_url="http://care.test") as http:
        response = await http.request(method, path)

    assert (response.status_code, response.json()["code"]) == (status, code)
    assert response.headers["content-type"] == "application/problem+json"
