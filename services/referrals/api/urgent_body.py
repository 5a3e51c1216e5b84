"""The body of an urgent referral, read value by value. A value that its field cannot have is kept as text: care waits for none (IG2, G11).

Unknown fields are refused as everywhere. An unreadable NHS number and date of birth have fields of their own for the text.
"""

import json
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from operator import attrgetter
from typing import Annotated, Any

from pydantic import BaseModel, TypeAdapter, ValidationError

from services.referrals import commands
from services.referrals.domain.story import NOT_GIVEN
from shared.contracts.codes import IS_URGENT
from shared.contracts.input_types import MAX_TYPED_NUMBER, TypedPracticeCode
from shared.contracts.persons import SharingPreference, Story
from shared.kernel import normalisation

#: The codes of an urgent referral.
_URGENT = [urgency.value for urgency, is_urgent in IS_URGENT.items() if is_urgent]
_TOLERANT = ("nhs_number", "demographics", "story", "condition", "sharing", "sharing_stated_by")
_CODES = ("source", "reason", "urgency", "condition", "sharing_stated_by")
#: Names of an unknown field of the referral, of the demographics and of the story. Inside a contact it makes the contact unreadable.
_DEPTH = 2
_UNREADABLE = object()
_CUT = "\u2026"
#: The items of a list that are read one by one, about 0.1 ms each; the rest is kept as one text.
_MOST_ITEMS = 1_000
#: A value that the form of its field refuses, and this one permits, is recorded as typed.
_AS_TYPED: Mapping[str, TypeAdapter[Any]] = {"practice_code": TypeAdapter(TypedPracticeCode)}


def is_readable(body: Any, refusal: ValidationError) -> bool:
    """Whether a refused body is that of an urgent referral, and each error concerns a value that is kept as text."""
    is_urgent = isinstance(body, Mapping) and body.get("urgency") in _URGENT
    return is_urgent and not any(_is_final(error["type"], error["loc"]) for error in refusal.errors(include_url=False))


def read(sent: Mapping[str, Any], whole: type[BaseModel], demographics: type[BaseModel]) -> commands.ReceiveReferral:
    """The referral with what the fields of `whole` and `demographics` can have, and the text of the rest."""
    body, reading = _plain(sent), _Reader()
    known = {name: reading.value(whole, name, body.get(name)) for name in _CODES}
    return commands.ReceiveReferral(
        nhs_number=reading.typed("nhs_number", body.get("nhs_number")),
        demographics=reading.demographics(demographics, body.get("demographics")),
        story=reading.story(body.get("story")),
        sharing=reading.sharing(whole, body.get("sharing")),
        **known,
        unreadable=tuple(reading.unreadable),
    )


class _Reader:
    """`unreadable` has each value that its field cannot have, after the name of the field."""

    def __init__(self) -> None:
        self.unreadable: list[str] = []

    def demographics(self, model: type[BaseModel], sent: Any) -> commands.Demographics | None:
        if not isinstance(sent, Mapping):
            self._keep("demographics", sent)
            return None
        values, born_on = self._values(model, {**sent, "born_on": None}), _read(model, "born_on", sent.get("born_on"))
        if born_on is _UNREADABLE:
            return commands.Demographics(**values, born_as_typed=self.typed("born_on", sent.get("born_on")))
        return commands.Demographics(**values | {"born_on": born_on})

    def story(self, sent: Any) -> Story | None:
        if not isinstance(sent, Mapping):
            self._keep("story", sent)
            return None
        values = self._values(Story, sent)
        return Story(**{"narrative": NOT_GIVEN} | {name: value for name, value in values.items() if value is not None})

    def sharing(self, model: type[BaseModel], sent: Any) -> SharingPreference | None:
        """The preference. One that cannot be read counts as the strictest, until the Community Point of Access has asked."""
        kept = len(self.unreadable)
        value: SharingPreference | None = self.value(model, "sharing", sent)
        return SharingPreference.WITHHELD if len(self.unreadable) > kept else value

    def value(self, model: type[BaseModel], name: str, sent: Any) -> Any:
        """The value of the field; None for an unreadable one. A list has its readable items among the first ones."""
        value = _read(model, name, sent)
        if value is not _UNREADABLE:
            return value
        if isinstance(sent, list) and model.model_fields[name].default == ():
            self._keep(name, sent[_MOST_ITEMS:])
            return tuple(item for each in sent[:_MOST_ITEMS] for item in self._item(model, name, each))
        self._keep(name, sent)
        return None

    def typed(self, name: str, sent: Any) -> str | None:
        """The text of a field that has room for it; a longer one is cut there, and kept."""
        text = normalisation.line(_as_text(sent))
        if len(text) <= MAX_TYPED_NUMBER:
            return text or None
        self._keep(name, sent)
        return text[: MAX_TYPED_NUMBER - len(_CUT)] + _CUT

    def _values(self, model: type[BaseModel], sent: Mapping[str, Any]) -> dict[str, Any]:
        """By field. A name that UTF-8 cannot encode is not refused as an unknown one."""
        for name in sent.keys() - model.model_fields.keys():
            self._keep(name, sent[name])
        return {name: self.value(model, name, sent.get(name)) for name in model.model_fields}

    def _item(self, model: type[BaseModel], name: str, sent: Any) -> tuple[Any, ...]:
        items = _read(model, name, [sent])
        if items is not _UNREADABLE:
            return tuple(items)
        self._keep(name, sent)
        return ()

    def _keep(self, name: str, sent: Any) -> None:
        if text := _as_text(sent):
            self.unreadable.append(f"{name.replace('_', ' ')}: {text}")


def _is_final(kind: str, location: tuple[int | str, ...]) -> bool:
    return location[:1] not in {(name,) for name in _TOLERANT} or (kind == "extra_forbidden" and len(location) <= _DEPTH)


@cache
def _adapter(model: type[BaseModel], name: str) -> TypeAdapter[Any]:
    field = model.model_fields[name]
    return TypeAdapter(Annotated[field.annotation, field])  # type: ignore[arg-type]


def _read(model: type[BaseModel], name: str, sent: Any) -> Any:
    for form in filter(None, (_adapter(model, name), _AS_TYPED.get(name))):
        with suppress(ValidationError):
            return form.validate_python(sent)
    return _UNREADABLE


def _as_text(sent: Any) -> str:
    """Blank for a value that says nothing."""
    if isinstance(sent, str):
        return normalisation.text(sent)
    return json.dumps(sent, ensure_ascii=False) if sent or isinstance(sent, int | float) else ""


def _plain(body: Mapping[str, Any]) -> dict[str, Any]:
    """The body with a replacement character for each half of a surrogate pair, and the list of its values for each repeated field."""
    written = json.dumps(body, ensure_ascii=False, default=attrgetter("value")).encode("utf-16", "surrogatepass")
    return dict(json.loads(written.decode("utf-16", "replace")))
