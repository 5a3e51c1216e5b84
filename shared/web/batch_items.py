"""Items of a batch: an invalid one is kept with its errors, so that it does not refuse the others."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar, get_args

from pydantic import GetCoreSchemaHandler, ValidationError
from pydantic_core import CoreSchema, core_schema
from pydantic_core.core_schema import ValidatorFunctionWrapHandler

from shared.web.validation import errors_of

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class InvalidItem:
    """The errors of pydantic; their locations begin at the item."""

    errors: Sequence[Mapping[str, Any]]


class _EachAlone:
    """Validates an item by the first type of a union, and describes that type alone."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_wrap_validator_function(_item, handler.generate_schema(get_args(source)[0]))


def _item(value: Any, validate: ValidatorFunctionWrapHandler) -> Any:
    try:
        return validate(value)
    except ValidationError as problem:
        return InvalidItem(errors_of(problem))


#: `tuple[BatchItem[NewReferral], ...]` in the body of a batch.
BatchItem = Annotated[T | InvalidItem, _EachAlone()]
