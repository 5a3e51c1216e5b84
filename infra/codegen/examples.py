"""A synthetic example of an event, made from its contract alone: the same contract gives the same example."""

from datetime import date
from enum import Enum
from hashlib import sha256, sha512
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin
from uuid import UUID

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from shared.contracts.event import Event
from shared.kernel.ids import derived_id

_INSTANT, _DAY = "2026-09-20T18:30:00Z", "2026-09-21"
#: Plausible values of fields that hold codes or, in restricted events, words. All people are synthetic.
_BY_NAME = {
    "reference": "CPA-MQ3P-WD5J",
    "service_code": "district-nursing",
    "practice_code": "W07",
    "organisation": "CLCH",
    "referrer_organisation": "W07",
    "professional_id": "clch-community-nurse-1",
    "clinician_id": "clch-enp-1",
    "navigator_id": "clch-navigator-1",
    "from_navigator_id": "clch-navigator-1",
    "to_navigator_id": "clch-navigator-2",
    "rule_version": "table-14-1",
    "reason": "no-longer-needed",
    "given_name": "Colin",
    "family_name": "Dale",
    "name": "Louise",
    "relationship": "daughter",
    "lives_in": "East Finchley",
    "address": "Oakleigh",
    "before": sha256(b"before").hexdigest(),
    "head": sha256(b"head").hexdigest(),
    "signature": sha512(b"signature").hexdigest(),
    "key_id": sha256(b"key").hexdigest()[:16],
    "account": "His purse is empty again, and the lodger has his card.",
}


def example(event: type[Event]) -> dict[str, Any]:
    """The event's data as JSON values."""
    return {name: _value(name, field) for name, field in event.model_fields.items()}


def _value(name: str, field: FieldInfo) -> Any:
    return _of_type(name, field.annotation)


def _of_type(name: str, kind: Any) -> Any:
    origin = get_origin(kind)
    if origin in {Union, UnionType}:
        kinds = [each for each in get_args(kind) if each is not type(None)]
        return None if name == "nhs_number" else _of_type(name, kinds[0])
    if origin is Annotated:
        return _of_type(name, get_args(kind)[0])
    if origin in {tuple, list, frozenset}:
        return [_of_type(name, get_args(kind)[0])]
    return _of_class(name, kind)


def _of_class(name: str, kind: Any) -> Any:
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return {each: _value(each, field) for each, field in kind.model_fields.items()}
    if isinstance(kind, type) and issubclass(kind, Enum):
        return next(iter(kind)).value
    simple: dict[Any, Any] = {bool: True, int: 1, float: 1.5, UUID: str(derived_id("example", name)), date: _DAY}
    if kind in simple:
        return simple[kind]
    return _BY_NAME.get(name, "example") if kind is str else _INSTANT
