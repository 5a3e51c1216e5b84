"""Operations of an OpenAPI document, each with a valid request, whose fields a test replaces one at a time."""

import copy
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tests.builders.hostile_values import Schema

METHODS = ("get", "post", "put", "patch", "delete")
Path = tuple[str | int, ...]
#: Valid values of fields whose schema does not state every rule, by name.
_VALID: dict[str, Any] = {
    "nhs_number": "9876543210",
    "born_on": "1933-03-02",
    "month": "2015-03",
    "contacted_at": "2015-03-16T09:00:00Z",
    "reference": "CPA-0000-0000",
    "urgency": "routine",  # an urgent referral is accepted with invalid fields
    "has_red_flag": False,  # else the triage is urgent
    "is_available": False,  # only an absence has an end
}
#: By format or type.
_EXAMPLES: dict[str | None, Any] = {
    "date": "2015-03-16",
    "date-time": "2015-03-16T09:00:00Z",
    "uuid": "0193a1f0-0000-7000-8000-000000000001",
    "integer": 1,
    "number": 1.5,
    "boolean": True,
}
_CODES = ("W07", "clch-navigator-1", "district-nursing", "2015-03", "a")


@dataclass(frozen=True)
class Operation:
    """`body` is the schema of a JSON body, without references; None for another or no body."""

    name: str
    method: str
    path: str
    parameters: tuple[Mapping[str, Any], ...]
    body: Schema | None

    def query(self) -> dict[str, Any]:
        """The required query parameters."""
        return {each["name"]: example(each["schema"], each["name"]) for each in self._of("query") if each.get("required")}

    def query_parameters(self) -> Iterator[tuple[str, Schema]]:
        yield from ((each["name"], each["schema"]) for each in self._of("query"))

    def path_parameters(self) -> Iterator[tuple[str, Schema]]:
        yield from ((each["name"], each["schema"]) for each in self._of("path"))

    def names_in_path(self) -> Iterator[str]:
        yield from (name for name, _ in self.path_parameters())

    def needs(self, header: str) -> bool:
        return any(each["name"].lower() == header for each in self._of("header"))

    def example(self) -> Any:
        """A body with every field."""
        return None if self.body is None else example(self.body, "")

    def fields(self) -> Iterator[tuple[Path, Schema]]:
        """Every field of the body with its schema, those inside objects and lists too."""
        if self.body is not None:
            yield from _fields(self.body, ())

    def pointers(self) -> Iterator[str]:
        """Every parameter of the path and the query and every field of the body, as a refusal names it."""
        yield from (f"{each['in']}.{each['name']}" for place in ("path", "query") for each in self._of(place))
        yield from (pointer(path) for path, _ in self.fields())

    def _of(self, place: str) -> Iterator[Mapping[str, Any]]:
        yield from (each for each in self.parameters if each["in"] == place)


def operations(document: Mapping[str, Any], *, has_streams: bool = False) -> Iterator[Operation]:
    """All operations but those without a caller, and streams, which end late: `has_streams` includes them."""
    for path, methods in document["paths"].items():
        for method in METHODS:
            described = methods.get(method)
            if described and described.get("security") and (has_streams or not _is_stream(described)):
                parameters = tuple(_plain(each, document) for each in described.get("parameters", ()))
                yield Operation(described["operationId"], method.upper(), path, parameters, _body(described, document))


def pointer(path: Path) -> str:
    """The name of a field of the body in a refusal."""
    return ".".join(map(str, ("body", *path)))


def with_value(body: Any, path: Path, value: Any) -> Any:
    """A copy of the body with another value at the path."""
    changed = copy.deepcopy(body)
    place = changed
    for part in path[:-1]:
        place = place[part]
    place[path[-1]] = value
    return changed


def example(schema: Schema, name: str) -> Any:
    """A valid value."""
    schema = next(each for each in schema.get("anyOf", [schema]) if each.get("type") != "null")
    if name in _VALID:
        return _VALID[name]
    if "const" in schema or "enum" in schema:
        return schema.get("const") or schema["enum"][0]
    if "pattern" in schema:
        return next(code for code in _CODES if re.search(schema["pattern"], code))
    if schema.get("type") == "object":
        return {each: example(part, each) for each, part in schema.get("properties", {}).items()}
    if schema.get("type") == "array":
        return [example(schema["items"], name)]
    return _EXAMPLES.get(schema.get("format", schema.get("type")), "text")


def _fields(schema: Schema, path: Path) -> Iterator[tuple[Path, Schema]]:
    if path:
        yield path, schema
    inner = next(each for each in schema.get("anyOf", [schema]) if each.get("type") != "null")
    for name, part in inner.get("properties", {}).items():
        yield from _fields(part, (*path, name))
    if "items" in inner:
        yield from _fields(inner["items"], (*path, 0))


def _body(described: Mapping[str, Any], document: Mapping[str, Any]) -> Schema | None:
    content = described.get("requestBody", {}).get("content", {})
    found: Schema | None = _plain(content["application/json"]["schema"], document) if "application/json" in content else None
    if found and "anyOf" in found:  # a body that may be absent
        found = next(each for each in found["anyOf"] if each.get("type") != "null")
    return found


def _is_stream(described: Mapping[str, Any]) -> bool:
    return "text/event-stream" in described["responses"].get("200", {}).get("content", {})


def _plain(schema: Any, document: Mapping[str, Any]) -> Any:
    """The schema with every reference replaced by its target."""
    if isinstance(schema, dict):
        if "$ref" in schema:
            name = schema["$ref"].rpartition("/")[2]
            return _plain(
                {**document["components"]["schemas"][name], **{key: each for key, each in schema.items() if key != "$ref"}}, document
            )
        return {key: _plain(each, document) for key, each in schema.items()}
    return [_plain(each, document) for each in schema] if isinstance(schema, list) else schema
