"""Requests with one hostile value each, for every field of an operation, and the judgement of their responses."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote, urlencode

import httpx

from tests.builders.hostile_values import BLANKS, Hostile, values_of
from tests.builders.operations import Operation, pointer, with_value

JSON = {"Content-Type": "application/json"}
#: A name that no error may repeat.
_NUMBER = "9990548609"
_PROBLEM = "application/problem+json"
_SERVER_ERROR, _INVALID = 500, 422
_LONGEST_IN_URL = 10_000
#: Half of a surrogate pair becomes three octets that are no UTF-8.
_SURROGATES = "surrogatepass"
#: Pointers into an item of a batch begin at the item, which is answered alone.
_ITEM = "body.referrals.0"
#: A refusal of a whole parameter, which names it by its code: a cursor, or a path that no route has.
_ELSEWHERE = {400: {"cursor-malformed"}, 404: {"not-found"}}


@dataclass(frozen=True)
class HostileRequest:
    """`pointer` is the path of the field in a refusal. `ids` are the values of path parameters that differ from the test's own."""

    operation: Operation
    pointer: str
    value: Hostile
    query: Mapping[str, Any]
    body: Any
    ids: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.operation.name} {self.pointer} = {self.value}"

    async def send(self, http: httpx.AsyncClient, ids: Mapping[str, str], headers: Mapping[str, str] | None = None) -> httpx.Response:
        """`ids` are the values of the other path parameters."""
        path = self.operation.path
        for name, value in {**ids, **self.ids}.items():
            path = path.replace(f"{{{name}}}", quote(value, safe="", errors=_SURROGATES))
        query = urlencode(self.query, errors=_SURROGATES)
        content = None if self.body is None else json.dumps(self.body).encode()
        return await http.request(
            self.operation.method, f"{path}?{query}", content=content, headers={**(headers or {}), **(JSON if content else {})}
        )

    def fault(self, response: httpx.Response) -> str | None:
        """The first promise that the response breaks; None when it keeps all."""
        status, problem = answer_of(response)
        if status >= _SERVER_ERROR:
            return f"{self}: {status}"
        if status < httpx.codes.BAD_REQUEST:
            return f"{self}: accepted" if self.value.is_refused else None
        if "code" not in problem:
            return f"{self}: {status} without a problem"
        if status == _INVALID and not problem["errors"]:
            return f"{self}: {problem['code']} without a pointer"
        is_alone = response.is_success or not self.pointer.startswith(_ITEM)
        is_named = not self.value.is_refused or problem["code"] in _ELSEWHERE.get(status, ()) or self._is_named(problem["errors"])
        return None if is_alone and is_named else f"{self}: {response.status_code} {problem['code']} {problem['errors']}"

    def _is_named(self, errors: list[dict[str, str]]) -> bool:
        """Whether a pointer is the field's, or that of a part of it."""
        own = f"{self.pointer}.".replace(f"{_ITEM}.", "body.")
        return any(f"{error['field']}.".startswith(own) for error in errors)


def answer_of(response: httpx.Response) -> tuple[int, Mapping[str, Any]]:
    """The status and the problem, if any; those of the first item for a batch, which answers each item."""
    is_problem = response.headers["content-type"] == _PROBLEM
    answered = response.json() if response.headers["content-type"] == "application/json" else None
    if isinstance(answered, dict) and answered.get("items") and isinstance(answered["items"][0].get("status"), int):
        first = answered["items"][0]
        return first["status"], first.get("problem", {})
    return response.status_code, response.json() if is_problem else {}


def hostile_requests(operation: Operation) -> Iterator[HostileRequest]:
    """Every value for every path parameter, query parameter and field of the body, and an unknown name beside each."""
    yield from _in_path(operation)
    yield from _in_query(operation)
    yield from _in_body(operation)
    yield from _unknown_names(operation, operation.query(), operation.example())


def _in_path(operation: Operation) -> Iterator[HostileRequest]:
    query, body = operation.query(), operation.example()
    for name, schema in operation.path_parameters():
        for value in values_of(schema):
            if isinstance(value.value, str) and value.value and _is_of_url(value):
                yield HostileRequest(operation, f"path.{name}", _in_url(value), query, body, {name: value.value})


def _in_query(operation: Operation) -> Iterator[HostileRequest]:
    query, body = operation.query(), operation.example()
    for name, schema in operation.query_parameters():
        for value in values_of(schema):
            if _kind(schema) == "boolean" and value.value == "true":
                continue
            if _is_of_url(value) and (isinstance(value.value, str) or (isinstance(value.value, int) and _kind(schema) == "integer")):
                yield HostileRequest(operation, f"query.{name}", _in_url(value), {**query, name: value.value}, body)


def _in_body(operation: Operation) -> Iterator[HostileRequest]:
    query, body = operation.query(), operation.example()
    for path, schema in operation.fields():
        for value in values_of(schema):
            is_absent = isinstance(path[-1], int) and isinstance(value.value, str) and value.value in BLANKS  # a blank text of a list
            refused = replace(value, is_refused=value.is_refused and not is_absent)
            yield HostileRequest(operation, pointer(path), refused, query, with_value(body, path, value.value))


def _unknown_names(operation: Operation, query: Mapping[str, Any], body: Any) -> Iterator[HostileRequest]:
    yield HostileRequest(operation, "query.?", Hostile("open"), {**query, _NUMBER: "open"}, body)
    if operation.body is not None:
        objects = [(), *(path for path, schema in operation.fields() if _is_object(schema))]
        for path in objects:
            hidden = pointer((*path, "?"))
            yield HostileRequest(operation, hidden, Hostile("text"), query, with_value(body, (*path, _NUMBER), "text"))


def _is_of_url(value: Hostile) -> bool:
    return len(str(value.value)) < _LONGEST_IN_URL


def _in_url(value: Hostile) -> Hostile:
    """A server reads octets that are no UTF-8 as replacement characters, which a text may contain."""
    is_encodable = not isinstance(value.value, str) or value.value.encode(errors="replace").decode() == value.value
    return replace(value, is_refused=value.is_refused and is_encodable)


def _kind(schema: Mapping[str, Any]) -> str:
    return next((str(each["type"]) for each in schema.get("anyOf", [schema]) if each.get("type", "null") != "null"), "")


def _is_object(schema: Mapping[str, Any]) -> bool:
    return any("properties" in each for each in schema.get("anyOf", [schema]))
