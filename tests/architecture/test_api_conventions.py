"""docs/api-conventions.md lists every error code that the applications describe, with the status that they describe it under."""

import importlib
import re

import pytest
from fastapi.routing import APIRoute, iter_route_contexts

from infra.codegen.error_catalogue import FILE_NAME, error_catalogue, error_codes
from infra.codegen.operations import Operation, operations
from infra.contexts import CONTEXTS
from infra.dev_stack.dev_secrets import make
from infra.dev_stack.process_environment import environment
from tests.architecture.sources import production

VARIABLES = environment("postgresql://owner@127.0.0.1:1/care", "127.0.0.1:9", make())
FAMILIES = {"not-found", "not-allowed", "rule-broken", "conflict"}


@pytest.mark.parametrize("context", CONTEXTS)
def test_catalogue_agrees_with_openapi(context: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in VARIABLES.items():
        monkeypatch.setenv(name, value)
    paths = importlib.import_module(f"services.{context}.main").create_app().openapi()["paths"]
    catalogue = {each.code: each.status for each in error_codes()}

    described = {
        (code, int(status))
        for methods in paths.values()
        for operation in methods.values()
        for status, response in operation["responses"].items()
        if int(status) >= 400
        for code in response["description"].split(", ")
    }

    assert described
    assert sorted((code, status) for code, status in described if catalogue.get(code) != status) == []


def test_catalogue_has_every_code_of_an_exception_class() -> None:
    declared = {code for source in production() for code in re.findall(r'^    code = "([a-z0-9-]+)"$', source.text, re.MULTILINE)}

    assert declared - FAMILIES - {each.code for each in error_codes()} == set()


def test_each_code_has_a_meaning_and_advice() -> None:
    assert [each.code for each in error_codes() if not (each.meaning.strip(". ") and each.advice.endswith("."))] == []


def test_advice_says_who_has_another_scope() -> None:
    """A caller who may not send the command that the advice names learns which scope, or which organisation, it needs."""
    advice = {each.code: each.advice for each in error_codes()}
    opened_by = {each.name: set(each.scopes) for each in operations()}
    silent = [
        (each.name, code, command)
        for each in operations()
        for code in _refusals(each) & advice.keys()
        for command in re.findall(r"\((\w+)\)", advice[code])
        if command in opened_by and not set(each.scopes) <= opened_by[command] and not _says_who(advice[code], opened_by[command])
    ]

    assert any("(ReviseRecord)" in each for each in advice.values())
    assert silent == []


def _refusals(operation: Operation) -> set[str]:
    """The codes of rules that the route describes."""
    router = importlib.import_module(f"services.{operation.context}.api").router
    found = [each.original_route for each in iter_route_contexts(router.routes)]
    described = [each.responses for each in found if isinstance(each, APIRoute) and each.name == operation.name]
    return {code for responses in described for response in responses.values() for code in response.get("description", "").split(", ")}


def _says_who(advice: str, scopes: set[str]) -> bool:
    return "by the Community Point of Access" in advice or any(scope in advice for scope in scopes)


def test_each_code_has_its_own_meaning() -> None:
    """Every refusal has a docstring; without one it would inherit that of its base class."""
    meanings = [each.meaning for each in error_codes()]

    assert sorted({meaning for meaning in meanings if meanings.count(meaning) > 1}) == []


def test_variants_of_a_code_are_on_separate_lines() -> None:
    malformed = next(each for each in error_codes() if each.code == "malformed-request")

    assert malformed.meaning.split("<br>") == [
        "The request is malformed.",
        "The body is not valid JSON.",
        "The field … occurs more than once in an object of the body.",
    ]
    assert malformed.advice.split("<br>") == [
        "Consult the OpenAPI page of the service.",
        "Send a JSON document.",
        "Send each field of an object once.",
    ]


def test_operations_are_all_of_the_four_applications() -> None:
    found = operations()

    assert {each.context for each in found} == set(CONTEXTS)
    assert [each.address for each in found if not each.scopes] == []
    assert len({each.address for each in found}) == len(found) > 80


def test_lists_name_the_values_of_their_filters() -> None:
    [row] = [line for line in error_catalogue()[FILE_NAME].splitlines() if line.startswith("| `GET /referrals` |")]

    assert row.split(" | ")[1] == "`reference`<br>`whose`: `sent` (default), `registered`<br>`status`: `open` (default), `closed`"
