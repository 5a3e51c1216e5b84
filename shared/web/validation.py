"""Plain sentences for pydantic's errors: each states the expectation that a value does not meet, never the value."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

_OTHER = "The value does not match the schema."
_WHOLE_NUMBER, _NUMBER = "The value must be a whole number.", "The value must be a number."
_BOOLEAN, _UUID, _TEXT = "The value must be true or false.", "The value must be a UUID.", "The value must be a string."
_DATE = "The value must be a date such as 2015-03-16."
_TIME = "The value must be a date and time with an offset, such as 2015-03-16T09:00:00Z."
_OBJECT, _LIST = "The value must be a JSON object.", "The value must be a list."
_CHOICE = "The value must be {expected}."
_VALUE_ERROR = "Value error, "

#: By the error type of pydantic or of `requests.py`. The names in braces are those of the error's context.
_SENTENCES: Mapping[str, str] = {
    "missing": "The field is required.",
    "extra_forbidden": "The field is unknown. {hint}",
    "parameter_unknown": "The parameter is unknown. {hint}",
    "parameter_repeated": "The parameter occurs more than once.",
    "none_required": "The value must be null.",
    "enum": _CHOICE,
    "literal_error": _CHOICE,
    "string_type": _TEXT,
    "string_unicode": "The string contains half of a surrogate pair, such as \\ud800, which is no character.",
    "string_too_short": "The string is too short; the minimum length is {min_length}.",
    "string_too_long": "The string is too long; the maximum length is {max_length}.",
    "string_pattern_mismatch": "The string must match the pattern '{pattern}'.",
    "too_short": "The list is too short; the minimum length is {min_length}.",
    "too_long": "The list is too long; the maximum length is {max_length}.",
    "greater_than_equal": "The lowest permitted value is {ge}.",
    "less_than_equal": "The highest permitted value is {le}.",
    "greater_than": "The value must be above {gt}.",
    "less_than": "The value must be below {lt}.",
    "int_type": _WHOLE_NUMBER,
    "int_parsing": _WHOLE_NUMBER,
    "int_parsing_size": _WHOLE_NUMBER,
    "int_from_float": _WHOLE_NUMBER,
    "float_type": _NUMBER,
    "float_parsing": _NUMBER,
    "finite_number": _NUMBER,
    "decimal_type": _NUMBER,
    "decimal_parsing": _NUMBER,
    "bool_type": _BOOLEAN,
    "bool_parsing": _BOOLEAN,
    "uuid_type": _UUID,
    "uuid_parsing": _UUID,
    "uuid_version": _UUID,
    "date_type": _DATE,
    "date_parsing": _DATE,
    "date_from_datetime_parsing": _DATE,
    "date_from_datetime_inexact": _DATE,
    "datetime_type": _TIME,
    "datetime_parsing": _TIME,
    "datetime_from_date_parsing": _TIME,
    "datetime_object_invalid": _TIME,
    "timezone_aware": _TIME,
    "dict_type": _OBJECT,
    "model_type": _OBJECT,
    "model_attributes_type": _OBJECT,
    "dataclass_type": _OBJECT,
    "list_type": _LIST,
    "tuple_type": _LIST,
    "set_type": _LIST,
    "frozen_set_type": _LIST,
}


@dataclass(frozen=True, slots=True, eq=False)
class UnusualValue:
    """Stands for the list of values of a repeated field, or for a string with half of a surrogate pair. No type accepts it.

    `error` is the type of its error.
    """

    error: str
    value: Any


def errors_of(problem: ValidationError) -> list[dict[str, Any]]:
    """The errors without the values of the request."""
    return [_without_input(**each) for each in problem.errors(include_url=False)]


def _without_input(*, input: Any, **error: Any) -> dict[str, Any]:  # noqa: A002  a key of pydantic's errors
    return error | {"type": input.error} if isinstance(input, UnusualValue) else error


def without_false_lengths(errors: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
    """The errors without those on the length of a list that has an invalid item: pydantic counts the valid items only."""
    return [each for each in errors if each["type"] != "too_short" or not any(_is_inside(other["loc"], each["loc"]) for other in errors)]


def _is_inside(inner: Sequence[int | str], outer: Sequence[int | str]) -> bool:
    return len(inner) > len(outer) and inner[: len(outer)] == outer


def sentence(error: Mapping[str, Any]) -> str:
    """The sentence for one error of pydantic. The text of a ValueError is the product's and becomes a sentence."""
    if error["type"] == "value_error":
        text = str(error["msg"]).removeprefix(_VALUE_ERROR)
        return f"{text[:1].upper()}{text[1:]}."
    return _SENTENCES.get(error["type"], _OTHER).format_map(error.get("ctx", {}))
