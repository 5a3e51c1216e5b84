"""Hints for an unknown parameter or field: the nearest permitted name, and all permitted names."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, get_args

from pydantic import BaseModel

from shared.kernel.nearest import nearest


def hint(name: str, permitted: Sequence[str]) -> str:
    """`The nearest is status. Permitted: status, cursor.`."""
    close = nearest(name, permitted)
    return f"{f'The nearest is {close}. ' if close else ''}Permitted: {', '.join(permitted) or 'none'}."


def with_hints(errors: Sequence[Mapping[str, Any]], body: Any) -> Sequence[Mapping[str, Any]]:
    """The errors of a request; each unknown field of `body`, the type of the request's body, has a hint."""
    return [_with_hint(error, body) if error["type"] == "extra_forbidden" else error for error in errors]


def _with_hint(error: Mapping[str, Any], body: Any) -> Mapping[str, Any]:
    _, *path, unknown = error["loc"]
    models = _models_at(body, path)
    permitted = list(dict.fromkeys(name for model in models for name in model.model_fields))
    return {**error, "ctx": {"hint": hint(str(unknown), permitted)}}


def _models_at(body: Any, path: Sequence[int | str]) -> list[type[BaseModel]]:
    """Numbers of items do not matter: every item of a list has the same types."""
    models = list(_models(body))
    for name in path:
        if isinstance(name, str):
            fields = [model.model_fields[name] for model in models if name in model.model_fields]
            models = [each for field in fields for each in _models(field.annotation)]
    return models


def _models(kind: Any) -> Iterator[type[BaseModel]]:
    """The models of a type, also those within an optional type, a list or an annotation."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        yield kind
    for part in get_args(kind):
        yield from _models(part)
