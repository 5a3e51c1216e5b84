"""A supplier can build from the OpenAPI documents alone: descriptions, examples, scopes, plain names, servers (D1)."""

import importlib
import re
from collections.abc import Iterator
from typing import Any

import httpx
import jsonschema_rs
import pytest

from infra.codegen.error_catalogue import error_codes
from infra.codegen.operations import operations as described_operations
from infra.contexts import CONTEXTS, prefix
from infra.dev_stack.dev_secrets import make
from infra.dev_stack.process_environment import environment
from shared.web.descriptions import SHARED
from shared.web.openapi_examples import HTTP_PROBLEMS

VARIABLES = environment("postgresql://owner@127.0.0.1:1/care", "127.0.0.1:9", make())
_TEXTS = "services/<context>/api/descriptions.py or shared/web/descriptions.py lacks"
#: Pages that a supplier does not have: of the source documents, of a working folder, of another host.
_OUTSIDE = re.compile(r"\b\d{3}:\d+|design\.md|domain\.md|findings\.md|https?://(?!127\.0\.0\.1|care\.example)")


@pytest.fixture(scope="module", params=CONTEXTS)
def context(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def app(context: str) -> Any:
    with pytest.MonkeyPatch.context() as variables:
        for name, value in VARIABLES.items():
            variables.setenv(name, value)
        return importlib.import_module(f"services.{context}.main").create_app()


@pytest.fixture(scope="module")
def document(app: Any) -> dict[str, Any]:
    found: dict[str, Any] = app.openapi()
    return found


def test_every_property_is_described(document: dict[str, Any]) -> None:
    properties = [(f"{name}.{each}", part) for name, schema in _schemas(document) for each, part in schema.get("properties", {}).items()]

    assert [name for name, part in properties if not _is_text(part.get("description"))] == [], _TEXTS
    assert len(properties) > 150


def test_every_component_is_described(document: dict[str, Any]) -> None:
    assert [name for name, schema in _schemas(document) if not _is_text(schema.get("description"))] == [], _TEXTS


def test_every_parameter_is_described(document: dict[str, Any]) -> None:
    parameters = [(each["operationId"], parameter) for each in _operations(document) for parameter in each.get("parameters", [])]

    assert [(name, each["name"]) for name, each in parameters if not _is_text(each.get("description"))] == [], _TEXTS


def test_every_operation_states_summary_description_and_scope(document: dict[str, Any]) -> None:
    scopes = {each.name: set(each.scopes) for each in described_operations() if each.path in document["paths"]}

    assert [each["operationId"] for each in _operations(document) if not _is_text(each["description"].partition("**Scope**")[0])] == []
    assert {
        each["operationId"]: {scope for way in each["security"] for scope in way["HTTPBearer"]} for each in _operations(document)
    } == scopes
    assert all(f"`{scope}`" in each["description"] for each in _operations(document) for scope in scopes[each["operationId"]])


def test_every_body_and_answer_has_valid_examples(document: dict[str, Any]) -> None:
    contents = [(each["operationId"], kind, content) for each in _operations(document) for kind, content in _contents(each)]

    assert [(name, kind) for name, kind, content in contents if not list(_examples(content))] == []
    assert [fault for name, kind, content in contents if "json" in kind for fault in _faults(name, content, document)] == []


def test_components_have_plain_names(document: dict[str, Any]) -> None:
    names = [name for name, _ in _schemas(document)]

    assert [name for name in names if not re.fullmatch(r"([A-Z][a-z]*)+", name)] == []
    assert set(_references(document)) <= set(names)


def test_document_states_servers_and_token(document: dict[str, Any]) -> None:
    token = document["components"]["securitySchemes"]["HTTPBearer"]["description"]

    assert document["servers"]
    assert [claim for claim in ("iss", "aud", "exp", "sub", "org", "role", "scope") if f"`{claim}`" not in token] == []
    assert [name for name in ("If-Match", "Idempotency-Key", "Retry-After", "cursor") if name not in document["info"]["description"]] == []


def test_document_names_no_page_outside_the_repository(document: dict[str, Any]) -> None:
    assert _OUTSIDE.findall(str({**document, "openapi": ""})) == []


def test_no_description_is_unused(context: str, document: dict[str, Any]) -> None:
    texts = importlib.import_module(f"services.{context}.api.descriptions").DESCRIPTION
    fields = {field for _, schema in _schemas(document) for field in schema.get("properties", {})}
    known = {*fields, *(name for name, _ in _schemas(document))}
    known |= {f"{name}.{field}" for name, schema in _schemas(document) for field in schema.get("properties", {})}
    for each in _operations(document):
        for parameter in each.get("parameters", []):
            name = parameter["name"].lower() if parameter["in"] == "header" else parameter["name"]
            known |= {name, f"{parameter['in']}.{name}", f"{each['operationId']}.{name}"}

    assert set(texts.texts) - known == set()
    assert set(texts.examples) <= {each["operationId"] for each in _operations(document)}
    assert [key for key, text in texts.texts.items() if SHARED.get(key) == text] == []


async def test_page_loads_nothing_from_another_host(context: str, app: Any) -> None:
    base = f"{prefix(context)}/docs"
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://care.test") as browser:
        page = (await browser.get(base)).text
        assets = [await browser.get(each) for each in re.findall(r'(?:src|href)="(/[^"]+)"', page)]
        absent = await browser.get(f"{base}/other.js")

    assert not re.search(r"(src|href)=\"(https?:)?//", page)
    assert [(each.status_code, len(each.content) > 100_000) for each in assets] == [(200, True)] * 2
    assert absent.status_code == 404


@pytest.mark.parametrize("code", HTTP_PROBLEMS)
def test_example_of_a_refusal_is_one_that_is_sent(code: str) -> None:
    sent = next(each for each in error_codes() if each.code == code)
    detail, advice = HTTP_PROBLEMS[code]

    assert any(re.fullmatch(re.escape(each).replace("…", ".+"), detail) for each in sent.meaning.split("<br>"))
    assert advice in sent.advice.split("<br>")


def _schemas(document: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return list(document["components"]["schemas"].items())


def _operations(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [each for methods in document["paths"].values() for each in methods.values()]


def _contents(operation: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    yield from operation.get("requestBody", {}).get("content", {}).items()
    for response in operation["responses"].values():
        yield from response.get("content", {}).items()


def _examples(content: dict[str, Any]) -> Iterator[Any]:
    yield from [content["example"]] if "example" in content else []
    yield from (each["value"] for each in content.get("examples", {}).values())


def _faults(name: str, content: dict[str, Any], document: dict[str, Any]) -> list[str]:
    schema = {**content["schema"], "components": document["components"]}
    validator = jsonschema_rs.validator_for(schema, validate_formats=True)
    return [
        f"{name}: {fault.message} at {fault.instance_path}" for example in _examples(content) for fault in validator.iter_errors(example)
    ]


def _references(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        yield from [part["$ref"].rpartition("/")[2]] if isinstance(part.get("$ref"), str) else []
    for each in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
        yield from _references(each)


def _is_text(text: str | None) -> bool:
    """A sentence or a phrase, not the repetition of a name."""
    return bool(text and text.strip() and " " in text.strip())
