"""The readable part of an urgent referral's body: what cannot be read counts as missing, and care does not wait for it (IG2, G11).

Unknown fields stay, so that they are refused as everywhere.
"""

import json
from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any

from pydantic import BaseModel, TypeAdapter, ValidationError

from services.referrals import commands
from services.referrals.domain.story import NOT_GIVEN
from shared.contracts.codes import IS_URGENT
from shared.contracts.persons import Story

#: The codes of an urgent referral.
_URGENT = [urgency.value for urgency, is_urgent in IS_URGENT.items() if is_urgent]
#: Characters of an unreadable number or date of birth that are stored for a check by staff.
_TYPED = 100


def is_urgent(body: Any) -> bool:
    return isinstance(body, Mapping) and body.get("urgency") in _URGENT


def readable(body: Mapping[str, Any], model: type[BaseModel]) -> dict[str, Any]:
    """The body without the values that its model refuses, except its demographics."""
    kept: dict[str, Any] = {**_without_nul(body)}
    for name in ("nhs_number", "condition"):
        if not _is_valid(model, name, kept.get(name)):
            kept[name] = None
    if kept.get("nhs_number") is None and body.get("nhs_number"):
        kept["nhs_number"] = _as_typed(body["nhs_number"])
    if isinstance(kept.get("story"), Mapping):
        kept["story"] = _story(kept["story"])
    return kept if _is_valid(model, "story", kept.get("story")) or isinstance(kept["story"], Mapping) else kept | {"story": None}


def demographics(sent: Any, model: type[BaseModel]) -> commands.Demographics | None:
    """The readable demographics; None when the model knows none of the fields, or not all of them."""
    if not isinstance(sent, Mapping) or not sent.keys() <= model.model_fields.keys():
        return None
    sent = _without_nul(sent)
    values = {name: _adapter(model, name).validate_python(sent.get(name)) if _is_valid(model, name, sent.get(name)) else None
              for name in model.model_fields}  # fmt: skip
    is_unreadable = values["born_on"] is None and sent.get("born_on") is not None
    return commands.Demographics(**values, born_as_typed=_as_typed(sent["born_on"]) if is_unreadable else None)


def _story(sent: Mapping[str, Any]) -> dict[str, Any]:
    sent = _with_unreadable_contacts(sent)
    kept = {name: value for name, value in sent.items() if name not in Story.model_fields or _is_valid(Story, name, value)}
    return {"narrative": NOT_GIVEN, **kept}


def _with_unreadable_contacts(sent: Mapping[str, Any]) -> Mapping[str, Any]:
    """The history has the text of each contact that cannot be read as one."""
    contacts, history = sent.get("contacts"), sent.get("history", [])
    if not isinstance(contacts, list) or not isinstance(history, list):
        return sent
    unreadable = [each for each in contacts if not _is_valid(Story, "contacts", [each])]
    texts = [json.dumps(each, ensure_ascii=False) for each in unreadable]
    return {**sent, "contacts": [each for each in contacts if each not in unreadable], "history": [*history, *texts]}


@cache
def _adapter(model: type[BaseModel], name: str) -> TypeAdapter[Any]:
    field = model.model_fields[name]
    return TypeAdapter(Annotated[field.annotation, field])  # type: ignore[arg-type]


def _is_valid(model: type[BaseModel], name: str, value: Any) -> bool:
    try:
        _adapter(model, name).validate_python(value)
    except ValidationError:
        return False
    return True


def _as_typed(value: Any) -> str:
    return str(value).replace("\x00", "")[:_TYPED]


def _without_nul(value: Any) -> Any:
    """The value without the character NUL, which no database stores."""
    if isinstance(value, str):
        return value.replace("\x00", "")
    if isinstance(value, Mapping):
        return {name: _without_nul(each) for name, each in value.items()}
    return [_without_nul(each) for each in value] if isinstance(value, list) else value
