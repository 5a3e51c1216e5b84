"""How variables of the environment are read: their types, and errors that name the variable."""

import json
import re
from base64 import b64decode
from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import timedelta
from typing import Annotated, Any, TypeVar, get_args, get_type_hints

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, SettingsError

from shared.deployment.secret_files import VARIABLE as SECRETS_VARIABLE
from shared.deployment.secret_files import secrets_folder
from shared.deployment.setting_errors import DURATION, ConfigurationError, sentences
from shared.kernel.value_rules import Range
from shared.persistence.protected_address import protected

P = TypeVar("P")
S = TypeVar("S", bound=BaseSettings)

_KEY_BYTES = 32
_VERSION = r"^[A-Za-z0-9_-]{1,40}$"
_ISO_8601 = re.compile(r"-?P[0-9.,YMWDTHS]+")


def read(settings: type[S]) -> S:
    """A variable comes from the environment, else from the file of its name among the secrets. Raises ConfigurationError."""
    prefix, folder = settings.model_config.get("env_prefix", ""), secrets_folder()
    try:
        return settings(_secrets_dir=folder)
    except UnicodeDecodeError:
        raise ConfigurationError(f"{SECRETS_VARIABLE}: a file in this folder is not text.") from None
    except SettingsError as problem:
        field = re.search(r'field "(\w+)"', str(problem))
        raise ConfigurationError(f"{variable_name(prefix, field[1] if field else '')} is not JSON.") from None
    except ValidationError as problem:
        raise ConfigurationError(sentences(problem, lambda loc: variable_name(prefix, str(loc[0])), _ranges(settings))) from None


def policy(kind: type[P], values: Mapping[str, Any], variable: str) -> P:
    """A context's policy, with the fields in `variable` in place of the defaults.

    Raises ConfigurationError, also for an unknown name.
    """
    known = [field.name for field in fields(kind)]  # type: ignore[arg-type]
    for name in values:
        if name not in known:
            raise ConfigurationError(f"{variable}: there is no “{name}”; there are {', '.join(known)}.")
    for name, hint in get_type_hints(kind).items():
        if timedelta in (hint, *get_args(hint)) and not _are_durations(values.get(name, [])):
            raise ConfigurationError(f"{variable}: {name}: {DURATION}.")
    try:
        return TypeAdapter(kind).validate_json(json.dumps(values), strict=True)
    except ValidationError as problem:
        raise ConfigurationError(sentences(problem, lambda loc: ": ".join([variable, *_field(loc)]))) from None


def _are_durations(value: object) -> bool:
    """Whether every text of the value is an ISO 8601 duration: pydantic also accepts forms such as `7days`."""
    return all(isinstance(each, str) and _ISO_8601.fullmatch(each) for each in (value if isinstance(value, list) else [value]))


def _field(loc: Sequence[int | str]) -> Sequence[str]:
    """The path of a value in a policy, as one name; empty for the policy as a whole. `[key]` is pydantic's mark of a mapping's key."""
    return [".".join(str(each) for each in loc if each != "[key]")] if loc else []


def _key(secret: SecretStr) -> SecretStr:
    try:
        found = b64decode(secret.get_secret_value(), validate=True)
    except ValueError:
        raise ValueError("it is not base64") from None
    if len(found) != _KEY_BYTES:
        raise ValueError(f"it holds {len(found)} bytes, not {_KEY_BYTES}")
    return secret


def _protected(address: SecretStr) -> SecretStr:
    protected(address.get_secret_value())
    return address


def _duration(value: object) -> object:
    if isinstance(value, str) and not _are_durations(value):
        raise ValueError(DURATION)
    return value


def none_when_empty(value: object) -> object:
    return None if value == "" else value


#: ISO 8601 alone; pydantic accepts more.
Duration = Annotated[timedelta, BeforeValidator(_duration)]
#: 256 bits in base64.
Key = Annotated[SecretStr, AfterValidator(_key)]
#: An address of PostgreSQL on this machine, or with TLS and a verified server.
DatabaseAddress = Annotated[SecretStr, Field(min_length=1), AfterValidator(_protected)]
#: The keys of one producer: during a rotation its current version and another one.
Versions = Annotated[dict[Annotated[str, Field(pattern=_VERSION)], Key], Field(min_length=1, max_length=2)]


def bytes_of(key: SecretStr) -> bytes:
    return b64decode(key.get_secret_value())


def variable_name(prefix: str, field: str) -> str:
    """The name of the field's variable: the alias as it is, or the prefix and the field's name."""
    return field if field.isupper() else f"{prefix}{field}".upper()


def range_of(field: FieldInfo) -> Range | None:
    """The range of a setting that has both bounds."""
    bounds = {name: value for name in ("ge", "le") for rule in field.metadata if (value := getattr(rule, name, None)) is not None}
    return Range(**bounds) if len(bounds) == len(("ge", "le")) else None


def _ranges(settings: type[BaseSettings]) -> Mapping[str, Range]:
    return {name: found for name, field in settings.model_fields.items() if (found := range_of(field))}
