"""Examples of bodies and answers, composed of the examples of their fields, so that each field has one example in all of them."""

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from shared.kernel.errors import DomainError
from shared.web.descriptions import ApiDescription
from shared.web.problems import BODY_ADVICE

Schema = Mapping[str, Any]

_FORMATS: Mapping[str, tuple[str, str]] = {
    "date": (r"\d{4}-\d\d-\d\d", "2026-09-21"),
    "date-time": (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "2026-09-21T09:00:00Z"),
    "uuid": (r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "0193a1f0-0000-7000-8000-000000000001"),
    "time": (r"\d\d:\d\d:\d\d", "09:00:00"),
}
_TYPES: Mapping[str, type | tuple[type, ...]] = {
    "string": str,
    "boolean": bool,
    "integer": int,
    "number": (int, float),
    "array": list,
    "object": dict,
    "null": type(None),
}
#: Details and advice of refusals of the request itself; those of rules come from their classes.
HTTP_PROBLEMS: Mapping[str, tuple[str, str]] = {
    "token-missing": ("The request has no bearer token.", "Fetch a new token and send it as 'Authorization: Bearer ...'."),
    "token-expired": ("The token has expired.", "Fetch a new token and send it as 'Authorization: Bearer ...'."),
    "token-invalid": ("The token is not valid for this service.", "Fetch a new token and send it as 'Authorization: Bearer ...'."),
    "scope-missing": ("The token needs the scope referrals:refer.", "Ask the access administrator for a token with this scope."),
    "malformed-request": ("The body is not valid JSON.", "Send a JSON document."),
    "not-found": ("Resource not found.", "Check the path."),
    "body-too-large": ("The body exceeds the size limit.", BODY_ADVICE),
    "json-expected": ("The body is not sent as JSON.", "Send Content-Type: application/json."),
    "csv-expected": ("The risk file is not sent as CSV.", "Send the file as the body with Content-Type: text/csv."),
    "if-match-missing": ("The request has no If-Match header.", "Read the resource and send its ETag in If-Match."),
    "if-match-malformed": ("If-Match is not an ETag of this service.", "Read the resource and send its ETag in If-Match."),
    "idempotency-key-missing": (
        "The request has no Idempotency-Key header.",
        "Send a new UUID in Idempotency-Key; repeat a request with the same one.",
    ),
    "cursor-malformed": (
        "The cursor does not belong to this list.",
        "Send `next` of the previous page unchanged; omit it for the first page.",
    ),
    "last-event-id-malformed": ("Last-Event-ID is not an id of this feed.", "Send the id of the last received event unchanged."),
    "validation-failed": ("The request does not match the schema.", "Correct the listed fields; the OpenAPI pages describe each."),
    "limit-reached": (
        "The limit caller_misses is reached.",
        "Repeat the request after the seconds of Retry-After; an urgent referral can also be made by telephone.",
    ),
    "internal-error": ("The service failed to process the request.", "Report the instance, then repeat the request unchanged."),
    "temporarily-unavailable": (
        "The service is temporarily unavailable.",
        "Repeat the request unchanged; Idempotency-Key and If-Match prevent a second effect.",
    ),
    "overloaded": (
        "The service has more requests than it can answer in time.",
        "Repeat the request unchanged after the seconds of Retry-After; an urgent referral can also be made by telephone.",
    ),
}


class Examples:
    """`schemas` are the components of the document."""

    def __init__(self, schemas: Mapping[str, Schema], description: ApiDescription) -> None:
        self._schemas, self._description = schemas, description

    def of(self, schema: Schema, name: str = "", component: str = "") -> Any:
        """A value that the schema permits."""
        if "$ref" in schema:
            known = self.of_field(schema, name, component)
            target = schema["$ref"].rpartition("/")[2]
            return known[0] if known else self._of_component(target)
        if known := self.of_field(schema, name, component):
            return known[0]
        return self._made(schema, name, component)

    def of_field(self, schema: Schema, name: str, component: str) -> tuple[Any] | None:
        """The stated example of a field, if its schema permits it."""
        _, is_stated, value = self._description.text(f"{component}.{name}", name)
        return (value,) if is_stated and self.fits(value, schema) else None

    def fits(self, value: Any, schema: Schema) -> bool:
        """Whether the schema permits the value, as far as examples need it."""
        if "$ref" in schema:
            return self.fits(value, self._schemas[schema["$ref"].rpartition("/")[2]])
        if "anyOf" in schema:
            return any(self.fits(value, each) for each in schema["anyOf"])
        if "enum" in schema or "const" in schema:
            return value in schema.get("enum", [schema.get("const")])
        if "type" in schema and not _is_of_type(value, schema["type"]):
            return False
        if isinstance(value, str):
            pattern = schema.get("pattern") or _FORMATS.get(schema.get("format", ""), ("",))[0]
            return re.search(pattern, value) is not None
        return not isinstance(value, list) or all(self.fits(each, schema.get("items", {})) for each in value)

    def _of_component(self, component: str) -> Any:
        schema = self._schemas[component]
        if "properties" in schema:
            return {name: self.of(each, name, component) for name, each in schema["properties"].items()}
        return self._made(schema, "", component)

    def _made(self, schema: Schema, name: str, component: str) -> Any:
        if "anyOf" in schema:
            return self.of(next(each for each in schema["anyOf"] if each.get("type") != "null"), name, component)
        if schema.get("default") not in (None, []):
            return schema["default"]
        if "enum" in schema or "const" in schema:
            return schema.get("const", schema.get("enum", [None])[0])
        if schema.get("type") == "array":
            return [self.of(schema["items"], name, component)] if "items" in schema else []
        if "properties" in schema:
            return {each: self.of(part, each, component) for each, part in schema["properties"].items()}
        made: Mapping[str, Any] = {"boolean": False, "integer": 1, "number": 1.5, "object": {}, "null": None}
        kind = schema.get("type", "object")
        return made[kind] if kind in made else _FORMATS.get(schema.get("format", ""), ("", "text"))[1]


def problem_example(status: int, code: str) -> Mapping[str, Any]:
    """The body of a refusal with this code."""
    detail, advice = HTTP_PROBLEMS.get(code) or _rules().get(code) or ("The request was refused.", DomainError.advice)
    problem = {
        "type": f"urn:care-coordination:problem:{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": code,
        "detail": detail,
        "advice": advice,
        "instance": "4bf92f3577b34da6a3ce929d0e0e4736",
        "errors": [],
    }
    if code == "validation-failed":
        problem["errors"] = [{"field": "query.limit", "problem": "The value must be a whole number."}]
    return problem


def _is_of_type(value: Any, kind: str) -> bool:
    return isinstance(value, _TYPES[kind]) and (kind == "boolean" or not isinstance(value, bool))


def _rules(family: type[DomainError] = DomainError) -> Mapping[str, tuple[str, str]]:
    """The first sentence and the advice of each rule, by its code."""
    found: dict[str, tuple[str, str]] = {}
    for rule in family.__subclasses__():
        if "code" in vars(rule):
            found.setdefault(rule.code, (f"{' '.join((rule.__doc__ or '').split()).partition('. ')[0].rstrip('.')}.", rule.advice))
        found = {**_rules(rule), **found}
    return found
