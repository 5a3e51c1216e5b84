"""How it is doing can be asked, and one trace leads from the request to the last effect."""

import asyncio
from datetime import timedelta

import httpx
import pytest
from fastapi import APIRouter, FastAPI

from shared.contracts.codes import Condition
from shared.contracts.envelope import read_envelope
from shared.web.middleware import TimeoutMiddleware
from tests.integration.shared.delivery_harness import NOW, DeliveryHarness
from tests.integration.shared.parcel_context import PATIENCE

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


async def gauges(post: DeliveryHarness) -> dict[str, float]:
    text = (await post.sender.http.get("/parcels/metrics")).text
    lines = [line.rpartition(" ") for line in text.splitlines() if 'context="rapid_care"' in line]
    return {line[0].partition("{")[0]: float(line[2]) for line in lines}


async def test_a_process_says_that_it_is_alive_and_ready(post: DeliveryHarness) -> None:
    assert (await post.sender.http.get("/parcels/livez")).status_code == 200
    assert (await post.sender.http.get("/parcels/readyz")).status_code == 200


async def test_readiness_goes_red_without_the_database_and_the_process_stays_alive(post: DeliveryHarness) -> None:
    await post.sender.database.pool.close()

    ready = await post.sender.http.get("/parcels/readyz")

    assert (ready.status_code, ready.json()["code"]) == (503, "not-ready")
    assert (await post.sender.http.get("/parcels/livez")).status_code == 200


async def test_a_request_without_the_database_is_refused_for_now(post: DeliveryHarness) -> None:
    await post.sender.database.pool.close()

    answer = await post.post()

    assert (answer.status_code, answer.json()["code"], answer.headers["retry-after"]) == (503, "temporarily-unavailable", "1")


async def test_metrics_tell_what_waits_and_how_late_it_is(post: DeliveryHarness) -> None:
    for _ in range(3):
        await post.send()
    post.sender.clock.at = NOW + PATIENCE + timedelta(minutes=5)

    found = await gauges(post)

    assert (found["care_outbox_events"], found["care_parked_records"]) == (3, 0)
    assert found["care_deadline_overdue_seconds"] == 300
    assert 0 <= found["care_outbox_age_seconds"] < 60
    assert found["care_event_log_partitions_ahead"] == 2


async def test_what_is_applied_refused_and_parked_is_counted(post: DeliveryHarness) -> None:
    post.behaviour.refused.add(Condition.FALL)
    await post.send(condition=Condition.FALL)
    await post.send()
    await post.receiver.intake.apply(await post.records())

    text = (await post.sender.http.get("/parcels/metrics")).text
    assert 'care_events_rejected_total{code="parcel-unwanted",context="navigation"}' in text
    assert 'care_events_applied_total{context="navigation",type="rapid-care.response.requested.v1"}' in text


async def test_one_trace_leads_from_the_request_through_the_log_to_kafka(post: DeliveryHarness) -> None:
    answer = await post.post(traceparent=f"00-{TRACE}-00f067aa0ba902b7-01")

    assert answer.headers["traceparent"].split("-")[1] == TRACE
    (record,) = await post.records()
    assert (read_envelope(record).traceparent or "").split("-")[1] == TRACE
    assert TRACE in await post.owner.fetchval("SELECT trace_id FROM rapid_care.audit")


@pytest.mark.parametrize("sent", ["", "nonsense", f"00-{TRACE}-0000000000000000-01"])
async def test_a_request_without_a_usable_trace_begins_one(post: DeliveryHarness, sent: str) -> None:
    answer = await post.post(traceparent=sent)

    trace = answer.headers["traceparent"].split("-")[1]
    assert len(trace) == 32
    assert trace != TRACE


async def test_a_request_that_takes_too_long_is_answered_and_a_stream_takes_what_it_needs() -> None:
    router = APIRouter()

    @router.get("/slow")
    @router.get("/stream")
    async def slow() -> str:
        await asyncio.sleep(0.3)
        return "at last"

    app = FastAPI()
    app.include_router(router)
    app.add_middleware(TimeoutMiddleware, unlimited=["/stream"], within=0.1)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://care.test") as http:
        late, stream = await asyncio.gather(http.get("/slow"), http.get("/stream"))

    assert (late.status_code, late.json()["code"]) == (503, "temporarily-unavailable")
    assert stream.json() == "at last"
