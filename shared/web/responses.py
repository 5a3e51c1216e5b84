"""Responses: a view as JSON with its version as ETag, the permitted commands, and pages of a list."""

from collections.abc import Iterable, Sequence
from datetime import date, time
from typing import Annotated, Any, Generic, TypeVar

from fastapi import Request, Response
from fastapi.routing import iter_route_contexts
from pydantic import BaseModel, ConfigDict, WithJsonSchema

from shared.kernel.state_table import Transitions, allowed_commands
from shared.persistence.idempotency import StoredResponse, store_response
from shared.persistence.person_names import PersonName
from shared.persistence.transaction import Transaction

N = TypeVar("N", bound="ResponseModel")
V = TypeVar("V")


class ResponseModel(BaseModel):
    """The body of a response, built from domain values."""

    model_config = ConfigDict(frozen=True, from_attributes=True)


#: A time of day of London without an offset, such as `09:00:00`; JSON Schema's format `time` requires an offset.
LocalTime = Annotated[time, WithJsonSchema({"type": "string", "pattern": "^[0-2][0-9]:[0-5][0-9]:[0-5][0-9]$"})]


class VersionedResponse(ResponseModel):
    version: int


class NameView(ResponseModel):
    """The person's name and date of birth."""

    given_name: str
    family_name: str
    born_on: date | None

    @classmethod
    def of(cls, name: PersonName | None) -> "NameView | None":
        return cls.model_validate(name) if name else None


class Action(ResponseModel):
    """A command that the current state permits."""

    name: str
    method: str
    href: str


class Page(ResponseModel, Generic[V]):
    """`next` is the cursor of the following page; absent on the last."""

    items: list[V]
    next: str | None = None


def named(form: type[N], view: ResponseModel, name: PersonName | None) -> N:
    """The view of an item of a list with the person's name: `form` is the class of `view` with the field `person`."""
    return form.model_validate({**dict(view), "person": NameView.of(name)})


def json_response(view: ResponseModel, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(view.model_dump_json().encode(), status, _headers(view, headers), "application/json")


def created(tx: Transaction[Any], view: ResponseModel, location: str) -> Response:
    """Returns 201, and the same response for a repetition of the request."""
    return _stored(tx, view, 201, {"Location": location})


def accepted(tx: Transaction[Any], view: ResponseModel) -> Response:
    """Returns 202, and the same response for a repetition of the request."""
    return _stored(tx, view, 202)


def changed(tx: Transaction[Any], view: ResponseModel) -> Response:
    """Returns 200, and the same response for a repetition of the request."""
    return _stored(tx, view, 200)


def actions(request: Request, status: Any, tables: Sequence[Transitions], **path: Any) -> list[Action]:
    """The commands that a state permits, each with its address."""
    return links(request, [command for table in tables for command in allowed_commands(status, table)], **path)


def links(request: Request, commands: Iterable[type], **path: Any) -> list[Action]:
    """The commands, each with its address: a route has the name of its command."""
    methods = {route.name: route.methods for route in iter_route_contexts(request.app.routes) if route.methods}
    names = [command.__name__ for command in commands]
    return [Action(name=name, method=min(methods[name]), href=str(request.app.url_path_for(name, **path))) for name in names]


def etag(version: int) -> str:
    return f'W/"{version}"'


def _stored(tx: Transaction[Any], view: ResponseModel, status: int, more: dict[str, str] | None = None) -> Response:
    headers, body = _headers(view, more), view.model_dump_json().encode()
    store_response(tx, StoredResponse(status, headers, body))
    return Response(body, status, headers, "application/json")


def _headers(view: ResponseModel, more: dict[str, str] | None) -> dict[str, str]:
    tag = {"ETag": etag(view.version)} if isinstance(view, VersionedResponse) else {}
    return {**tag, **(more or {})}
