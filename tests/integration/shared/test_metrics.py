"""Health and metrics of the API, and one trace from a request to its last effect."""

import asyncio
from datetime import timedelta

import httpx
import pytest
from fastapi import APIRouter, FastAPI

from shared.contracts.codes import Condition
from shared.contracts.envelope import read_envelope
from shared.web.middleware import TimeoutMiddleware
from tests.integration.shared.delivery_harness import NOW, DeliveryHarness
from tests.integration.shared.parcel_context import ACCEPTANCE_LIMIT

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


async def test_process_is_alive_and_ready(harness: DeliveryHarness) -> None:
    assert (await harness.sender.http.get("/parcels/livez")).status_code == 200
    assert (await harness.sender.http.get("/parcels/readyz")).status_code == 200


async def test_process_without_database_is_alive_and_not_ready(harness: DeliveryHarness) -> None:
    await harness.sender.api_database.pool.close()

    ready = await harness.sender.http.get("/parcels/readyz")

    assert (ready.status_code, ready.json()["code"]) == (503, "not-ready")
    assert (await harness.sender.http.get("/parcels/livez")).status_code == 200


async def test_request_without_database_is_temporarily_unavailable(harness: DeliveryHarness) -> None:
    await harness.sender.api_database.pool.close()

    response = await harness.post()

    assert (response.status_code, response.json()["code"], response.headers["retry-after"]) == (503, "temporarily-unavailable", "1")


async def test_metrics_show_outbox_and_overdue_deadlines(harness: DeliveryHarness) -> None:
    for _ in range(3):
        await harness.send()
    harness.sender.clock.at = NOW + ACCEPTANCE_LIMIT + timedelta(minutes=5)

    found = await harness.gauges()

    assert (found["care_outbox_events"], found["care_parked_records"]) == (3, 0)
    assert found["care_deadline_overdue_seconds"] == 300
    assert 0 <= found["care_outbox_age_seconds"] < 60
    assert found["care_event_log_partitions_ahead"] == 2


async def test_applied_and_refused_events_are_counted(harness: DeliveryHarness) -> None:
    harness.behaviour.refused.add(Condition.FALL)
    await harness.send(condition=Condition.FALL)
    await harness.send()
    await harness.receiver.processor.apply(await harness.records())

    text = (await harness.sender.http.get("/parcels/metrics")).text
    assert 'care_events_refused_total{code="parcel-unwanted",context="navigation"}' in text
    assert 'care_events_applied_total{context="navigation",type="rapid-care.response.requested.v1"}' in text


async def test_trace_continues_from_request_to_kafka(harness: DeliveryHarness) -> None:
    response = await harness.post(traceparent=f"00-{TRACE}-00f067aa0ba902b7-01")

    assert response.headers["traceparent"].split("-")[1] == TRACE
    (record,) = await harness.records()
    assert (read_envelope(record).traceparent or "").split("-")[1] == TRACE
    assert TRACE in await harness.owner.fetchval("SELECT trace_id FROM rapid_care.audit")


@pytest.mark.parametrize("sent", ["", "nonsense", f"00-{TRACE}-0000000000000000-01"])
async def test_request_without_valid_trace_starts_one(harness: DeliveryHarness, sent: str) -> None:
    response = await harness.post(traceparent=sent)

    trace = response.headers["traceparent"].split("-")[1]
    assert len(trace) == 32
    assert trace != TRACE


async def test_slow_request_times_out_and_stream_does_not() -> None:
    router, timed_out = APIRouter(), asyncio.Event()

    @router.get("/slow")
    @router.get("/stream")
    async def slow() -> str:
        await timed_out.wait()
        return "at last"

    app = FastAPI()
    app.include_router(router)
    app.add_middleware(TimeoutMiddleware, unlimited=["/stream"], within=0.1)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://care.test") as http:
        streaming = asyncio.create_task(http.get("/stream"))
        late = await http.get("/slow")
        timed_out.set()
        stream = await streaming

    assert (late.status_code, late.json()["code"]) == (503, "temporarily-unavailable")
    assert stream.json() == "at last"
