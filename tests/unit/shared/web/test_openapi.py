"""The OpenAPI of each application lists every refusal, also those that its routes do not list."""

import importlib
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from infra.codegen.operations import operations as described_operations
from infra.contexts import CONTEXTS
from infra.dev_stack.dev_secrets import make
from infra.dev_stack.process_environment import environment

Operation = dict[str, Any]
#: In every place of a path: a UUID, a whole number and a code have different forms, and only UUIDs are checked by the path.
_ID = "0193a1f0-0000-7000-8000-000000000001"
VARIABLES = environment("postgresql://owner@127.0.0.1:1/care", "127.0.0.1:9", make())


@pytest.fixture(scope="module", params=CONTEXTS)
def app(request: pytest.FixtureRequest) -> Any:
    with pytest.MonkeyPatch.context() as variables:
        for name, value in VARIABLES.items():
            variables.setenv(name, value)
        return importlib.import_module(f"services.{request.param}.main").create_app()


@pytest.fixture(scope="module")
def document(app: Any) -> dict[str, Any]:
    found: dict[str, Any] = app.openapi()
    return found


def operations(document: dict[str, Any]) -> Iterator[tuple[str, Operation]]:
    found = [(f"{method} {path}", each) for path, methods in document["paths"].items() for method, each in methods.items()]
    assert len(found) > 10
    yield from found


def codes(operation: Operation, status: int) -> list[str]:
    listed: str = operation["responses"].get(str(status), {"description": ""})["description"]
    return listed.split(", ")


def lacking(document: dict[str, Any], header: str | None, *wanted: tuple[int, str]) -> list[str]:
    """The operations with this header, or all, that lack one of the wanted refusals."""
    return [
        name
        for name, each in operations(document)
        if header is None or header in _headers(each)
        for status, code in wanted
        if code not in codes(each, status)
    ]


def test_every_operation_lists_the_common_refusals(document: dict[str, Any]) -> None:
    token = [(401, "token-missing"), (401, "token-invalid"), (401, "token-expired"), (403, "scope-missing")]

    assert lacking(document, None, *token, (422, "validation-failed"), (500, "internal-error"), (503, "temporarily-unavailable")) == []


def test_operation_with_if_match_lists_its_refusals(document: dict[str, Any]) -> None:
    assert lacking(document, "if-match", (400, "if-match-malformed"), (412, "version-conflict")) == []
    unlisted = lacking(document, "if-match", (428, "if-match-missing"))
    assert [name for name in unlisted if not name.startswith("put ")] == []  # a PUT may create its target


def test_if_match_is_required(document: dict[str, Any]) -> None:
    """Its absence is refused; a PUT may create its target."""
    described = [
        (name, parameter)
        for name, each in operations(document)
        for parameter in each.get("parameters", [])
        if parameter["name"].lower() == "if-match" and not name.startswith("put ")
    ]

    assert [name for name, parameter in described if not parameter["required"] or parameter["schema"] != {"type": "string"}] == []
    assert described


def test_operation_has_the_name_of_its_route(document: dict[str, Any]) -> None:
    named = {name: each["operationId"] for name, each in operations(document)}

    assert len(set(named.values())) == len(named)
    assert set(named.values()) == {each.name for each in described_operations() if f"{each.method.lower()} {each.path}" in named}


def test_summary_consists_of_words(document: dict[str, Any]) -> None:
    assert [each["summary"] for _, each in operations(document) if not re.fullmatch(r"[A-Z][a-z]*( [a-z]+)*", each["summary"])] == []


def test_operation_with_an_id_in_its_path_lists_404(document: dict[str, Any]) -> None:
    unlisted = [name for name, each in operations(document) if "{" in name and "not-found" not in codes(each, 404)]

    assert unlisted == []


def test_operation_with_cursor_lists_its_refusal(document: dict[str, Any]) -> None:
    lists = [each for _, each in operations(document) if any(parameter["name"] == "cursor" for parameter in each.get("parameters", []))]

    assert lists
    assert [each["operationId"] for each in lists if "cursor-malformed" not in codes(each, 400)] == []


def test_operation_with_body_lists_refusal_of_other_media_types(document: dict[str, Any]) -> None:
    bodies = {
        each["operationId"]: set(codes(each, 415)) & {"json-expected", "csv-expected"}
        for _, each in operations(document)
        if "requestBody" in each
    }

    assert [name for name, found in bodies.items() if not found] == []


async def test_allow_lists_every_method_of_a_path(app: Any, document: dict[str, Any]) -> None:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://care.test") as http:
        answers = {path: await http.request("PATCH", re.sub(r"\{[a-z_]+\}", _ID, path)) for path in document["paths"]}

    assert {path: answer.status_code for path, answer in answers.items() if answer.status_code != 405} == {}
    assert {path: set(answer.headers["allow"].split(", ")) for path, answer in answers.items()} == {
        path: _allowed(methods) for path, methods in document["paths"].items()
    }


def test_creating_operation_lists_idempotency_refusals(document: dict[str, Any]) -> None:
    wanted = [(400, "idempotency-key-missing"), (422, "idempotency-key-reused")]

    assert lacking(document, "idempotency-key", *wanted) == []


def test_operation_with_body_lists_its_refusals(document: dict[str, Any]) -> None:
    bodies = [each for _, each in operations(document) if "requestBody" in each]

    assert bodies
    assert all("body-too-large" in codes(each, 413) for each in bodies)
    assert all("malformed-request" in codes(each, 400) for each in bodies if "application/json" in each["requestBody"]["content"])


def test_every_refusal_is_a_problem_listed_once(document: dict[str, Any]) -> None:
    refusals = [
        (status, each) for _, operation in operations(document) for status, each in operation["responses"].items() if status >= "400"
    ]

    assert {(*each["content"], str(each["content"]["application/problem+json"]["schema"])) for _, each in refusals} == {
        ("application/problem+json", "{'$ref': '#/components/schemas/Problem'}")
    }
    assert [
        each for _, each in refusals if list(each["content"]["application/problem+json"]["examples"]) != each["description"].split(", ")
    ] == []
    assert [
        each["description"] for _, each in refusals if len(set(each["description"].split(", "))) < len(each["description"].split(", "))
    ] == []
    assert "Problem" in document["components"]["schemas"]
    assert "HTTPValidationError" not in str(document)


def _headers(operation: Operation) -> set[str]:
    return {each["name"].lower() for each in operation.get("parameters", []) if each["in"] == "header"}


def _allowed(methods: dict[str, Operation]) -> set[str]:
    """HEAD is answered as GET, except for a stream."""
    is_stream = any("text/event-stream" in str(each["responses"]) for each in methods.values())
    return {method.upper() for method in methods} | ({"HEAD"} if "get" in methods and not is_stream else set())
