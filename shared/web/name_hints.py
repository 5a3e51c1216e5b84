"""Hints for an unknown parameter or field: the nearest permitted name, and all permitted names.

An unknown name is repeated only when it is a misspelt permitted one: otherwise it may be a person's name or number.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, get_args

from pydantic import BaseModel

from shared.kernel.nearest import nearest

#: Stands for an unknown name in the path of an error.
HIDDEN = "?"
_WORDS = re.compile(r"[A-Za-z_-]{1,64}")


def shown(name: str, permitted: Sequence[str]) -> str:
    """The name itself when it is close to a permitted one and has letters only."""
    return name if _WORDS.fullmatch(name) and nearest(name, permitted) else HIDDEN


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
    name = shown(str(unknown), permitted)
    return {**error, "loc": (*error["loc"][:-1], name), "ctx": {"hint": hint(name, permitted)}}


def names_within(body: Any) -> frozenset[str]:
    """The names of all fields of a body, also of the objects in it."""
    pending, found = list(_models(body)), set[type[BaseModel]]()
    while pending:
        model = pending.pop()
        if model not in found:
            found.add(model)
            pending += [each for field in model.model_fields.values() for each in _models(field.annotation)]
    return frozenset(name for model in found for name in model.model_fields)


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
