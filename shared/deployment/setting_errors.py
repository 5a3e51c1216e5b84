"""The sentences of errors in the environment variables: each names the variable and quotes no secret."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from shared.kernel.value_rules import Range
from shared.web import validation

Named = Callable[[Sequence[int | str]], str]

DURATION = "the value must be an ISO 8601 duration, such as PT30M or P14D"
#: Sentences that replace those of the web, by pydantic's error type.
_OF_SETTINGS: Mapping[str, str] = {
    "json_invalid": "the value is not JSON",
    "json_type": "the value is not JSON",
    "too_short": "the number of entries must be at least {min_length}",
    "string_too_short": "the value must not be empty",
    "string_pattern_mismatch": "the value must consist of letters, digits, dots, hyphens and underscores, and match the pattern {pattern}",
    "path_not_file": "there is no such file",
    "time_delta_type": DURATION,
    "time_delta_parsing": DURATION,
    "time_type": "the value must be a time of day, such as 09:00",
    "time_parsing": "the value must be a time of day, such as 09:00",
}
_RANGE_ERRORS = {"greater_than_equal", "less_than_equal"}


class ConfigurationError(Exception):
    """The environment is wrong. The text names the variable and quotes no secret."""


def sentences(problem: ValidationError, named: Named, ranges: Mapping[str, Range] = MappingProxyType({})) -> str:
    return " ".join(dict.fromkeys(_sentence(named, error, ranges) for error in problem.errors()))


def _sentence(named: Named, error: ErrorDetails, ranges: Mapping[str, Range]) -> str:
    name, kind = named(error["loc"]), error["type"]
    if kind == "missing":
        is_entry = len(error["loc"]) > 1
        return f"{named(error['loc'][:1])}: an entry is missing." if is_entry else f"{name} is not set."
    if kind == "value_error":
        return f"{name}: {error['msg'].removeprefix('Value error, ')}."
    if kind in _RANGE_ERRORS and (permitted := ranges.get(str(error["loc"][0]))):
        return f"{name} must be {permitted}."
    if kind in _OF_SETTINGS:
        return f"{name}: {_OF_SETTINGS[kind].format_map(error.get('ctx', {}))}."
    text = validation.sentence(error)
    return f"{name}: {text[:1].lower()}{text[1:]}"
