"""One malformed item of a batch is answered by itself; the others are read."""

import json
from typing import Annotated, Any

import pytest
from fastapi import APIRouter, FastAPI, Response
from httpx import ASGITransport, AsyncClient
from pydantic import Field

from shared.contracts.input_types import Day, Line
from shared.web import problems
from shared.web.batch_items import BatchItem, InvalidItem
from shared.web.fast_route import FastRoute
from shared.web.problems import invalid_request
from shared.web.requests import RequestModel

KINDS = pytest.mark.parametrize("kind", [FastRoute, FastRoute.__base__], ids=["fast", "framework"])


class Parcel(RequestModel):
    note: Line
    sent_on: Day | None = None


class Parcels(RequestModel):
    parcels: Annotated[tuple[BatchItem[Parcel], ...], Field(min_length=1, max_length=4)]


async def _send(body: Parcels) -> Response:
    answers = [invalid_request(each.errors, Parcel) if isinstance(each, InvalidItem) else Response(each.note) for each in body.parcels]
    return Response(json.dumps([[answer.status_code, bytes(answer.body).decode()] for answer in answers]))


def _client(kind: Any) -> AsyncClient:
    router, app = APIRouter(route_class=kind), FastAPI()
    router.post("/parcels")(_send)
    app.include_router(router)
    problems.install(app)
    return AsyncClient(transport=ASGITransport(app), base_url="http://parcels")


@KINDS
async def test_malformed_item_does_not_refuse_the_others(kind: Any) -> None:
    parcels = [{"note": "book"}, {"note": " ", "sent_on": 0}, 7, {"note": "pen", "nots": "x"}]

    async with _client(kind) as http:
        response = await http.post("/parcels", json={"parcels": parcels})

    answers = response.json()
    found = [[(error["field"], error["problem"]) for error in json.loads(body)["errors"]] for status, body in answers[1:]]
    assert (response.status_code, answers[0], [status for status, _ in answers]) == (200, [200, "book"], [200, 422, 422, 422])
    assert found == [
        [
            ("body.note", "The string is too short; the minimum length is 1."),
            ("body.sent_on", "The value must be a date such as 2015-03-16."),
        ],
        [("body", "The value must be a JSON object.")],
        [("body.nots", "The field is unknown. The nearest is note. Permitted: note, sent_on.")],
    ]


async def test_unusual_json_of_item_does_not_refuse_others() -> None:
    items = [r'{"note": "book"}', r'{"note": "a\ud83d"}', r'{"note": "a", "note": "b"}', r'{"note": "\ud83d\ude00"}']

    async with _client(FastRoute) as http:
        response = await http.post("/parcels", content=f'{{"parcels": [{",".join(items)}]}}', headers={"content-type": "application/json"})

    answers = response.json()
    assert [status for status, _ in answers] == [200, 422, 400, 200]
    assert [error["field"] for error in json.loads(answers[1][1])["errors"]] == ["body.note"]
    assert json.loads(answers[2][1])["detail"] == "The field note occurs more than once in an object of the body."
    assert (answers[0][1], answers[3][1]) == ("book", "\U0001f600")


@KINDS
@pytest.mark.parametrize("body", [{"parcels": []}, {"parcels": [{"note": "book"}] * 5}, {"parcels": {}}, {"parcel": []}, []])
async def test_batch_of_wrong_form_is_refused_whole(kind: Any, body: object) -> None:
    async with _client(kind) as http:
        response = await http.post("/parcels", json=body)

    assert (response.status_code, response.json()["code"]) == (422, "validation-failed")


def test_description_has_the_valid_form_alone() -> None:
    schema = Parcels.model_json_schema()

    assert schema["properties"]["parcels"]["items"] == {"$ref": "#/$defs/Parcel"}
