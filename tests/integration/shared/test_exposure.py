"""What an API shows to callers, caches and scrapers beside the answer itself."""

from typing import Any

import httpx
import pytest

from shared.kernel.ids import new_id
from tests.builders.context_app import RunningContext
from tests.integration.shared.delivery_harness import DeliveryHarness

NUMBER, NAME = "9990548609", "Colin_Dale"


def app_of(context: RunningContext) -> Any:
    transport: Any = context.http._transport
    return transport.app


async def test_no_answer_is_stored_by_a_cache(harness: DeliveryHarness) -> None:
    sent = await harness.post()
    read = await harness.sender.http.get(f"/parcels/{sent.json()['id']}", headers=harness.sender.token("parcels:send"))
    refused = await harness.sender.http.get(f"/parcels/{new_id()}")

    assert [each.headers.get_list("cache-control") for each in (sent, read, refused)] == [["no-store"]] * 3


@pytest.mark.parametrize("name", [NUMBER, NAME, f"person_{NUMBER}"])
async def test_error_repeats_no_name_of_the_caller(harness: DeliveryHarness, name: str) -> None:
    body: dict[str, Any] = {"person_id": str(new_id()), "condition": "copd"}
    unknown = await harness.post(body | {name: "x"})
    repeated = await harness.sender.http.post(
        "/parcels",
        content=f'{{"{name}": 1, "{name}": 2}}',
        headers=harness.sender.token("parcels:send") | {"Idempotency-Key": "1", "Content-Type": "application/json"},
    )
    queried = await harness.sender.http.get(f"/parcels/{new_id()}?{name}=1", headers=harness.sender.token("parcels:send"))

    assert [each.status_code for each in (unknown, repeated, queried)] == [422, 400, 422]
    assert not [each.text for each in (unknown, repeated, queried) if name in each.text]


async def test_number_in_a_trace_reaches_neither_answer_nor_audit(harness: DeliveryHarness) -> None:
    trace = f"00-{NUMBER:0>32}-00f067aa0ba902b7-01"

    sent = await harness.post(None, traceparent=trace)

    assert sent.status_code == 201
    assert NUMBER not in sent.headers["traceparent"]
    assert NUMBER not in str(await harness.owner.fetch("SELECT * FROM rapid_care.audit"))
    assert NUMBER not in str(await harness.owner.fetch("SELECT traceparent FROM rapid_care.event"))


async def test_number_in_a_trace_reaches_no_log(harness: DeliveryHarness, capsys: pytest.CaptureFixture[str]) -> None:
    """The line of a failed request has its trace."""
    async with harness.raising("rapid_care.parcel", "P0001", times=1):
        failed = await harness.post(None, traceparent=f"00-{NUMBER:0>32}-00f067aa0ba902b7-01")
    logged = capsys.readouterr().out

    assert failed.status_code == 500
    assert failed.headers["traceparent"].split("-")[1] in logged
    assert NUMBER not in logged


async def test_metrics_are_for_the_scraper_alone(harness: DeliveryHarness) -> None:
    app = app_of(harness.sender)

    async def answer(host: str, **headers: str) -> str:
        """The code of the refusal, or the first word of the metrics."""
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app, client=(host, 1)), base_url="http://care.test") as http:
            response = await http.get("/parcels/metrics", headers=headers)
            return str(response.json()["code"]) if response.status_code == 401 else response.text[:6]

    without = [await answer("127.0.0.1"), await answer("10.0.0.7"), await answer("a name")]
    app.state.metrics_token = "of the scraper"
    tokens = [
        await answer(host, Authorization=sent) for host in ("127.0.0.1", "10.0.0.7") for sent in ("Bearer of the scraper", "Bearer x")
    ]
    app.state.metrics_token = None

    assert without == ["# HELP", "metrics-token-missing", "metrics-token-missing"]
    assert tokens == ["# HELP", "metrics-token-missing"] * 2
